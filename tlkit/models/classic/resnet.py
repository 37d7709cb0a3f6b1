"""ResNet: blocks that learn what to add to their input.

He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition",
arXiv:1512.03385, 2015.
"""

from __future__ import annotations

import keras
from keras import ops

from tlkit.base.errors import UsageError
from tlkit.models.classic.sizes import ImageShape, channels_of, image_input
from tlkit.models.heads import check_classes, class_probabilities

SHORTCUTS = ("projection", "identity")
"""Options B and A of section 4.1: how a shortcut changes its shape."""

EXPANSION = 4
"""A bottleneck block gives four times the channels it works at."""


def residual(
    x: keras.KerasTensor,
    filters: int,
    *,
    strides: int = 1,
    bottleneck: bool = False,
    shortcut: str = "projection",
    batch_normalisation: bool = True,
    name: str = "residual",
) -> keras.KerasTensor:
    """A residual block: `relu(F(x) + shortcut(x))`, equations 1 and 2.

    F is two 3x3 convolutions, or the bottleneck of Figure 5: 1x1, 3x3 and a
    1x1 with four times the channels. Batch normalisation follows each
    convolution, ReLU each but the last. The step is taken by the first
    convolution, as in the paper; newer code takes it at the 3x3 of a
    bottleneck, with as many parameters.

    Args:
        x: feature map, shape `(batch, height, width, channels)`.
        filters: channels the block works at.
        strides: step of the block, at least 1.
        bottleneck: whether F is the bottleneck.
        shortcut: what the shortcut does where the shape changes: "projection"
            is a 1x1 convolution, "identity" takes every `strides`-th pixel
            and adds channels of zeros. Elsewhere both leave `x` as it is.
        batch_normalisation: False for convolutions with a bias instead.
        name: name of the last layer; the others begin with it.

    Returns:
        Feature map of sides `ceil(side / strides)` and `filters` channels,
        or four times as many for a bottleneck.

    Raises:
        UsageError: `x` is no feature map, there is no such shortcut, or an
            identity shortcut would have to lose channels.
    """
    channels = filters * EXPANSION if bottleneck else filters
    _check_shortcut(shortcut, channels_of(x, name), channels, name)
    layers = [(filters, 3), (filters, 3)]
    if bottleneck:
        layers = [(filters, 1), (filters, 3), (channels, 1)]
    y = x
    for number, (width, kernel_size) in enumerate(layers, start=1):
        step = strides if number == 1 else 1
        y = _convolve(
            y,
            width,
            kernel_size,
            step,
            f"{name}_conv{number}",
            batch_normalisation,
        )
        if number < len(layers):
            y = keras.layers.Activation("relu", name=f"{name}_relu{number}")(y)
    if shortcut == "identity":
        x = _identity(x, channels, strides, name)
    elif strides > 1 or x.shape[-1] != channels:
        x = _convolve(
            x, channels, 1, strides, f"{name}_shortcut", batch_normalisation
        )
    y = keras.layers.Add(name=f"{name}_add")([y, x])
    return keras.layers.Activation("relu", name=name)(y)


def _check_shortcut(
    shortcut: str, arrives: int, leaves: int, name: str
) -> None:
    if shortcut not in SHORTCUTS:
        raise UsageError(
            "There is no such shortcut.",
            where="shortcut",
            expected=" or ".join(SHORTCUTS),
            received=repr(shortcut),
        )
    if shortcut == "identity" and arrives > leaves:
        raise UsageError(
            "An identity shortcut can add channels but not lose any.",
            where=f"block {name}",
            expected=f"{leaves} channels or fewer",
            received=arrives,
            remedy='Pass shortcut="projection".',
        )


def _identity(
    x: keras.KerasTensor, channels: int, strides: int, name: str
) -> keras.KerasTensor:
    if strides > 1:
        x = keras.layers.MaxPooling2D(1, strides, name=f"{name}_subsample")(x)
    missing = channels - x.shape[-1]
    if missing:
        x = ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, missing)))
    return x


def _convolve(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: int,
    strides: int,
    name: str,
    batch_normalisation: bool = True,
) -> keras.KerasTensor:
    # Keras's "same" pads an even side below only when the step is 2.
    beside = kernel_size // 2 if strides > 1 else 0
    if beside:
        x = keras.layers.ZeroPadding2D(beside, name=f"{name}_pad")(x)
    x = keras.layers.Conv2D(
        filters,
        kernel_size,
        strides,
        "valid" if strides > 1 else "same",
        use_bias=not batch_normalisation,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return normalise(x, f"{name}_bn") if batch_normalisation else x


def normalise(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Batch normalisation as the authors' Caffe did it.

    Args:
        x: feature map, shape `(batch, height, width, channels)`.
        name: name of the layer.

    Returns:
        Feature map of the same shape. Running statistics keep .9 of their
        value at each step; Keras's own .99 needs some 500 steps to follow.
    """
    return keras.layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, name=name
    )(x)


def stem(x: keras.KerasTensor) -> keras.KerasTensor:
    """The first layers of ResNet and DenseNet, a quarter of the size.

    `conv1`, 64 channels of 7x7 at steps of 2, batch normalisation, ReLU, and
    `pool1`, the maximum of 3x3 at steps of 2; both padded on all sides.

    Args:
        x: images, shape `(batch, height, width, channels)`.

    Returns:
        Feature map, shape `(batch, ceil(height / 4), ceil(width / 4), 64)`.
    """
    x = _convolve(x, 64, 7, 2, "conv1")
    x = keras.layers.Activation("relu", name="conv1_relu")(x)
    x = keras.layers.ZeroPadding2D(1, name="pool1_pad")(x)
    return keras.layers.MaxPooling2D(3, 2, name="pool1")(x)


def resnet18(
    input_shape: ImageShape, classes: int, *, shortcut: str = "projection"
) -> keras.Model:
    """Builds ResNet-18: 11,689,512 trainable parameters; see `resnet50`."""
    return _resnet("resnet18", input_shape, classes, shortcut)


def resnet34(
    input_shape: ImageShape, classes: int, *, shortcut: str = "projection"
) -> keras.Model:
    """Builds ResNet-34: 21,797,672 trainable parameters; see `resnet50`."""
    return _resnet("resnet34", input_shape, classes, shortcut)


def resnet50(
    input_shape: ImageShape, classes: int, *, shortcut: str = "projection"
) -> keras.Model:
    """Builds ResNet-50: 25,557,032 trainable parameters.

    | stage | size | blocks of ResNet-18, 34, 50 | channels of 18 and 34, 50 |
    |---|---|---|---|
    | conv1, 7x7 at steps of 2 | 112x112 | | 64, 64 |
    | pool1 and conv2_1 on | 56x56 | 2, 3, 3 | 64, 256 |
    | conv3_1 on | 28x28 | 2, 4, 4 | 128, 512 |
    | conv4_1 on | 14x14 | 2, 6, 6 | 256, 1024 |
    | conv5_1 on | 7x7 | 2, 3, 3 | 512, 2048 |
    | average, over all places | | | 512, 2048 |

    Table 1 of the paper, with 1.8, 3.6 and 3.8 thousand million
    multiply-adds. Convolutions have no bias, as batch normalisation brings
    one; `keras.applications.ResNet50` has both, and so 26,560 more.

    Args:
        input_shape: `(height, width, channels)`, any; the paper's is
            `(224, 224, 3)`, the mean taken off.
        classes: number of classes, at least 2.
        shortcut: "projection" (option B) or "identity" (option A), as for
            `residual`.

    Returns:
        A flat functional `keras.Model` from `(batch, *input_shape)` to
        probabilities, `(batch, classes)`.

    Raises:
        UsageError: no shape of an image, fewer than two classes, or an
            unknown shortcut.
    """
    return _resnet("resnet50", input_shape, classes, shortcut)


_BLOCKS = {
    "resnet18": (2, 2, 2, 2),
    "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3),
}


def _resnet(
    name: str, input_shape: ImageShape, classes: int, shortcut: str
) -> keras.Model:
    check_classes(classes)
    inputs = image_input(input_shape)
    x = stem(inputs)
    for stage, blocks in enumerate(_BLOCKS[name], start=2):
        for block in range(1, blocks + 1):
            x = residual(
                x,
                64 * 2 ** (stage - 2),
                strides=2 if block == 1 and stage > 2 else 1,
                bottleneck=name == "resnet50",
                shortcut=shortcut,
                name=f"conv{stage}_{block}",
            )
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    return keras.Model(inputs, class_probabilities(x, classes), name=name)
