"""The classic networks: which there are, and what each was published for.

A table, nothing is built here; the builders stand in `tlkit.models.classic`,
one paper one file, and are imported when one of them is called for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from tlkit.base.imports import import_name

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class ClassicSpec:
    """One classic network.

    Args:
        home: File in `tlkit/models/classic/` and builder in it, with a dot
            between them.
        input_shape: The `(height, width, channels)` it was published with.
        classes: Number of classes it was published with.
    """

    home: str
    input_shape: tuple[int, int, int]
    classes: int

    @property
    def build(self) -> Callable[..., keras.Model]:
        """The builder, which is called with `input_shape` and `classes`."""
        return import_name(f"tlkit.models.classic.{self.home}")


_GREY, _GREY_32 = (28, 28, 1), (32, 32, 1)
_COLOUR_32, _COLOUR = (32, 32, 3), (224, 224, 3)

NETWORKS: Mapping[str, ClassicSpec] = MappingProxyType(
    {
        "lenet1": ClassicSpec("lenet1.lenet1", _GREY, 10),
        "lenet4": ClassicSpec("lenet4.lenet4", _GREY_32, 10),
        "lenet5": ClassicSpec("lenet5.lenet5", _GREY_32, 10),
        "lenet": ClassicSpec("lenet5.lenet", _GREY, 10),
        "alexnet": ClassicSpec("alexnet.alexnet", (227, 227, 3), 1000),
        "vgg11": ClassicSpec("vgg.vgg11", _COLOUR, 1000),
        "vgg13": ClassicSpec("vgg.vgg13", _COLOUR, 1000),
        "vgg16": ClassicSpec("vgg.vgg16", _COLOUR, 1000),
        "vgg19": ClassicSpec("vgg.vgg19", _COLOUR, 1000),
        "nin": ClassicSpec("nin.nin", _COLOUR_32, 10),
        "googlenet": ClassicSpec("googlenet.googlenet", _COLOUR, 1000),
        "resnet18": ClassicSpec("resnet.resnet18", _COLOUR, 1000),
        "resnet34": ClassicSpec("resnet.resnet34", _COLOUR, 1000),
        "resnet50": ClassicSpec("resnet.resnet50", _COLOUR, 1000),
        "densenet121": ClassicSpec("densenet.densenet121", _COLOUR, 1000),
        "inception_mnist": ClassicSpec("mnist.inception_mnist", _GREY, 10),
        "resnet_mnist": ClassicSpec("mnist.resnet_mnist", _GREY, 10),
    }
)
"""Every classic network, by name."""
