"""Classifier heads: trained alone on stored features, or on top of a base.

The same three layers, under the same names, are built either way, so that
weights trained on stored features move onto the conv base unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras

from tlkit.base.errors import TlkitError, UsageError

POOLING_LAYERS = {
    "flatten": keras.layers.Flatten,
    "average": keras.layers.GlobalAveragePooling2D,
    "max": keras.layers.GlobalMaxPooling2D,
}
"""The ways from a feature map to a vector, and the layer of each."""

HEAD_LAYERS = ("head_dense", "head_dropout", "predictions")
"""Names of a head's layers, first to last; the last is always there."""


@dataclass(frozen=True)
class HeadSpec:
    """What stands on top of a conv base.

    Attributes:
        classes: number of classes, at least 2.
        pooling: "flatten" keeps every position of the feature map (the book's
            choice for VGG16), "average" and "max" keep one number a channel.
        units: units of the hidden dense layer; 0 leaves it and its dropout
            out, which makes the head a plain logistic regression.
        dropout: share of the hidden units dropped in training, 0 to below 1.
        l2: factor of the squared weights of the head's kernels that is added
            to the loss; 0 for none.

    Raises:
        UsageError: a value outside its range.

    Example:
        >>> HeadSpec(classes=2, pooling="average").units
        256
    """

    classes: int
    pooling: str = "flatten"
    units: int = 256
    dropout: float = 0.5
    l2: float = 0.0

    def __post_init__(self) -> None:
        check_classes(self.classes)
        check_dropout(self.dropout)
        check_l2(self.l2)
        _check_pooling(self.pooling)
        if self.units < 0:
            raise UsageError(
                "A layer cannot have a negative number of units.",
                where="units",
                received=self.units,
                remedy="Pass 0 for a head without a hidden layer.",
            )


def check_classes(classes: int) -> None:
    """Raises UsageError unless there are two classes or more."""
    if classes < 2:
        raise UsageError(
            "A classifier needs two classes or more.",
            where="classes",
            received=classes,
        )


def check_dropout(dropout: float) -> None:
    """Raises UsageError unless `dropout` is a share, 0 to below 1."""
    if not 0 <= dropout < 1:
        raise UsageError(
            "Dropout is the share of units that is dropped.",
            where="dropout",
            expected="0 or more, below 1",
            received=dropout,
        )


def check_l2(l2: float) -> None:
    """Raises UsageError unless `l2` is 0 or more."""
    if not 0 <= l2 < math.inf:
        raise UsageError(
            "An L2 penalty is a factor that cannot be negative.",
            where="l2",
            expected="0 or more",
            received=l2,
        )


def _check_pooling(pooling: str) -> None:
    if pooling not in POOLING_LAYERS:
        raise UsageError(
            "There is no such pooling.",
            where="pooling",
            expected=" or ".join(POOLING_LAYERS),
            received=repr(pooling),
        )


def pool_features(
    feature_map: keras.KerasTensor, pooling: str
) -> keras.KerasTensor:
    """Turns a feature map into a vector an image.

    The layer is named `flatten` or `pool` and computes in float32 under
    every dtype policy: bfloat16 would round the average of a whole map to
    its 8 bits.

    Args:
        feature_map: symbolic tensor, shape `(batch, height, width, channels)`.
        pooling: "flatten", "average" or "max".

    Returns:
        Symbolic float32 tensor, shape `(batch, height * width * channels)`
        for "flatten", `(batch, channels)` for the others.

    Raises:
        UsageError: `pooling` is none of the three.
    """
    _check_pooling(pooling)
    name = "flatten" if pooling == "flatten" else "pool"
    return POOLING_LAYERS[pooling](dtype="float32", name=name)(feature_map)


def build_head(feature_shape: Sequence[int], head: HeadSpec) -> keras.Model:
    """Builds a head on its own, to be trained on stored features.

    Args:
        feature_shape: shape of one stored example: `(length,)` when it was
            pooled before it was stored, `(height, width, channels)` when the
            feature map itself was stored (the head then begins by pooling).
        head: what to build.

    Returns:
        A functional `keras.Model` from `features`, shape
        `(batch, *feature_shape)`, float32, to `(batch, classes)`, float32,
        rows summing to 1.

    Raises:
        UsageError: `feature_shape` is neither a vector's nor a map's.
    """
    shape = tuple(feature_shape)
    if len(shape) not in (1, 3):
        raise UsageError(
            "A head stands on a feature vector or a feature map.",
            where="feature_shape",
            expected="(length,) or (height, width, channels)",
            received=shape,
        )
    inputs = keras.Input(shape, name="features", dtype="float32")
    vector = inputs
    if len(shape) == 3:
        vector = pool_features(inputs, head.pooling)
    return keras.Model(inputs, _classify(vector, head), name="head")


def put_on(head: keras.Model, vector: keras.KerasTensor) -> keras.KerasTensor:
    """Calls the layers of a head on a base's vector, one after the other.

    The layers are shared with the head, so that what it learns the joined
    model has learnt, and the graph stays flat.

    Args:
        head: From `build_head`, for a vector.
        vector: Symbolic tensor, shape `(batch, length)`.

    Returns:
        Symbolic tensor of probabilities, shape `(batch, classes)`.
    """
    for layer in head.layers[1:]:
        vector = layer(vector)
    return vector


def attach_head(base: keras.Model, head: HeadSpec) -> keras.Model:
    """Joins a conv base and a new head into one flat model.

    The base's layers are shared, not copied: what is frozen or trained in
    the joined model is frozen or trained in `base`.

    Args:
        base: a flat model from raw pixels to a feature map, as `build_base`
            gives it.
        head: what to put on top.

    Returns:
        A flat functional `keras.Model` from `(batch, None, None, 3)`, values
        0 to 255, to `(batch, classes)`, float32, rows summing to 1.
    """
    vector = pool_features(base.output, head.pooling)
    return keras.Model(base.input, _classify(vector, head), name=base.name)


def _classify(vector: keras.KerasTensor, head: HeadSpec) -> keras.KerasTensor:
    layers = keras.layers
    x = vector
    if head.units:
        x = layers.Dense(
            head.units,
            activation="relu",
            kernel_regularizer=l2_penalty(head.l2),
            name="head_dense",
        )(x)
        if head.dropout > 0:
            x = layers.Dropout(head.dropout, name="head_dropout")(x)
    return class_probabilities(x, head.classes, head.l2)


def l2_penalty(l2: float) -> keras.Regularizer | None:
    """Returns Keras's penalty on a kernel, or None where `l2` is 0."""
    return keras.regularizers.L2(l2) if l2 > 0 else None


def class_probabilities(
    vector: keras.KerasTensor, classes: int, l2: float = 0.0
) -> keras.KerasTensor:
    """Ends a classifier: one softmax output a class, two classes included.

    One sigmoid unit would say the same of two classes, but only one of the
    two could then be explained. The layer is named `predictions` and computes
    in float32 under every dtype policy: bfloat16 probabilities do not add up
    to 1.

    Args:
        vector: symbolic tensor, shape `(batch, length)`.
        classes: number of classes.
        l2: factor of the kernel's squared weights that is added to the loss.

    Returns:
        Symbolic float32 tensor, shape `(batch, classes)`, rows summing to 1.
    """
    return keras.layers.Dense(
        classes,
        activation="softmax",
        kernel_regularizer=l2_penalty(l2),
        dtype="float32",
        name="predictions",
    )(vector)


def copy_head_weights(source: keras.Model, target: keras.Model) -> None:
    """Copies a trained head's weights, layer by layer, by name.

    Args:
        source: a model with a trained head (from `build_head` or
            `attach_head`).
        target: a model with the same head; its other layers are untouched.

    Raises:
        TlkitError: the two heads differ in layers or shapes; `target` is
            then left as it was.
    """
    wanted, given = _head_layers(target), _head_layers(source)
    for name in sorted(wanted.keys() | given.keys()):
        there, here = _shapes(wanted.get(name)), _shapes(given.get(name))
        if there != here:
            raise TlkitError(
                "The two heads are not the same.",
                where=f"layer {name}",
                expected=f"weights of shapes {there}",
                received=f"weights of shapes {here}",
                remedy="Build both from the same HeadSpec, for features of "
                "the same base, image size and pooling.",
            )
    for name, layer in wanted.items():
        layer.set_weights(given[name].get_weights())


def _head_layers(model: keras.Model) -> dict[str, keras.Layer]:
    return {
        layer.name: layer
        for layer in model.layers
        if layer.name in HEAD_LAYERS and layer.weights
    }


def _shapes(layer: keras.Layer) -> list[tuple[int, ...]]:
    return [tuple(w.shape) for w in layer.weights] if layer else []
