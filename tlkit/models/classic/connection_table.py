"""A convolution in which each output map sees only some of the input maps."""

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

    The early LeNets did not connect every map to every map. This leaves
    fewer connections to compute, and maps that see different inputs have to
    learn different features. Each pair of maps in the table has a kernel of
    its own, and each output map has a bias. There are no other parameters.

    This layer belongs to tlkit: a model that contains it can be loaded only
    after `import tlkit.models.classic`. Layers of Keras can do the same, but
    LeNet-5 then took much longer to train on a CPU: 200 times as long with a
    grouped `Conv2D` over repeated maps, five times with a `Conv2D` for each
    map, three times with a `DepthwiseConv2D` over repeated maps.

    LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to
    Document Recognition", Proceedings of the IEEE 86(11), 1998, Table I.

    Args:
        table: For each output map, the input maps that it sees, counted from
            0.
        kernel_size: `(height, width)` of the kernels.
        name: Name of the layer.

    Raises:
        UsageError: An output map sees no input map, or one of them twice.
            When the layer is built: the input has fewer maps than the table
            names.
    """

    def __init__(
        self,
        table: Table,
        kernel_size: tuple[int, int],
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        # Keras passes its own arguments in `kwargs` when it loads a layer:
        # dtype and trainability.
        super().__init__(name=name, **kwargs)
        self.table = [[int(source) for source in row] for row in table]
        self.kernel_size = tuple(kernel_size)
        self.filters = len(self.table)
        # Named as in `Conv2D`, for code that computes sizes and receptive
        # fields from these attributes.
        self.strides = self.dilation_rate = (1, 1)
        self.padding = "valid"
        if not all(row and len(set(row)) == len(row) for row in self.table):
            raise UsageError(
                "Every output map must see one input map or more, each once.",
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
        """Convolves the maps.

        Args:
            inputs: Feature map of shape `(batch, height, width, maps)`.

        Returns:
            Feature map of shape `(batch, height - kernel height + 1,
            width - kernel width + 1, filters)`.
        """
        places = [
            (source, target)
            for target, row in enumerate(self.table)
            for source in row
        ]
        # One full convolution in which the missing connections are zeros is
        # faster than many small convolutions.
        shape = (inputs.shape[-1], self.filters, *self.kernel_size)
        full = ops.scatter(places, self.kernel, shape)
        return ops.conv(inputs, ops.transpose(full, (2, 3, 0, 1))) + self.bias

    def compute_output_shape(
        self, input_shape: Sequence[int | None]
    ) -> tuple[int | None, ...]:
        """Returns the shape of the output for a shape of the input."""
        sides = [
            None if side is None else side - window + 1
            for side, window in zip(
                input_shape[1:3], self.kernel_size, strict=True
            )
        ]
        return (input_shape[0], *sides, self.filters)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the layer, for saving."""
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
                "The table names input maps that the input does not have.",
                where=f"layer {self.name}",
                expected=f"{max(named) + 1} channels or more",
                received=maps,
            )

    def _initial_kernel(
        self, shape: tuple[int, ...], dtype: str
    ) -> keras.KerasTensor:
        """Draws initial weights uniformly from -2.4 / F to 2.4 / F.

        F is the number of inputs of the output map, which differs between
        maps. No initializer of Keras knows the table.
        """
        height, width = self.kernel_size
        limits = [
            [[2.4 / (len(row) * height * width)]]
            for row in self.table
            for _ in row
        ]
        uniform = keras.initializers.RandomUniform(-1.0, 1.0)
        return uniform(shape, dtype) * ops.convert_to_tensor(limits, dtype)
