"""Cuts a model in two: a frozen lower part and the part that learns."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from tlkit.models.freezing import find_layer
from tlkit.tensor.graphs import origin


@dataclass(frozen=True, eq=False)
class CutModel:
    """A flat model and its two parts, which share its layers.

    Training the suffix therefore trains the whole model.

    Attributes:
        whole: The model from raw pixels to probabilities.
        prefix: The part from raw pixels to the tensor at the cut.
        suffix: The part from that tensor to probabilities.
        at: Name and class of the layer whose output is that tensor.
    """

    whole: keras.Model
    prefix: keras.Model
    suffix: keras.Model
    at: str


def cut_model(model: keras.Model, layer_name: str) -> CutModel | None:
    """Cuts a model below a layer.

    Args:
        model: A flat functional model.
        layer_name: Name of the first layer above the cut, or of its block;
            see `find_layer`.

    Returns:
        The parts; None if the upper part needs other tensors of the lower
        one than the input of this layer, as inside a residual block.

    Raises:
        UsageError: There is no such layer.
    """
    tensor = find_layer(model, layer_name).input
    prefix = keras.Model(model.inputs[0], tensor, name="prefix")
    try:
        suffix = keras.Model(tensor, model.output, name="suffix")
    except ValueError as error:
        # Keras says "Output with path ... is not connected to `inputs`". Any
        # other error is not about the cut and must not be hidden.
        if "not connected" not in str(error):
            raise
        return None
    # Older versions of Keras do not raise: their suffix contains the missing
    # layers once more, and would compute them from the tensor at the cut.
    names = {layer.name for layer in prefix.layers}
    if names.intersection(layer.name for layer in suffix.layers):
        return None
    layer = origin(tensor).operation
    at = f"{layer.name} ({type(layer).__name__})"
    return CutModel(model, prefix, suffix, at)
