"""The part of a plan that describes the network: conv base and head."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tlkit.base.errors import UsageError
from tlkit.base.fields import Checked, Option, field
from tlkit.base.image_size import FITS, STRETCH, Frame, as_height_width
from tlkit.models.specs import (
    BASES,
    POOLINGS,
    ConvBaseSpec,
    base_spec,
    given_spec,
)

if TYPE_CHECKING:
    import keras

    from tlkit.models.heads import HeadSpec

CONVNET = "convnet"
"""The book's small convnet, which starts from random weights."""

_DEFAULT_BASE = "vgg16"
_CONVNET_SIZE = 150
#: The convnet's own; see `tlkit.models.convnet`.
_CONVNET_UNITS = 512


def read_size(text: str) -> int | tuple[int, int]:
    """Reads an image size from the command line.

    Args:
        text: Text such as `150`, or `120x160` for height and width.

    Raises:
        ValueError: The text has neither form.
    """
    sides = text.split("x")
    if len(sides) > 2 or not all(side.isdigit() for side in sides):
        raise ValueError(
            f"expected PIXELS, or HEIGHTxWIDTH, and received {text!r}"
        )
    return (int(sides[0]), int(sides[1])) if len(sides) == 2 else int(sides[0])


@dataclass(frozen=True)
class Network(Checked):
    """A conv base and the head on top of it.

    Settings that are None are filled in when the plan is resolved, with
    values that suit the base.

    Args:
        base: Name of the conv base, a key of `tlkit.models.specs.BASES`; or
            a Keras model from pixels, values 0 to 255, to a feature map,
            whose layers are all Keras's own. None takes VGG16, and for
            training from scratch the book's convnet.
        weights: `"imagenet"` downloads the published weights once; `"tlkit"`
            takes those that MiniVGG comes with; the path of a `.h5` or
            `.weights.h5` file loads that file; `"none"` leaves the weights
            random. None takes the weights with which the base is published.
        image_size: Side in pixels that the network works at, or
            `(height, width)`. Images of other sizes are resized to it. None
            takes the base's own size.
        alpha: Width multiplier of MobileNet and MobileNetV2, by which their
            numbers of channels are multiplied.
        pooling: Operation that turns a feature map into a vector:
            `"flatten"`, `"average"` or `"max"`. None takes the one that suits
            the base.
        units: Number of units of the head's hidden dense layer; 0 leaves it
            out. None takes 256.
        dropout: Share of the hidden units dropped in training, 0 to below 1.
            None takes 0.5.
        l2: Factor by which the sum of squared weights, of the head or of the
            whole convnet, is multiplied before it is added to the loss. None
            takes 0, which adds nothing.
        fit: What happens to images of another shape. `"stretch"` changes
            their aspect ratio. `"crop"` cuts off what is too much, equally
            at both sides, and `"pad"` adds black borders; both keep the
            aspect ratio. None stretches, as Keras does.

    Raises:
        UsageError: A value is unknown or out of its range.

    Example:
        >>> Network("mobilenet_v2").resolved().image_size
        (224, 224)
    """

    base: Any = field(
        None,
        Option(
            f"Conv base to build on: {', '.join(BASES)}.",
            metavar="NAME",
            open=_DEFAULT_BASE,
            group="network",
            first=True,
        ),
    )
    weights: str | None = field(
        None,
        Option(
            "imagenet (downloaded once), tlkit (of minivgg), the path of a "
            ".h5 or .weights.h5 file, or none for random weights.",
            metavar="NAME|FILE",
            group="network",
            first=True,
            open="those that the base comes with",
        ),
    )
    image_size: int | tuple[int, int] | None = field(
        None,
        Option(
            "Side in pixels that the network works at, or HEIGHTxWIDTH.",
            at_least=1,
            parse=read_size,
            metavar="PIXELS",
            group="network",
            first=True,
            open="the base's own",
        ),
    )
    alpha: float = field(
        1.0,
        Option(
            "Width multiplier of mobilenet and mobilenet_v2.",
            above=0,
            group="network",
        ),
    )
    pooling: str | None = field(
        None,
        Option(
            "How a feature map becomes a vector.",
            choices=lambda: POOLINGS,
            group="network",
            open="the base's own",
        ),
    )
    units: int | None = field(
        None,
        Option(
            "Units of the head's hidden dense layer; 0 leaves it out.",
            at_least=0,
            group="network",
        ),
    )
    dropout: float | None = field(
        None,
        Option(
            "Share of the hidden units dropped in training.",
            at_least=0,
            below=1,
            group="network",
        ),
    )
    l2: float | None = field(
        None,
        Option(
            "Factor of the squared weights that is added to the loss.",
            at_least=0,
            group="network",
        ),
    )
    fit: str | None = field(
        None,
        Option(
            "How images of another shape are brought to --image-size: "
            "stretch changes their proportions, crop keeps their middle, pad "
            "adds black borders.",
            choices=lambda: FITS,
            group="network",
            open=STRETCH,
        ),
    )

    def __post_init__(self) -> None:
        if isinstance(self.weights, os.PathLike):
            # A Path would not fit into a run's config.json.
            object.__setattr__(self, "weights", os.fspath(self.weights))
        if self.image_size is not None:
            size = self.image_size
            if not isinstance(size, int):
                size = as_height_width(size)
            object.__setattr__(self, "image_size", size)
        super().__post_init__()
        _check_base(self.base)

    @property
    def base_name(self) -> str:
        """Name of the conv base, also where it is a Keras model."""
        return self.spec.name

    @property
    def spec(self) -> ConvBaseSpec:
        """The description of the conv base: its defaults and its blocks.

        Raises:
            UsageError: The network is the convnet, which has no conv base.
        """
        if self.base is None:
            return base_spec(_DEFAULT_BASE)
        if isinstance(self.base, str):
            return base_spec(self.base)
        return given_spec(self.base)

    def resolved(self) -> ResolvedNetwork:
        """Returns the network with all open settings filled in."""
        # The convnet has no weights to load and no entry in the table.
        if self.base == CONVNET:
            return self._filled("none", _CONVNET_SIZE, "flatten", CONVNET)
        spec = self.spec
        base = spec.name if self.base is None else self.base
        return self._filled(spec.published, spec.image_size, spec.pooling, base)

    def _filled(
        self, weights: str, image_size: int, pooling: str, base: Any
    ) -> ResolvedNetwork:
        units = _CONVNET_UNITS if base == CONVNET else 256
        # Not `or` where 0 is a value that may be asked for.
        return ResolvedNetwork(
            base=base,
            weights=self.weights or weights,
            image_size=as_height_width(self.image_size or image_size),
            alpha=self.alpha,
            pooling=self.pooling or pooling,
            units=units if self.units is None else self.units,
            dropout=0.5 if self.dropout is None else self.dropout,
            l2=0.0 if self.l2 is None else self.l2,
            fit=self.fit or STRETCH,
        )


@dataclass(frozen=True)
class ResolvedNetwork(Network):
    """A network with no settings left open; see `Network.resolved`."""

    base: Any = CONVNET
    weights: str = "none"
    image_size: tuple[int, int] = (_CONVNET_SIZE, _CONVNET_SIZE)
    pooling: str = "flatten"
    units: int = _CONVNET_UNITS
    dropout: float = 0.5
    l2: float = 0.0
    fit: str = STRETCH

    @property
    def frame(self) -> Frame:
        """The image size together with the fit, for all who read images."""
        return Frame(*self.image_size, self.fit)

    @property
    def warning(self) -> str | None:
        """A warning where the conv base has random weights, else None."""
        if self.base == CONVNET or self.weights != "none":
            return None
        # A user's Keras model has its weights already; its "none" only says
        # that no others are loaded.
        if not isinstance(self.base, str):
            return None
        return (
            f"The conv base {self.base} has random weights: this is not "
            "transfer learning, and the accuracy shows it."
        )

    def check(self) -> None:
        """Raises the UsageErrors of `build_base`, without building it."""
        from tlkit.models.bases import check_base, check_given_base

        if isinstance(self.base, str):
            check_base(self.base, self.weights, self.image_size, self.alpha)
        else:
            check_given_base(self.base, self.image_size)

    def build_base(self) -> keras.Model:
        """Builds the conv base with its weights."""
        from tlkit.models.bases import build_base, build_given_base

        if isinstance(self.base, str):
            return build_base(self.base, self.weights, self.frame, self.alpha)
        return build_given_base(self.base, self.frame)

    def head(self, classes: int) -> HeadSpec:
        """Returns the description of the head.

        Args:
            classes: Number of classes, 2 or more.
        """
        from tlkit.models.heads import HeadSpec

        return HeadSpec(
            classes, self.pooling, self.units, self.dropout, self.l2
        )


def _check_base(base: Any) -> None:
    """Raises UsageError unless a base is of a kind that a plan can have."""
    if isinstance(base, str) and base != CONVNET:
        base_spec(base)  # its error lists the names
    # Asked without importing Keras, which takes seconds.
    if base is None or isinstance(base, str) or hasattr(base, "get_config"):
        return
    # A mapping stands for a Keras model in the plan of a finished run, which
    # can be read and shown but not trained.
    if isinstance(base, dict) and set(base) == {"keras_model", "sha256"}:
        return
    raise UsageError(
        "This is not a conv base.",
        where="base",
        expected=f"one of {', '.join(BASES)}, or a Keras model",
        received=repr(base)[:200],
    )
