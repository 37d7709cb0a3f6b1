"""The plan: everything that determines a model besides the data."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from tlkit.base.choices import names_in
from tlkit.base.errors import UsageError
from tlkit.base.fields import Checked, Option, field, option_names
from tlkit.base.machine import AUTO, DEVICES
from tlkit.base.records import Column, Table
from tlkit.cluster.engines import ENGINES
from tlkit.data.augment import (
    AUGMENTATIONS,
    Augmentation,
    make_augmentation,
)
from tlkit.plans.network import CONVNET, Network, ResolvedNetwork
from tlkit.plans.recipe import Recipe, ResolvedRecipe
from tlkit.plans.ways import WAYS

TRACKERS = ("tensorboard", "mlflow")
"""Names of trackers, of the packages they need, and of tlkit's extras."""

STORED_DTYPES = ("float16", "float32")
"""The dtypes in which the store can keep rows."""


def read_devices(text: str) -> int | str:
    """Reads a number of devices from the command line.

    Args:
        text: A whole number, or one of `DEVICES`.

    Raises:
        ValueError: The text is neither.
    """
    if text in DEVICES:
        return text
    if not text.lstrip("-").isdigit():
        words = ", ".join(DEVICES)
        raise ValueError(
            f"expected a number, or one of {words}, and received {text!r}"
        )
    return int(text)


@dataclass(frozen=True)
class Views(Checked):
    """The augmented views of each training image that are stored.

    Args:
        count: Number of views of each training image that go through the
            frozen part of the network, once each. Epoch `e` trains on view
            `e` modulo this number. With as many views as epochs it is the
            same computation as training end to end. 0 trains end to end:
            every epoch sees new views, and nothing is stored.
        dtype: Dtype of the stored rows, `"float16"` or `"float32"`. float16
            has three significant digits and takes half the space.

    Raises:
        UsageError: The count is negative, or there is no such dtype.

    Example:
        >>> Views(3)
        Views(count=3, dtype='float16')
    """

    count: int | None = field(
        None,
        Option(
            "Number of augmented views of each image that go through the "
            "frozen part, once each; the epochs take turns with them. 0 is "
            "as in the book: new views in every epoch, and nothing is stored.",
            at_least=0,
            flag="views",
            group="training",
        ),
    )
    dtype: str = field(
        "float16",
        Option(
            "Dtype in which the store keeps features.",
            choices=lambda: STORED_DTYPES,
            flag="features-dtype",
            group="machine",
        ),
    )


@dataclass(frozen=True)
class ResolvedViews(Views):
    """Views whose number is known."""

    count: int = 0


@dataclass(frozen=True)
class Machine(Checked):
    """The devices that compute, and what they log.

    Args:
        devices: Number of devices that train together on parts of each
            batch: GPUs, or logical CPU devices on a machine without GPUs.
            `"all"` takes every one of them, `"cpu"` no GPU, and `"auto"` one
            GPU or, without GPUs, the CPU. Several hosts, which `TF_CONFIG` or
            SLURM describes, train with all of their devices.
        track: Names of programs, out of `TRACKERS`, that are told how the
            training goes. TensorBoard finds its logs in the run folder.
            MLflow is sent to where its variable `MLFLOW_TRACKING_URI` says,
            or else to the folder `runs/mlruns`; it gets plan, figures and
            plots, and the model if that has 100 MB at most. One that fails
            is left out, and the training goes on.
        engine: What runs the frozen part over the images, and tries heads:
            `"local"`, this process, or `"ray"`, actors and tasks of Ray. The
            results are the same.

    Raises:
        UsageError: The number is below 1, a word other than these, or there
            is no such tracker or engine.

    Example:
        >>> Machine(devices="all").devices
        'all'
    """

    devices: int | str = field(
        AUTO,
        Option(
            "Number of devices that train together, all of them, no GPU "
            "(cpu), or one GPU if there is one (auto). Several hosts, by "
            "TF_CONFIG or SLURM, take all of theirs.",
            at_least=1,
            choices=lambda: DEVICES,
            parse=read_devices,
            metavar="auto|cpu|N|all",
            group="machine",
        ),
    )
    track: tuple[str, ...] = field(
        (),
        Option(
            "Programs to follow the training with, with commas between: "
            f"{', '.join(TRACKERS)}. MLflow's own MLFLOW_TRACKING_URI says "
            f"where to; without it, to runs/mlruns.",
            choices=lambda: TRACKERS,
            parse=names_in,
            metavar="NAME,...",
            group="machine",
        ),
    )
    engine: str = field(
        "local",
        Option(
            "What runs the conv base over the images, and tries heads: this "
            "process, or Ray on all cores, GPUs or, by RAY_ADDRESS, machines.",
            choices=lambda: ENGINES,
            group="machine",
        ),
    )


@dataclass(frozen=True)
class ResolvedMachine(Machine):
    """A machine whose number of devices is known."""

    devices: int = 1


PARTS: Mapping[str, Any] = {
    "network": Network,
    "views": Views,
    "recipe": Recipe,
    "machine": Machine,
}
"""The parts of a plan by name, each a dataclass of its own."""


@dataclass(frozen=True, repr=False)
class Plan(Checked):
    """What to train and how.

    Settings that are None are open: they are filled in, to suit the way, the
    data and the machine, when the plan is resolved. A plan is checked when it
    is made. It can be written to JSON and TOML and read back
    (`tlkit.plans.files`), and a run's `config.json` is the plan that made it,
    with nothing left open.

    Args:
        way: Name of the way, a key of `tlkit.plans.ways.WAYS`: `"scratch"`,
            `"features"`, `"augmented"` or `"finetune"`.
        network: Conv base and head. Fine-tuning takes those of the run from
            which it goes on.
        augmentation: Random changes of the training images, for ways that
            augment: an `Augmentation`, the name of a preset (`"book"`,
            `"mild"`, `"none"`), a mapping of fields that change the way's own
            preset, or a Keras layer for images, which is slower.
        views: Number of views of an image that go through the frozen part
            once, and the dtype in which their rows are kept.
        recipe: How the network is trained.
        machine: The devices that compute.
        seed: Seed of initial weights, order, augmentation and dropout. The
            same plan on the same data and machine gives the same weights.
        start: Folder of the run from which fine-tuning goes on.
        from_layer: Name of the first layer that fine-tuning trains, or of a
            block, from whose first layer on it trains. None takes the last
            stage of the conv base.

    Raises:
        UsageError: A value is unknown or out of its range, or the way does
            not have this setting.

    Example:
        >>> plan = Plan("features", Network("minivgg"), seed=1)
        >>> plan.recipe.epochs is None  # open until it is resolved
        True
    """

    way: str = field(
        "features",
        Option("Name of the way.", choices=lambda: tuple(WAYS)),
    )
    network: Network = field(Network, Option("Conv base and head."))
    augmentation: Any = field(None, Option("Changes of the training images."))
    views: Views = field(Views, Option("Views that are stored."))
    recipe: Recipe = field(Recipe, Option("How to train."))
    machine: Machine = field(Machine, Option("Devices that compute."))
    seed: int = field(
        0,
        Option(
            "Seed of initial weights, order, augmentation and dropout.",
            at_least=0,
            group="training",
        ),
    )
    start: str | None = field(
        None,
        Option(
            "Run of features or augmented to go on from; required.",
            metavar="RUN",
            group="network",
            first=True,
        ),
    )
    from_layer: str | None = field(
        None,
        Option(
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
            # A plan is plain data, so of a run it keeps the folder.
            start = getattr(self.start, "path", self.start)
            if isinstance(start, os.PathLike):
                object.__setattr__(self, "start", os.fspath(start))
        super().__post_init__()
        object.__setattr__(self, "augmentation", self._augmentation())
        self._check_way()

    def __repr__(self) -> str:
        given = {
            name: value
            for name, value in self._settings()
            if value != _USUAL.get(name)
        }
        words = [f"{name}={value!r}" for name, value in given.items()]
        values = ", ".join([repr(self.way), *words])
        return f"{type(self).__name__}({textwrap.shorten(values, 160)})"

    def table(self) -> Table:
        """Returns every setting that is not open, part by part."""
        columns = (Column("setting"), Column("value"))
        rows = [(name, str(value)) for name, value in self._settings()]
        return Table(f"Plan of the way {self.way}", columns, tuple(rows))

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def _settings(self) -> list[tuple[str, Any]]:
        """The settings that are not open, by the path of their field."""
        found = []
        for own in fields(self):
            value = getattr(self, own.name)
            if own.name in PARTS:
                found += [
                    (f"{own.name}.{inner.name}", getattr(value, inner.name))
                    for inner in fields(value)
                ]
            elif own.name != "way":
                found.append((own.name, value))
        return [(name, x) for name, x in found if x not in (None, "")]

    def _augmentation(self) -> Any:
        given = self.augmentation
        preset = WAYS[self.way].augmentation
        if given is None or isinstance(given, Augmentation):
            return given
        if isinstance(given, str) or (
            isinstance(given, Mapping) and "keras" not in given
        ):
            return make_augmentation(given, preset or "none")
        # Imported here, so that most plans are made without TensorFlow.
        from tlkit.tensor.keras_augmentation import KerasAugmentation

        return KerasAugmentation.of(given)

    def _check_way(self) -> None:
        if isinstance(self, ResolvedPlan):
            return  # it has empty values where its way has no such setting
        # Sorted, as the order of a set changes from process to process: the
        # same mistake shall give the same message.
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
                remedy=_remedy(name),
            )
        if self.way != "scratch" and self.network.base == CONVNET:
            raise UsageError(
                "The convnet is trained from scratch alone.",
                where="base",
                expected="a conv base, or the way scratch",
                received=f"{CONVNET} with the way {self.way}",
            )

    def _given(self, name: str) -> Any:
        """Returns the value of an option, or None if it is the default.

        Some options have a default other than None; nobody can tell whether
        it was given or left alone, and it does no harm.
        """
        for part, kind in PARTS.items():
            for own, option in option_names(kind).items():
                if option == name:
                    value = getattr(getattr(self, part), own)
                    usual = getattr(kind(), own)
                    return None if value in (usual, CONVNET) else value
        return getattr(self, name)


@dataclass(frozen=True, repr=False)
class ResolvedPlan(Plan):
    """A plan with nothing left open; see `tlkit.plans.resolve.resolve`.

    Settings that its way does not have are empty: `start` and `from_layer`
    are `""` where a way does not go on from a run, and `augmentation` is the
    preset `"none"` where it does not augment.
    """

    network: ResolvedNetwork = field(ResolvedNetwork, Option("See `Plan`."))
    augmentation: Any = AUGMENTATIONS["none"]
    views: ResolvedViews = field(ResolvedViews, Option("See `Plan`."))
    recipe: ResolvedRecipe = field(ResolvedRecipe, Option("See `Plan`."))
    machine: ResolvedMachine = field(ResolvedMachine, Option("See `Plan`."))
    start: str = ""
    from_layer: str = ""


#: What a plan holds that nobody has touched.
_USUAL: Mapping[str, Any] = dict(Plan()._settings())


def _remedy(name: str) -> str:
    ways = [way for way, own in WAYS.items() if name not in own.without]
    return f"Leave it out, or take the way {' or '.join(ways)}."
