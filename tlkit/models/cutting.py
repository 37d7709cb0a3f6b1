"""A model in two parts: what is frozen, and what learns on top of it."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from tlkit.models.freezing import find_layer
from tlkit.tensor.graphs import origin


@dataclass(frozen=True, eq=False)
class CutModel:
    """A flat model and its two parts, which share its layers.

    What the suffix learns, the whole model has learnt.

    Attributes:
        whole: from raw pixels to probabilities.
        prefix: from raw pixels to the tensor at the cut.
        suffix: from that tensor to probabilities.
        at: name and kind of the layer that gives the tensor.
    """

    whole: keras.Model
    prefix: keras.Model
    suffix: keras.Model
    at: str


def cut_model(model: keras.Model, layer_name: str) -> CutModel | None:
    """Cuts a model below a layer.

    Args:
        model: a flat functional model.
        layer_name: the first layer above the cut, or its block, as
            `find_layer` reads it.

    Returns:
        The parts; None where the upper part needs more of the lower one than
        the input of this layer, as inside a residual block.

    Raises:
        UsageError: there is no such layer.
    """
    tensor = find_layer(model, layer_name).input
    prefix = keras.Model(model.inputs[0], tensor, name="prefix")
    try:
        suffix = keras.Model(tensor, model.output, name="suffix")
    except ValueError as error:
        # Keras: "Output with path ... is not connected to `inputs`".
        if "not connected" not in str(error):
            raise
        return None
    # Older ones build a suffix that computes what it lacks once more.
    names = {layer.name for layer in prefix.layers}
    if names.intersection(layer.name for layer in suffix.layers):
        return None
    layer = origin(tensor).operation
    at = f"{layer.name} ({type(layer).__name__})"
    return CutModel(model, prefix, suffix, at)
