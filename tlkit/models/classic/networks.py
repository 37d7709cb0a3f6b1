"""The classic networks by name, each with the input it was published with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import keras

from tlkit.base.choices import did_you_mean
from tlkit.base.errors import UsageError
from tlkit.models.classic.alexnet import alexnet
from tlkit.models.classic.densenet import densenet121
from tlkit.models.classic.googlenet import googlenet
from tlkit.models.classic.lenet1 import lenet1
from tlkit.models.classic.lenet4 import lenet4
from tlkit.models.classic.lenet5 import lenet, lenet5
from tlkit.models.classic.mnist import inception_mnist, resnet_mnist
from tlkit.models.classic.nin import nin
from tlkit.models.classic.resnet import resnet18, resnet34, resnet50
from tlkit.models.classic.sizes import ImageShape
from tlkit.models.classic.vgg import vgg11, vgg13, vgg16, vgg19


@dataclass(frozen=True)
class Network:
    """One classic network.

    Attributes:
        build: The builder, which is called with `input_shape` and `classes`.
        input_shape: The `(height, width, channels)` it was published with.
        classes: Number of classes it was published with.
    """

    build: Callable[..., keras.Model]
    input_shape: tuple[int, int, int]
    classes: int


_GREY, _GREY_32 = (28, 28, 1), (32, 32, 1)
_COLOUR_32, _COLOUR = (32, 32, 3), (224, 224, 3)

NETWORKS: Mapping[str, Network] = MappingProxyType(
    {
        "lenet1": Network(lenet1, _GREY, 10),
        "lenet4": Network(lenet4, _GREY_32, 10),
        "lenet5": Network(lenet5, _GREY_32, 10),
        "lenet": Network(lenet, _GREY, 10),
        "alexnet": Network(alexnet, (227, 227, 3), 1000),
        "vgg11": Network(vgg11, _COLOUR, 1000),
        "vgg13": Network(vgg13, _COLOUR, 1000),
        "vgg16": Network(vgg16, _COLOUR, 1000),
        "vgg19": Network(vgg19, _COLOUR, 1000),
        "nin": Network(nin, _COLOUR_32, 10),
        "googlenet": Network(googlenet, _COLOUR, 1000),
        "resnet18": Network(resnet18, _COLOUR, 1000),
        "resnet34": Network(resnet34, _COLOUR, 1000),
        "resnet50": Network(resnet50, _COLOUR, 1000),
        "densenet121": Network(densenet121, _COLOUR, 1000),
        "inception_mnist": Network(inception_mnist, _GREY, 10),
        "resnet_mnist": Network(resnet_mnist, _GREY, 10),
    }
)
"""Every classic network, by name."""


def build_classic(
    name: str,
    input_shape: ImageShape | None = None,
    classes: int | None = None,
) -> keras.Model:
    """Builds a classic network by name.

    Args:
        name: A name in `NETWORKS`, such as "vgg16".
        input_shape: `(height, width, channels)`; None for the shape that the
            network was published with.
        classes: Number of classes, at least 2; None for the number that the
            network was published with.

    Returns:
        A flat functional `keras.Model` from images `(batch, *input_shape)`
        to `(batch, classes)`, with random weights.

    Raises:
        UsageError: There is no such network, or it cannot be built for these
            images or classes.

    Example:
        >>> build_classic("lenet").count_params()
        61706
    """
    if name not in NETWORKS:
        raise UsageError(
            f"There is no classic network {name!r}.",
            where="network",
            expected=", ".join(NETWORKS),
            remedy=did_you_mean(name, NETWORKS),
        )
    network = NETWORKS[name]
    return network.build(
        network.input_shape if input_shape is None else input_shape,
        network.classes if classes is None else classes,
    )
