"""A convolution whose output maps see only some of the input maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tlkit.base.errors import UsageError

Table = Sequence[Sequence[int]]
"""For each output map, the input maps that it sees, counted from 0."""


@keras.saving.register_keras_serializable(package="tlkit")
class TableConv2D(keras.layers.Layer):
    """Convolution over a table of connections, without padding.

    The early LeNets did not connect every map to every map: fewer
    connections to compute, and maps that see different inputs have to learn
    different features. Each pair of maps in the table has a kernel of its
    own, and each output map a bias; nothing else is a parameter.

    This is a layer of tlkit's: a model that holds it is loaded after
    `import tlkit.models.classic`. Keras's own layers can do the same, but
    with them LeNet-5 trained on a CPU at 200 times the cost (a grouped
    `Conv2D` over repeated maps), five times (a `Conv2D` for each map) or
    three times (a `DepthwiseConv2D` over repeated maps).

    LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to
    Document Recognition", Proceedings of the IEEE 86(11), 1998, Table I.

    Args:
        table: for each output map, the input maps that it sees.
        kernel_size: `(height, width)` of the kernels.
        name: name of the layer.

    Raises:
        UsageError: an output map that sees nothing or an input map twice;
            when it is built, a table of maps that do not arrive.
    """

    def __init__(
        self,
        table: Table,
        kernel_size: tuple[int, int],
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        # `kwargs` are Keras's own: a saved layer's dtype and trainability.
        super().__init__(name=name, **kwargs)
        self.table = [[int(source) for source in row] for row in table]
        self.kernel_size = tuple(kernel_size)
        self.filters = len(self.table)
        self.strides = self.dilation_rate = (1, 1)
        self.padding = "valid"
        if not all(row and len(set(row)) == len(row) for row in self.table):
            raise UsageError(
                "Every output map sees one input map or more, each once.",
                where=f"table of layer {self.name}",
                received=self.table,
            )

    def build(self, input_shape: Sequence[int]) -> None:
        """Makes one kernel for each connection and one bias for each map."""
        self._check_maps(input_shape[-1])
        height, width = self.kernel_size
        connections = sum(map(len, self.table))
        self.kernel = self.add_weight(
            shape=(connections, height, width),
            initializer=self._initial_kernel,
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(self.filters,), initializer="zeros", name="bias"
        )

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Maps `(batch, h, w, maps)` to `(batch, h - .., w - .., filters)`."""
        places = [
            (source, target)
            for target, row in enumerate(self.table)
            for source in row
        ]
        # One full convolution with zeros in it is faster than many small.
        shape = (inputs.shape[-1], self.filters, *self.kernel_size)
        full = ops.scatter(places, self.kernel, shape)
        return ops.conv(inputs, ops.transpose(full, (2, 3, 0, 1))) + self.bias

    def compute_output_shape(
        self, input_shape: Sequence[int | None]
    ) -> tuple[int | None, ...]:
        """Shape of the output for a shape of the input."""
        sides = [
            None if side is None else side - window + 1
            for side, window in zip(
                input_shape[1:3], self.kernel_size, strict=True
            )
        ]
        return (input_shape[0], *sides, self.filters)

    def get_config(self) -> dict[str, Any]:
        """What the layer is made from, for saving."""
        config = super().get_config()
        return {
            **config,
            "table": self.table,
            "kernel_size": self.kernel_size,
        }

    def _check_maps(self, maps: int) -> None:
        named = {source for row in self.table for source in row}
        if not named <= set(range(maps)):
            raise UsageError(
                "The table names input maps that do not arrive.",
                where=f"layer {self.name}",
                expected=f"{max(named) + 1} channels or more",
                received=maps,
            )

    def _initial_kernel(
        self, shape: tuple[int, ...], dtype: str
    ) -> keras.KerasTensor:
        """Uniform within 2.4 / fan-in of the map, as the LeNets began."""
        height, width = self.kernel_size
        limits = [
            [[2.4 / (len(row) * height * width)]]
            for row in self.table
            for _ in row
        ]
        uniform = keras.initializers.RandomUniform(-1.0, 1.0)
        return uniform(shape, dtype) * ops.convert_to_tensor(limits, dtype)
