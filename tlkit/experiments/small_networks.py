"""Two studies of small networks that do better than the article's LeNet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from tlkit.base.errors import UsageError
from tlkit.experiments.cells import make_case
from tlkit.experiments.points import READINGS, Point
from tlkit.models.classic.lenet5 import lenet5
from tlkit.models.classic.sizes import ImageShape, fit, image_input
from tlkit.models.heads import check_classes, class_probabilities

_LENET_BEST: Mapping[str, Any] = {
    "learning_rate": 0.003,
    "batch_size": 128,
    "epochs": 40,
    "optimizer": "adam",
    "schedule": "cosine",
    "weight_decay": 0.01,
    "label_smoothing": 0.05,
    "augmentation": {
        "width_shift": 2,
        "height_shift": 2,
        "flip": True,
    },
}
#: Chosen by the accuracy on 10,000 of the training digits, which were held out
#: while the network learnt from the others.
_LENET5: Mapping[str, Any] = {
    "learning_rate": 0.002,
    "batch_size": 64,
    "epochs": 20,
    "optimizer": "adam",
    "schedule": "cosine",
    "weight_decay": 0.1,
    "label_smoothing": 0.1,
}
_DISTORTIONS: Mapping[str, Any] = {
    "rotation": 10,
    "width_shift": 2,
    "height_shift": 2,
    "shear": 10,
    "zoom": 0.1,
    "fill_mode": "constant",
}


def lenet_sized(input_shape: ImageShape, classes: int) -> keras.Model:
    """Builds a network of LeNet's size with the means of later papers.

    It has 3x3 convolutions (Simonyan and Zisserman, arXiv:1409.1556), each
    with batch normalisation (Ioffe and Szegedy, arXiv:1502.03167) and ReLU,
    max pooling, and the average of the last maps in place of wide dense
    layers (Lin, Chen and Yan, arXiv:1312.4400). On grey images of ten
    classes it has 49,370 trainable parameters; LeNet has 61,706.

    Args:
        input_shape: `(height, width, channels)`, 4x4 or larger. The images
            have values of about 0 to 1.
        classes: Number of classes, at least 2.

    Returns:
        A flat functional `keras.Model` from images `(batch, *input_shape)`
        to probabilities `(batch, classes)`.

    Raises:
        UsageError: The image is too small, or there are fewer than two
            classes.
    """
    check_classes(classes)
    x = inputs = image_input(input_shape)
    for block, widths in enumerate(((16,), (32, 32), (48, 48)), start=1):
        for number, filters in enumerate(widths, start=1):
            x = _convolve(x, filters, f"conv{block}_{number}")
        if block < 3:
            x = fit(keras.layers.MaxPooling2D(2, name=f"pool{block}"), x)
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    outputs = class_probabilities(x, classes)
    return keras.Model(inputs, outputs, name="lenet_sized")


def _convolve(
    x: keras.KerasTensor, filters: int, name: str
) -> keras.KerasTensor:
    x = keras.layers.Conv2D(
        filters, 3, padding="same", use_bias=False, name=name
    )(x)
    # With Keras's momentum of .99 the running statistics would need some 500
    # steps, more than an epoch, to follow the data.
    x = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def lenet5_for_digits(input_shape: ImageShape, classes: int) -> keras.Model:
    """Builds LeNet-5 for MNIST with the paper's preparation of the images.

    Digits of 28x28 are placed in the middle of 32x32, and values of 0 to 1
    become -0.1 to 1.175, so that they have about mean 0 and variance 1
    (section II.B). The network has the paper's table of connections,
    trainable pooling and scaled tanh, but a softmax instead of RBF units.

    Args:
        input_shape: Must be `(28, 28, 1)`.
        classes: Number of classes, at least 2.

    Returns:
        A `keras.Model` from images `(batch, 28, 28, 1)`, values 0 to 1, to
        probabilities `(batch, classes)`.

    Raises:
        UsageError: The images have another size or more than one channel.
    """
    if tuple(input_shape) != (28, 28, 1):
        raise UsageError(
            "This LeNet-5 takes only grey digits of 28x28 pixels.",
            where="input_shape",
            expected="(28, 28, 1)",
            received=tuple(input_shape),
            remedy="tlkit.models.classic.lenet5 takes other sizes.",
        )
    inputs = image_input(input_shape)
    x = keras.layers.ZeroPadding2D(2, name="margin")(inputs)
    x = keras.layers.Rescaling(1.275, -0.1, name="ink")(x)
    network = lenet5((32, 32, 1), classes, output="softmax")
    return keras.Model(inputs, network(x), name="lenet5_for_digits")


QUICK_EPOCHS = 3
QUICK_NOTE = (
    f"This is the quick form: {QUICK_EPOCHS} epochs, so its figures are far "
    "too low."
)


def notes(quick: bool = False) -> tuple[str, ...]:
    """Returns what a reader of either study must know, a paragraph each.

    Args:
        quick: Whether the form is the quick one.
    """
    return READINGS, *((QUICK_NOTE,) if quick else ())


def lenet_best_points(quick: bool = False) -> list[Point]:
    """Returns the study `lenet-best`: above 0.92 on Fashion-MNIST.

    Args:
        quick: Whether to train for 3 epochs instead of 40.

    Returns:
        One point.
    """
    parameters = {**_LENET_BEST, **({"epochs": QUICK_EPOCHS} if quick else {})}
    case = make_case(lenet_sized, parameters)
    return [
        Point("lenet-best", "with augmentation", case, 0.906, _NOT_LENET),
    ]


_NOT_LENET = "another network of its size; beside the article's best"


def lenet5_points(quick: bool = False) -> list[Point]:
    """Returns the study `lenet5-mnist`, beside the figures of the paper.

    The paper's error on the 10,000 test digits is 0.95 %, and 0.8 % with
    distorted digits (LeCun and others, 1998, section III.C).

    Args:
        quick: Whether to train for 3 epochs instead of 20 and 40.

    Returns:
        Two points: without and with distorted digits.
    """
    few = {"epochs": QUICK_EPOCHS} if quick else {}
    plain = {**_LENET5, **few}
    distorted = {
        **_LENET5,
        "epochs": 40,
        "augmentation": _DISTORTIONS,
        **few,
    }
    return [
        Point(
            "lenet5-mnist",
            "60,000 digits",
            make_case(lenet5_for_digits, plain),
            0.9905,
            _NOT_1998,
        ),
        Point(
            "lenet5-mnist",
            "with distortions",
            make_case(lenet5_for_digits, distorted),
            0.992,
            "random views in every epoch; the paper made 540,000 once",
        ),
    ]


_NOT_1998 = "softmax and AdamW; the paper's RBF units and its second-order SGD"
