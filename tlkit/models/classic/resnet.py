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
"""Options B and A of section 4.1: two ways for a shortcut to change shape."""

EXPANSION = 4
"""A bottleneck block returns four times the channels that it works with."""


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
    """Appends a residual block: `relu(F(x) + shortcut(x))`, equations 1 and 2.

    F is two 3x3 convolutions, or the bottleneck of Figure 5: 1x1, 3x3 and a
    1x1 with four times the channels. Batch normalisation follows each
    convolution, and ReLU each but the last. The first convolution takes the
    step, as in the paper; newer code takes it at the 3x3 of a bottleneck,
    with the same number of parameters.

    Args:
        x: Feature map of shape `(batch, height, width, channels)`.
        filters: Channels that the block works with.
        strides: Step of the block, at least 1.
        bottleneck: Whether F is the bottleneck.
        shortcut: What the shortcut does if the block changes the shape:
            "projection" is a 1x1 convolution, "identity" takes every
            `strides`-th pixel and adds channels of zeros. If the shape does
            not change, both leave `x` as it is.
        batch_normalisation: Whether batch normalisation follows the
            convolutions. If False, they have a bias instead.
        name: Name of the last layer; the names of the others begin with it.

    Returns:
        Feature map of sides `ceil(side / strides)` and `filters` channels,
        or four times as many for a bottleneck.

    Raises:
        UsageError: `x` is not a feature map, there is no such shortcut, or
            an identity shortcut would have to remove channels.
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
            "An identity shortcut can add channels but not remove any.",
            where=f"block {name}",
            expected=f"{leaves} channels or fewer",
            received=arrives,
            remedy='Pass shortcut="projection".',
        )


def _identity(
    x: keras.KerasTensor, channels: int, strides: int, name: str
) -> keras.KerasTensor:
    # A pooling with windows of one pixel takes every `strides`-th pixel and
    # is, unlike slicing, a layer with a name.
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
    # At a step of 2, Keras's "same" pads an even side more at its end than at
    # its beginning. Padding by hand treats both ends alike.
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
    """Appends batch normalisation with the constants of the authors' Caffe.

    Args:
        x: Feature map of shape `(batch, height, width, channels)`.
        name: Name of the layer.

    Returns:
        Feature map of the same shape. The running statistics keep .9 of
        their value at each step. With Keras's default of .99 they would need
        some 500 steps to follow the data.
    """
    return keras.layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, name=name
    )(x)


def stem(x: keras.KerasTensor) -> keras.KerasTensor:
    """Appends the first layers of ResNet and DenseNet, which quarter the size.

    They are `conv1`, 64 channels of 7x7 at steps of 2, batch normalisation,
    ReLU, and `pool1`, the maximum of 3x3 at steps of 2. Convolution and
    pooling are padded on all sides.

    Args:
        x: Images of shape `(batch, height, width, channels)`.

    Returns:
        Feature map of shape
        `(batch, ceil(height / 4), ceil(width / 4), 64)`.
    """
    x = _convolve(x, 64, 7, 2, "conv1")
    x = keras.layers.Activation("relu", name="conv1_relu")(x)
    # Zeros are as good as no padding here: after ReLU nothing is below zero.
    x = keras.layers.ZeroPadding2D(1, name="pool1_pad")(x)
    return keras.layers.MaxPooling2D(3, 2, name="pool1")(x)


def resnet18(
    input_shape: ImageShape, classes: int, *, shortcut: str = "projection"
) -> keras.Model:
    """Builds ResNet-18: 11,689,512 trainable parameters.

    The arguments are those of `resnet50`.
    """
    return _resnet("resnet18", input_shape, classes, shortcut)


def resnet34(
    input_shape: ImageShape, classes: int, *, shortcut: str = "projection"
) -> keras.Model:
    """Builds ResNet-34: 21,797,672 trainable parameters.

    The arguments are those of `resnet50`.
    """
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

    This is Table 1 of the paper, with 1.8, 3.6 and 3.8 thousand million
    multiply-adds. The convolutions have no bias, because batch normalisation
    has one. `keras.applications.ResNet50` has both, and therefore 26,560
    parameters more.

    Args:
        input_shape: `(height, width, channels)` of any size. The paper's is
            `(224, 224, 3)`, with the mean subtracted.
        classes: Number of classes, at least 2.
        shortcut: "projection" (option B) or "identity" (option A); see
            `residual`.

    Returns:
        A flat functional `keras.Model` from images `(batch, *input_shape)`
        to probabilities `(batch, classes)`.

    Raises:
        UsageError: `input_shape` is not the shape of an image, there are
            fewer than two classes, or the shortcut is unknown.
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
