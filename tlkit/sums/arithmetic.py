"""The arithmetic of a network: sizes, parameters, multiply-adds, memory.

Only shapes are computed, so that even the largest network takes a second.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import keras
import tensorflow as tf

from tlkit.base.choices import did_you_mean
from tlkit.base.errors import UsageError
from tlkit.base.records import Shown, Table, shorten, tabulate
from tlkit.sums.columns import LAYER_COLUMNS
from tlkit.sums.layer_sums import Fields
from tlkit.sums.sizes import BATCH_SIZE

#: Numbers that Adam keeps for every weight: two moving averages.
ADAM_SLOTS = 2
#: How the table of a network is to be read.
_READING = (
    "(one gradient and two moving averages a trained weight, every "
    "layer's output for every image; workspace is not counted).",
    "Multiply-adds are those of convolutions and dense layers. Sizes are "
    "rounded down; 2P is the padding of both sides.",
    "A unit sees so many pixels a side, its neighbour the same number "
    "a jump further on; the centre is that of the first unit, in pixels.",
)


@dataclass(frozen=True, eq=False)
class LayerArithmetic:
    """One layer in numbers, for one image.

    Attributes:
        name: Name of the layer, with the names of the models that hold it
            before it, as in `"base/conv"`. From its second use on, the number
            of the use follows.
        kind: Name of the layer's class.
        window: Its window, such as `3x3 /2 same`. Empty if it has none.
        size_sum: The sum that gives its output size, such as
            `(28 - 3 + 2)/1 + 1`. Empty if it has no window.
        output: Shape of its output, without the batch.
        parameters: Number of its weights. Weights that several layers share
            are counted where they are used first.
        trainable: Number of those weights that training changes.
        multiply_adds: Number of multiply-adds, or None if it is not known.
        activation_bytes: Bytes that its output takes. 0 for a layer that only
            gives its input another shape.
        fields: Receptive fields along rows and columns, or None if they are
            not known.
    """

    name: str
    kind: str
    window: str
    size_sum: str
    output: tuple[int, ...]
    parameters: int
    trainable: int
    multiply_adds: int | None
    activation_bytes: int
    fields: Fields | None


@dataclass(frozen=True, eq=False, repr=False)
class NetworkArithmetic(Shown):
    """A network in numbers.

    Attributes:
        name: Name of the model.
        layers: Its layers, from input to output.
        weight_bytes: Bytes that all weights take.
        trainable_bytes: Bytes that the weights take which training changes.
    """

    name: str
    layers: tuple[LayerArithmetic, ...]
    weight_bytes: int
    trainable_bytes: int

    def __repr__(self) -> str:
        return (
            f"NetworkArithmetic({shorten(self.name)!r}: "
            f"{len(self.layers)} layers, {self.parameters:,} parameters)"
        )

    def table(self, batch_size: int = BATCH_SIZE) -> Table:
        """Returns the layers in numbers, with what they add up to.

        Args:
            batch_size: The images in a step of training, 1 or more.
        """
        title = (
            f"{self.name}: {self.parameters:,} parameters, "
            f"{self.multiply_adds:,} multiply-adds an image"
        )
        notes = self._notes(batch_size)
        return tabulate(title, LAYER_COLUMNS, self.layers, notes)

    def _notes(self, batch_size: int) -> list[str]:
        parts = self.training_memory(batch_size)
        sizes = [f"{name} {size / 1e6:,.1f}" for name, size in parts.items()]
        return [
            f"Weights: {self.weight_bytes / 1e6:,.1f} MB, of which "
            f"{self.trainable:,} parameters are trained. Outputs of all "
            f"layers: {self.activation_bytes / 1e6:,.1f} MB an image.",
            f"Training with Adam, {batch_size} images a step: "
            f"{' + '.join(sizes)} = {sum(parts.values()) / 1e6:,.1f} MB",
            *_READING,
            *self._not_counted_note(),
        ]

    def _not_counted_note(self) -> list[str]:
        unknown = self.not_counted
        if not unknown:
            return []
        more = f" and {len(unknown) - 8} more" if len(unknown) > 8 else ""
        return [f"Not counted: {', '.join(unknown[:8])}{more}."]

    @property
    def parameters(self) -> int:
        """Number of all weights."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def trainable(self) -> int:
        """Number of the weights that training changes."""
        return sum(layer.trainable for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Number of multiply-adds for one image, without unknown layers."""
        return sum(layer.multiply_adds or 0 for layer in self.layers)

    @property
    def activation_bytes(self) -> int:
        """Bytes that the outputs of all layers take, for one image."""
        return sum(layer.activation_bytes for layer in self.layers)

    @property
    def not_counted(self) -> list[str]:
        """Names of the layers whose multiply-adds are not known."""
        return [x.name for x in self.layers if x.multiply_adds is None]

    def training_memory(
        self, batch_size: int, slots: int = ADAM_SLOTS
    ) -> dict[str, int]:
        """Adds up what a training step keeps in memory.

        Counted are the weights; for each weight that is trained, its gradient
        and the optimizer's numbers; and for each image the input and the
        output of every layer, which the backward pass needs. Not counted are
        the gradients of activations, the scratch memory of convolutions, and
        what the framework itself needs. A framework may also keep less, where
        it joins layers or computes in place.

        Args:
            batch_size: Number of images in a step, 1 or more.
            slots: Numbers that the optimizer keeps per weight: 0 for plain
                SGD, 1 with momentum, 2 for Adam.

        Returns:
            Bytes by use: `weights`, `gradients`, `optimizer`, `activations`.

        Raises:
            UsageError: The batch has no images.
        """
        if batch_size < 1:
            raise UsageError(
                "A batch needs at least one image.",
                where="batch",
                expected="1 or more",
                received=batch_size,
            )
        return {
            "weights": self.weight_bytes,
            "gradients": self.trainable_bytes,
            "optimizer": slots * self.trainable_bytes,
            "activations": batch_size * self.activation_bytes,
        }

    def layer(self, name: str) -> LayerArithmetic:
        """Returns a layer by its name.

        Args:
            name: Name as in `LayerArithmetic.name`.

        Raises:
            UsageError: There is no such layer.
        """
        found = {layer.name: layer for layer in self.layers}
        if name not in found:
            raise UsageError(
                f"There is no layer {name!r}.",
                where=f"model {self.name}",
                expected=f"one of {len(found)}, such as {list(found)[-1]}",
                remedy=did_you_mean(name, found),
            )
        return found[name]


def bytes_of(
    things: Iterable[keras.KerasTensor | keras.Variable],
) -> int:
    """Adds up the bytes of tensors or variables, by shape and dtype."""
    # A symbolic tensor has no bytes of its own, only a shape and a dtype.
    return sum(
        math.prod(thing.shape) * tf.as_dtype(thing.dtype).size
        for thing in things
    )


def seen_pixels(
    layer: LayerArithmetic, row: int, column: int
) -> tuple[int, int, int, int]:
    """Returns the pixels of the input that a unit sees.

    Args:
        layer: Layer of the unit.
        row: Row of the unit, from 0.
        column: Column of the unit, from 0.

    Returns:
        `(top, left, bottom, right)` in pixels, all included. If windows are
        dilated or their stride exceeds their size, some pixels in between are
        not seen.

    Raises:
        UsageError: There is no such unit, it sees padding alone, or the
            layer's receptive field is not known.
    """
    if layer.fields is None:
        raise UsageError(
            "The receptive field of this layer is not known.",
            where=f"layer {layer.name} ({layer.kind})",
            expected="below it only layers of known kinds, and branches that "
            "meet with equal strides",
        )
    rows, columns = layer.fields
    limits = len(rows.first), len(columns.first)
    if not (0 <= row < limits[0] and 0 <= column < limits[1]):
        raise UsageError(
            "There is no such unit.",
            where=f"layer {layer.name}",
            expected=f"row 0 to {limits[0] - 1}, column 0 to {limits[1] - 1}",
            received=f"row {row}, column {column}",
        )
    top, left = rows.first[row], columns.first[column]
    bottom, right = rows.last[row], columns.last[column]
    # `Field` marks a unit that lies in padding alone by an empty range.
    if bottom < top or right < left:
        raise UsageError(
            "This unit sees nothing but padding.",
            where=f"layer {layer.name}",
            received=f"row {row}, column {column}",
        )
    return int(top), int(left), int(bottom), int(right)
