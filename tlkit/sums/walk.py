"""Goes through any Keras model layer by layer, computing only shapes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import keras

from tlkit.base.errors import UsageError
from tlkit.sums.arithmetic import LayerArithmetic, bytes_of
from tlkit.sums.layer_kinds import kind_of
from tlkit.sums.layer_sums import (
    Signal,
    count_multiply_adds,
    fields_after,
    size_sums,
    window_of,
)
from tlkit.sums.sizes import shape_text
from tlkit.tensor.graphs import run_through

#: Layers that give their input another shape, which takes no memory.
_VIEWS = (keras.layers.Flatten, keras.layers.Reshape)


class Walk:
    """Follows one image through a model and writes a row for each layer.

    Args:
        model_name: Name of the model, for the messages of errors.

    Attributes:
        rows: One row for each layer passed so far, in order.
    """

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name
        self.rows: list[LayerArithmetic] = []
        self._uses: Counter[str] = Counter()
        # By identity: layers that share weights share the variables themselves.
        self._counted: set[int] = set()

    def through(self, model: Any, prefix: str, *signals: Signal) -> Any:
        """Sends signals through a model, layer by layer.

        Args:
            model: A model, or a single layer.
            prefix: Text to put before the names of its layers, such as
                `"base/"`.
            signals: One signal per input.

        Returns:
            A signal for each output, in the structure of the outputs.

        Raises:
            UsageError: A layer cannot take its input.
        """
        if isinstance(model, keras.Sequential):
            signal = signals[0]
            for layer in model.layers:
                signal = self._visit(layer, prefix, signal)
            return signal
        if isinstance(model, keras.Function):
            return run_through(
                model,
                signals,
                lambda inner: partial(self._visit, inner, prefix),
            )
        return self._visit(model, prefix, *signals)

    def _visit(
        self, operation: Any, prefix: str, *args: Any, **kwargs: Any
    ) -> Any:
        signals = list(_signals_in((args, kwargs)))
        if isinstance(operation, keras.Sequential | keras.Function):
            inner = f"{prefix}{operation.name}/"
            return self.through(operation, inner, *signals)
        shapes = [signal.tensor.shape for signal in signals]
        kind = kind_of(operation, shapes, args[1:])
        inside = None if kind else _open(operation, args, kwargs)
        if inside is None:
            return self._leaf(operation, kind, prefix, args, kwargs)
        return self._opened(operation, inside, prefix, signals)

    def _leaf(
        self,
        operation: Any,
        kind: str | None,
        prefix: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:
        signals = list(_signals_in((args, kwargs)))
        given = signals[0].tensor
        kernel = args[1] if len(args) > 1 else None
        outputs = self._output_of(operation, args, kwargs)
        window = window_of(operation, kind, kernel)
        after = [
            Signal(out, fields_after(operation, kind, signals, out, window))
            for out in keras.tree.flatten(outputs)
        ]
        sums = count_multiply_adds(
            operation, kind, given, after[0].tensor, kernel
        )
        self.add_row(
            prefix + operation.name,
            type(operation).__name__,
            after,
            weights=self._uncounted(operation),
            multiply_adds=sums,
            window=(str(window), size_sums(window, given.shape))
            if window
            else ("", ""),
            is_view=isinstance(operation, _VIEWS),
        )
        return keras.tree.pack_sequence_as(outputs, after)

    def _output_of(
        self, operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        args, kwargs = keras.tree.map_structure(_symbol_of, (args, kwargs))
        try:
            return operation.compute_output_spec(*args, **kwargs)
        except Exception as error:  # a layer may raise anything
            # Keras appends all arguments after "Received"; the shapes below
            # say the same in short.
            arriving = keras.tree.flatten((args, kwargs))
            reason = str(error).strip().split("\n")[0].split(" Received")[0]
            raise UsageError(
                f"A layer cannot take its input. Keras says: {reason}",
                where=f"layer {operation.name} ({type(operation).__name__}) "
                f"of model {self.model_name}",
                received=", ".join(
                    shape_text(tensor.shape[1:])
                    for tensor in arriving
                    if isinstance(tensor, keras.KerasTensor)
                ),
                remedy="Choose a larger input, or one of the size that the "
                "network was made for.",
            ) from error

    def _opened(
        self,
        operation: keras.Layer,
        inside: keras.Function,
        prefix: str,
        signals: Sequence[Signal],
    ) -> Any:
        """Goes through a layer made of other layers, or of operations."""
        name, before = prefix + operation.name, len(self.rows)
        outputs = self.through(inside, f"{name}/", *signals)
        own = self._uncounted(operation)
        rows = self.rows[before:]
        if any(isinstance(part, keras.Layer) for part in inside.operations):
            if own:
                self.add_row(name, type(operation).__name__, [], weights=own)
            return outputs
        # Made of operations alone, the layer is one row: the rows of its
        # operations, which nobody named, are added up in it.
        del self.rows[before:]
        counts = [
            row.multiply_adds for row in rows if row.multiply_adds is not None
        ]
        windows = [(row.window, row.size_sum) for row in rows if row.window]
        self.add_row(
            name,
            type(operation).__name__,
            keras.tree.flatten(outputs),
            weights=own,
            multiply_adds=sum(counts) if len(counts) == len(rows) else None,
            window=windows[0] if windows else ("", ""),
        )
        return outputs

    def add_row(
        self,
        name: str,
        kind: str,
        after: Sequence[Signal],
        *,
        weights: Sequence[keras.Variable] = (),
        multiply_adds: int | None = 0,
        window: tuple[str, str] = ("", ""),
        is_view: bool = False,
    ) -> None:
        """Adds a row for a layer.

        Args:
            name: Name of the layer, with the names of its models before it.
            kind: Name of the layer's class.
            after: Outputs of the layer. Empty if it has none of its own.
            weights: Its weights, without those counted before.
            multiply_adds: Number of multiply-adds, or None if not known.
            window: Its window, and the sum that gives the output size.
            is_view: Whether it only gives its input another shape.
        """
        self._uses[name] += 1
        uses = self._uses[name]
        tensors = [signal.tensor for signal in after]
        trained = [weight for weight in weights if weight.trainable]
        self.rows.append(
            LayerArithmetic(
                name if uses == 1 else f"{name} ({uses})",
                kind,
                *window,
                tuple(tensors[0].shape[1:]) if tensors else (),
                sum(math.prod(weight.shape) for weight in weights),
                sum(math.prod(weight.shape) for weight in trained),
                multiply_adds,
                0 if is_view else bytes_of(tensors),
                after[0].fields if after else None,
            )
        )

    def _uncounted(self, operation: Any) -> list[keras.Variable]:
        """Returns the weights of a layer that no row has counted yet."""
        if not isinstance(operation, keras.Layer):
            return []
        new = [w for w in operation.weights if id(w) not in self._counted]
        self._counted.update(map(id, new))
        return new


def _open(
    operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> keras.Function | None:
    """Returns a layer of the user's own as a graph, or None if it has none."""
    is_own = not type(operation).__module__.startswith("keras.src.layers.")
    if not isinstance(operation, keras.Layer) or not is_own:
        return None
    args, kwargs = keras.tree.map_structure(_symbol_of, (args, kwargs))
    inputs = [
        x
        for x in keras.tree.flatten((args, kwargs))
        if isinstance(x, keras.KerasTensor)
    ]
    # On symbolic tensors, `call` records the operations that it is made of.
    try:
        return keras.Function(inputs, operation.call(*args, **kwargs))
    except Exception:  # `call` may do anything, also what no graph can hold
        return None


def _signals_in(structure: Any) -> Iterator[Signal]:
    for thing in keras.tree.flatten(structure):
        if isinstance(thing, Signal):
            yield thing


def _symbol_of(thing: Any) -> Any:
    """Returns a new symbolic tensor for a signal, anything else as it is."""
    if not isinstance(thing, Signal):
        return thing
    return keras.KerasTensor(thing.tensor.shape, thing.tensor.dtype)
