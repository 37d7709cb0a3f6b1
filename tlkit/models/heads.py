"""Classifier heads: trained on stored features, or on top of a conv base.

The same three layers with the same names are built in both cases, so that
weights trained on stored features can be copied onto the conv base unchanged.
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
"""The layers that turn a feature map into a vector, by name."""

HEAD_LAYERS = ("head_dense", "head_dropout", "predictions")
"""Names of a head's layers, first to last; the last is always there."""


@dataclass(frozen=True)
class HeadSpec:
    """Settings of the layers on top of a conv base.

    Attributes:
        classes: Number of classes, at least 2.
        pooling: "flatten" keeps every position of the feature map (the book's
            choice for VGG16), "average" and "max" keep one number for each
            channel.
        units: Units of the hidden dense layer. 0 leaves out the layer and
            its dropout, which makes the head a plain logistic regression.
        dropout: Share of the hidden units dropped in training, 0 to below 1.
        l2: Factor by which the sum of the squared weights of the head's
            kernels is added to the loss; 0 for no penalty.

    Raises:
        UsageError: A value is outside its range.

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
    """Checks a number of classes.

    Args:
        classes: The number to check.

    Raises:
        UsageError: There are fewer than two classes.
    """
    if classes < 2:
        raise UsageError(
            "A classifier needs two classes or more.",
            where="classes",
            received=classes,
        )


def check_dropout(dropout: float) -> None:
    """Checks a dropout.

    Args:
        dropout: The share of units to drop.

    Raises:
        UsageError: The share is below 0, or 1 or more.
    """
    if not 0 <= dropout < 1:
        raise UsageError(
            "Dropout must be a share of the units: the one that is dropped.",
            where="dropout",
            expected="0 or more, below 1",
            received=dropout,
        )


def check_l2(l2: float) -> None:
    """Checks the factor of an L2 penalty.

    Args:
        l2: The factor to check.

    Raises:
        UsageError: The factor is negative or not a finite number.
    """
    if not 0 <= l2 < math.inf:
        raise UsageError(
            "The factor of an L2 penalty cannot be negative.",
            where="l2",
            expected="a finite number, 0 or more",
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
    """Turns the feature map of each image into a vector.

    The layer is named `flatten` or `pool`. It computes in float32 under
    every dtype policy, because bfloat16 would round the average of a whole
    map to 8 bits.

    Args:
        feature_map: Symbolic tensor of shape
            `(batch, height, width, channels)`.
        pooling: "flatten", "average" or "max".

    Returns:
        Symbolic float32 tensor of shape
        `(batch, height * width * channels)` for "flatten" and
        `(batch, channels)` for the others.

    Raises:
        UsageError: `pooling` is none of the three.
    """
    _check_pooling(pooling)
    name = "flatten" if pooling == "flatten" else "pool"
    return POOLING_LAYERS[pooling](dtype="float32", name=name)(feature_map)


def build_head(feature_shape: Sequence[int], head: HeadSpec) -> keras.Model:
    """Builds a head on its own, to be trained on stored features.

    Args:
        feature_shape: Shape of the stored features of one image: `(length,)`
            if they were pooled before they were stored, or
            `(height, width, channels)` if the feature map itself was stored.
            In the second case the head begins with the pooling.
        head: Settings of the head.

    Returns:
        A functional `keras.Model` from `features`, shape
        `(batch, *feature_shape)`, float32, to probabilities, shape
        `(batch, classes)`, float32, rows summing to 1.

    Raises:
        UsageError: `feature_shape` is the shape of neither a vector nor a
            feature map.
    """
    shape = tuple(feature_shape)
    if len(shape) not in (1, 3):
        raise UsageError(
            "A head needs a feature vector or a feature map.",
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

    The layers of the base are shared and not copied: freezing or training
    them in the joined model freezes or trains them in `base`.

    Args:
        base: A flat model from raw pixels to a feature map, as `build_base`
            returns it.
        head: Settings of the head to put on top.

    Returns:
        A flat functional `keras.Model` from pixels `(batch, None, None, 3)`,
        values 0 to 255, to probabilities `(batch, classes)`, float32, rows
        summing to 1.
    """
    # On the base's own tensors, and not by calling the base as one layer:
    # Grad-CAM finds no path to the layers of a nested base.
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
    """Returns the L2 penalty on a kernel.

    Args:
        l2: Factor of the squared weights, 0 or more.

    Returns:
        A regularizer of Keras, or None if `l2` is 0.
    """
    return keras.regularizers.L2(l2) if l2 > 0 else None


def class_probabilities(
    vector: keras.KerasTensor, classes: int, l2: float = 0.0
) -> keras.KerasTensor:
    """Ends a classifier with one softmax output for each class.

    This holds for two classes too. One sigmoid unit would give the same
    information, but only one of the two classes could then be explained. The
    layer is named `predictions`. It computes in float32 under every dtype
    policy, because probabilities in bfloat16 do not add up to 1.

    Args:
        vector: Symbolic tensor of shape `(batch, length)`.
        classes: Number of classes.
        l2: Factor by which the sum of the kernel's squared weights is added
            to the loss; 0 for no penalty.

    Returns:
        Symbolic float32 tensor of shape `(batch, classes)`, rows summing
        to 1.
    """
    return keras.layers.Dense(
        classes,
        activation="softmax",
        kernel_regularizer=l2_penalty(l2),
        dtype="float32",
        name="predictions",
    )(vector)


def copy_head_weights(source: keras.Model, target: keras.Model) -> None:
    """Copies the weights of a trained head, layer by layer, by name.

    Args:
        source: A model with a trained head, from `build_head` or
            `attach_head`.
        target: A model with the same head. Its other layers stay as they
            are.

    Raises:
        TlkitError: The two heads differ in their layers or shapes. `target`
            then stays as it was.
    """
    # All shapes are compared before the first weight is set, so that an error
    # leaves no half-copied head.
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
    # The dropout has no weights, so two heads may differ in it.
    return {
        layer.name: layer
        for layer in model.layers
        if layer.name in HEAD_LAYERS and layer.weights
    }


def _shapes(layer: keras.Layer) -> list[tuple[int, ...]]:
    return [tuple(w.shape) for w in layer.weights] if layer else []
