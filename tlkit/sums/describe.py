"""Works out the arithmetic of a given model."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from tlkit.base.errors import UsageError
from tlkit.sums.arithmetic import NetworkArithmetic, bytes_of
from tlkit.sums.layer_sums import Signal
from tlkit.sums.receptive_field import input_field
from tlkit.sums.sizes import shape_text
from tlkit.sums.walk import Walk


def describe_network(
    model: keras.Model, input_shape: Sequence[int] | None = None
) -> NetworkArithmetic:
    """Works out the arithmetic of a network.

    Models inside the model are described layer by layer too, and so are
    layers of your own, as far as they are made of Keras's layers and
    operations.

    Args:
        model: Any model that takes one image with the channels last.
        input_shape: Shape of the image, `(height, width, channels)`. None takes
            the model's own.

    Raises:
        UsageError: The model has several inputs, it has no size of its own and
            none is given, or a layer cannot take its input.
    """
    shape = _input_shape(model, input_shape)
    # A symbolic image: layers are asked for shapes and compute nothing.
    image = keras.KerasTensor((1, *shape), name="input")
    signal = Signal(image, (input_field(shape[0]), input_field(shape[1])))
    walk = Walk(model.name)
    walk.add_row("input", "Input", [signal])
    walk.through(model, "", signal)
    return NetworkArithmetic(
        model.name,
        tuple(walk.rows),
        bytes_of(model.weights),
        bytes_of(model.trainable_weights),
    )


def _input_shape(
    model: keras.Model, wanted: Sequence[int] | None
) -> tuple[int, ...]:
    own = [
        tuple(tensor.shape[1:])
        for tensor in getattr(model, "inputs", None) or []
    ]
    if len(own) > 1 or (own and len(own[0]) != 3):
        raise UsageError(
            "Only networks that take one image can be described.",
            where=f"model {model.name}",
            expected="one input of height x width x channels",
            received=", ".join(shape_text(shape) for shape in own),
        )
    if wanted is None:
        if not own or None in own[0]:
            raise UsageError(
                "The network takes images of any size, so one must be given.",
                where=f"model {model.name}",
                remedy="Give one with --input 224x224x3, or as input_shape.",
            )
        return own[0]
    # A sequential model that is not built has no inputs, and takes any.
    fits = [
        mine in (None, given)
        for mine, given in zip(own[0] if own else wanted, wanted, strict=False)
    ]
    if len(wanted) != 3 or min(wanted) < 1 or not all(fits):
        raise UsageError(
            "The network cannot take this input.",
            where=f"input layer of model {model.name}",
            expected=shape_text(own[0]) if own else "height x width x channels",
            received=shape_text(wanted),
        )
    return tuple(wanted)
