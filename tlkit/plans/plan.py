"""The plan: everything that determines a model besides the data."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tlkit.base.errors import UsageError
from tlkit.base.fields import About, Checked, field
from tlkit.data.augment import (
    AUGMENTATIONS,
    Augmentation,
    make_augmentation,
)
from tlkit.plans.network import CONVNET, Network, ResolvedNetwork
from tlkit.plans.recipe import Recipe, ResolvedRecipe
from tlkit.plans.ways import WAYS

STORED_DTYPES = ("float16", "float32")
"""What the store may keep rows as."""


def read_devices(text: str) -> int | str:
    """Reads a number of devices, or `all`.

    Raises:
        ValueError: The text is neither.
    """
    return text if text == "all" else int(text)


@dataclass(frozen=True)
class Views(Checked):
    """How many augmented views of each training image are kept.

    Args:
        count: Views of each training image that go through the frozen part
            of the network, once; epoch `e` trains on view `e` modulo this.
            With as many views as epochs it is the same computation as
            training end to end. 0 trains end to end: new views in every
            epoch, and nothing is kept.
        dtype: What the store keeps, `"float16"` or `"float32"`. float16 has
            three digits and takes half the space.

    Raises:
        UsageError: The count is negative, or there is no such dtype.

    Example:
        >>> Views(3)
        Views(count=3, dtype='float16')
    """

    count: int | None = field(
        None,
        About(
            "Augmented views of each image that go through the frozen part "
            "once; the epochs take turns with them. 0: as in the book, new "
            "views in every epoch, and nothing is kept.",
            at_least=0,
            flag="views",
            group="training",
        ),
    )
    dtype: str = field(
        "float16",
        About(
            "What features are kept as in the store.",
            choices=lambda: STORED_DTYPES,
            flag="features-dtype",
            group="machine",
        ),
    )


@dataclass(frozen=True)
class ResolvedViews(Views):
    """Views of which the number is known."""

    count: int = 0


@dataclass(frozen=True)
class Machine(Checked):
    """Where to compute.

    Args:
        devices: How many devices train together on parts of each batch, or
            `"all"`: GPUs, or without GPUs logical CPU devices.
        tensorboard: Whether logs for TensorBoard are written into the run
            folder.

    Raises:
        UsageError: The number is below 1, or another word than `"all"`.

    Example:
        >>> Machine(devices="all").devices
        'all'
    """

    devices: int | str = field(
        1,
        About(
            "How many devices train together, or all.",
            at_least=1,
            choices=lambda: ("all",),
            parse=read_devices,
            metavar="N|all",
            group="machine",
        ),
    )
    tensorboard: bool = field(
        False,
        About("Write logs for TensorBoard.", group="machine"),
    )


@dataclass(frozen=True)
class ResolvedMachine(Machine):
    """Where to compute, with the number of devices known."""

    devices: int = 1


@dataclass(frozen=True)
class Plan(Checked):
    """What to train and how; what is None suits the way, data and machine.

    A plan is checked when it is made. It is a value: it goes to JSON and
    TOML and back (`tlkit.plans.files`), and a run's `config.json` is the
    plan that made it, with nothing left open.

    Args:
        way: A key of `tlkit.plans.ways.WAYS`: `"scratch"`, `"features"`,
            `"augmented"` or `"finetune"`.
        network: Conv base and head. Fine-tuning takes those of the run it
            goes on from.
        augmentation: What may happen to training images: an `Augmentation`,
            the name of a preset (`"book"`, `"mild"`, `"none"`), fields by
            name on top of the way's own preset, or a Keras layer for images,
            which is slower. Only for ways that augment.
        views: How many views of an image go through the frozen part once.
        recipe: How to train.
        machine: Where to compute.
        seed: Seed of initial weights, order, augmentation and dropout. The
            same plan on the same data and machine gives the same weights.
        start: Folder of the run that fine-tuning goes on from.
        from_layer: The first layer, or its block, that fine-tuning trains.

    Raises:
        UsageError: A value is unknown, out of its range, or means nothing
            for this way.

    Example:
        >>> plan = Plan("features", Network("minivgg"), seed=1)
        >>> plan.recipe.epochs is None  # open until it is resolved
        True
    """

    way: str = field(
        "features", About("Which way.", choices=lambda: tuple(WAYS))
    )
    network: Network = field(Network, About("Conv base and head."))
    augmentation: Any = field(
        None, About("What may happen to training images.")
    )
    views: Views = field(Views, About("Views that are kept."))
    recipe: Recipe = field(Recipe, About("How to train."))
    machine: Machine = field(Machine, About("Where to compute."))
    seed: int = field(
        0,
        About(
            "Seed of weights, order, augmentation and dropout.",
            at_least=0,
            group="training",
        ),
    )
    start: str | None = field(
        None,
        About(
            "Run of features or augmented to go on from; required.",
            metavar="RUN",
            group="network",
            first=True,
        ),
    )
    from_layer: str | None = field(
        None,
        About(
            "First layer, or block of layers, to train; what lies below it "
            "stays frozen.",
            metavar="LAYER",
            group="network",
            first=True,
            open="the last block of the base",
        ),
    )

    def __post_init__(self) -> None:
        if self.start is not None and not isinstance(self.start, str):
            # A run, or a path, is known by its folder.
            start = getattr(self.start, "path", self.start)
            if isinstance(start, os.PathLike):
                object.__setattr__(self, "start", os.fspath(start))
        super().__post_init__()
        object.__setattr__(self, "augmentation", self._augmentation())
        self._check_way()

    def _augmentation(self) -> Any:
        told = self.augmentation
        preset = WAYS[self.way].augmentation
        if told is None or isinstance(told, Augmentation):
            return told
        if isinstance(told, str) or (
            isinstance(told, Mapping) and "keras" not in told
        ):
            return make_augmentation(told, preset or "none")
        from tlkit.tensor.keras_augmentation import KerasAugmentation

        return KerasAugmentation.of(told)

    def _check_way(self) -> None:
        if isinstance(self, ResolvedPlan):
            return  # what its way has not is empty there
        given = {
            name: value
            for name in sorted(WAYS[self.way].without)
            if (value := self._given(name)) is not None
        }
        if given:
            name = next(iter(given))
            raise UsageError(
                f"The way {self.way} has no {name}.",
                where=name,
                expected="nothing",
                received=given[name],
                remedy=_others(name),
            )
        if self.way != "scratch" and self.network.base == CONVNET:
            raise UsageError(
                "The convnet is trained from scratch alone.",
                where="base",
                expected="a conv base, or the way scratch",
                received=f"{CONVNET} with the way {self.way}",
            )

    def _given(self, name: str) -> Any:
        """What an option was given, or None if it is as nobody touched it."""
        own = _PLACES.get(name, name)
        parts = (self.views,) if name in _PLACES else (self, self.network)
        part = next(part for part in parts if hasattr(part, own))
        value = getattr(part, own)
        usual = {"alpha": 1.0, "dtype": "float16", "base": CONVNET}.get(own)
        return None if value == usual else value


#: Options whose field has another name.
_PLACES = {"views": "count", "features_dtype": "dtype"}


@dataclass(frozen=True)
class ResolvedPlan(Plan):
    """A plan with nothing left open; see `tlkit.plans.resolve.resolve`.

    What a way has not is empty: `start` and `from_layer` are `""` where a
    way starts afresh, `augmentation` is the preset `"none"`.
    """

    network: ResolvedNetwork = field(ResolvedNetwork, About("See `Plan`."))
    augmentation: Any = AUGMENTATIONS["none"]
    views: ResolvedViews = field(ResolvedViews, About("See `Plan`."))
    recipe: ResolvedRecipe = field(ResolvedRecipe, About("See `Plan`."))
    machine: ResolvedMachine = field(ResolvedMachine, About("See `Plan`."))
    start: str = ""
    from_layer: str = ""


def _others(name: str) -> str:
    ways = [way for way, about in WAYS.items() if name not in about.without]
    return f"Leave it out, or take the way {' or '.join(ways)}."
