"""Which layers train: finding a layer by name, freezing what lies below it."""

from __future__ import annotations

import keras

from tlkit.base.choices import did_you_mean
from tlkit.base.errors import UsageError
from tlkit.models.specs import BASES


def block_names(model: keras.Model) -> tuple[str, ...]:
    """Names at which a model can be cut, input to output.

    Args:
        model: a flat functional model.

    Returns:
        The blocks of the conv base it stands on, or, where it stands on none
        of `BASES`, the names of its layers with weights.
    """
    names = {layer.name for layer in model.layers}
    for spec in BASES.values():
        if names.issuperset(first for _, first in spec.blocks):
            return tuple(block for block, _ in spec.blocks)
    return tuple(layer.name for layer in model.layers if layer.weights)


def find_layer(model: keras.Model, name: str) -> keras.Layer:
    """Finds a layer by its name or by the name of its block.

    Args:
        model: a flat functional model.
        name: a layer's exact name, or the name of a block: what stands
            before an underscore. "block5" finds the first layer whose name
            starts with "block5_".

    Returns:
        The layer.

    Raises:
        UsageError: no layer has this name and no block either.
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
    """Freezes everything a layer is computed from; the rest may train.

    Frozen is exactly what lies on a path from the input to the layer. The
    order of `model.layers` does not say that: it lists by depth, so that the
    shortcut of a residual block may stand after, or before, layers beside
    it. A shortcut that starts at the same tensor as the layer belongs to the
    same block and trains with it.

    Every batch normalisation stays frozen wherever it stands. Its moving
    statistics come from a million images; a few hundred of another kind,
    in small batches, would ruin them (and `training=False` at the call does
    not protect them in `fit`).

    Args:
        model: a flat functional model, a base alone or joined with a head.
        layer_name: the first layer to train, or its block, as `find_layer`
            reads it. Compile the model after this call, not before.

    Returns:
        The names of the layers with weights that will train.

    Raises:
        UsageError: there is no such layer.
    """
    cut = find_layer(model, layer_name)
    below = _ancestors(model, cut)
    # A flag on the model itself would overrule those of its layers.
    model.trainable = True
    for layer in model.layers:
        normalises = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = layer.name not in below and not normalises
    return tuple(x.name for x in model.layers if x.trainable_weights)


def _ancestors(model: keras.Model, layer: keras.Layer) -> set[str]:
    if isinstance(layer, keras.layers.InputLayer):
        return set()
    graph_below = keras.Model(model.inputs, layer.input)
    return {ancestor.name for ancestor in graph_below.layers}


def freeze_all(base: keras.Model) -> None:
    """Freezes every layer of a model.

    Args:
        base: a flat functional model. The flags are set on its layers, so
            they hold in every model these layers are joined into and are
            saved with it. Dropout inside a base, as EfficientNetV2 has it,
            is no weight and goes on dropping in `fit`.
    """
    base.trainable = False
    for layer in base.layers:
        layer.trainable = False
