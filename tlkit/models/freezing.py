"""Finds layers by name and freezes what lies below them."""

from __future__ import annotations

import keras

from tlkit.base.choices import did_you_mean
from tlkit.base.errors import UsageError
from tlkit.models.specs import BASES


def block_names(model: keras.Model) -> tuple[str, ...]:
    """Returns the names at which a model can be cut, from input to output.

    Args:
        model: A flat functional model.

    Returns:
        The blocks of the conv base in the model. If it contains none of
        `BASES`, the names of its layers with weights.
    """
    names = {layer.name for layer in model.layers}
    for spec in BASES.values():
        if names.issuperset(first for _, first in spec.blocks):
            return tuple(block for block, _ in spec.blocks)
    return tuple(layer.name for layer in model.layers if layer.weights)


def find_layer(model: keras.Model, name: str) -> keras.Layer:
    """Finds a layer by its name or by the name of its block.

    Args:
        model: A flat functional model.
        name: The exact name of a layer, or the name of a block, which is the
            part of the layers' names before an underscore. "block5" finds
            the first layer whose name starts with "block5_".

    Returns:
        The layer.

    Raises:
        UsageError: The model has no layer and no block of this name.
    """
    names = [layer.name for layer in model.layers]
    exact = [known for known in names if known == name]
    inside = [known for known in names if known.startswith(f"{name}_")]
    if name and (exact or inside):
        return model.get_layer((exact + inside)[0])
    blocks = block_names(model)
    raise UsageError(
        f"The model has no layer and no block {name!r}.",
        where=f"model {model.name}",
        expected=f"a layer's name, or one of the blocks {', '.join(blocks)}",
        received=repr(name),
        remedy=did_you_mean(name, [*blocks, *names]),
    )


def freeze_below(model: keras.Model, layer_name: str) -> tuple[str, ...]:
    """Freezes everything that a layer is computed from; the rest may train.

    The frozen layers are exactly those on a path from the input to the
    layer. The order of `model.layers` cannot be used for this: it goes by
    depth, so the shortcut of a residual block may come before or after the
    layers beside it. A shortcut that starts at the same tensor as the layer
    belongs to the same block and trains with it.

    Every batch normalisation stays frozen, wherever it is. Its moving
    statistics come from a million images; a few hundred of another kind, in
    small batches, would ruin them. Calling the base with `training=False`
    does not protect them in `fit`.

    Args:
        model: A flat functional model: a conv base alone or with a head.
            Compile it after this call and not before, so that the change
            takes effect.
        layer_name: Name of the first layer to train, or of its block; see
            `find_layer`.

    Returns:
        The names of the layers with weights that will train.

    Raises:
        UsageError: There is no such layer.
    """
    cut = find_layer(model, layer_name)
    below = _ancestors(model, cut)
    # If the model itself were frozen, the flags of its layers would be
    # ignored.
    model.trainable = True
    for layer in model.layers:
        normalises = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = layer.name not in below and not normalises
    return tuple(x.name for x in model.layers if x.trainable_weights)


def _ancestors(model: keras.Model, layer: keras.Layer) -> set[str]:
    # There is no graph below the input to build a model of.
    if isinstance(layer, keras.layers.InputLayer):
        return set()
    graph_below = keras.Model(model.inputs, layer.input)
    return {ancestor.name for ancestor in graph_below.layers}


def freeze_all(base: keras.Model) -> None:
    """Freezes every layer of a model.

    Args:
        base: A flat functional model. The flags are set on its layers, so
            they hold in every model that shares these layers, and are saved
            with it. Dropout inside a base, as in EfficientNetV2, has no
            weights to freeze: it continues to drop units in `fit`.
    """
    base.trainable = False
    for layer in base.layers:
        layer.trainable = False
