"""From the options of a verb to plans, data and folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlkit.base.choices import names_in
from tlkit.base.console import say
from tlkit.base.errors import UsageError
from tlkit.base.fields import Option
from tlkit.cli.generated import Flag, default_text, flags_of, values_of
from tlkit.cli.options import Fractions, Places, Trials, use_store
from tlkit.cluster.engines import prepare_engine
from tlkit.data.augment import AUGMENTATIONS, Augmentation
from tlkit.plans.files import read_augmentation
from tlkit.plans.network import CONVNET, Network
from tlkit.plans.plan import PARTS, Plan
from tlkit.plans.ways import WAYS, Way
from tlkit.tensor.starting import start_tensorflow

if TYPE_CHECKING:
    from tlkit.data.index import DatasetIndex
    from tlkit.search.heads import HeadGrid

_OWN = ("seed", "start", "from_layer")
AUGMENT = "augment"
"""The option that names a preset, or a file of fields."""


@dataclass(frozen=True)
class Request:
    """What a verb was asked to train.

    Args:
        plans: One plan, or several whose networks are to be compared.
        data: The data set.
        run: Folder of the run; None for one in `runs/`.
        grid: Heads to try; None to train the plan's own.
    """

    plans: tuple[Plan, ...]
    data: DatasetIndex
    run: Path | None = None
    grid: HeadGrid | None = None

    @property
    def plan(self) -> Plan:
        """The one plan."""
        (plan,) = self.plans
        return plan


def plan_flags(name: str) -> list[Flag]:
    """Returns the options of a way: its plan's fields that mean something.

    Args:
        name: A key of `WAYS`.
    """
    way = WAYS[name]
    flags = [
        flag for part, kind in PARTS.items() for flag in flags_of(kind, part)
    ]
    flags += [flag for flag in flags_of(Plan) if flag.field in _OWN]
    left_out = way.without | way.from_start
    found = [
        replace(flag, default=_default(flag, name, way))
        for flag in flags
        if flag.name not in left_out
    ]
    return found + (augmentation_flags(way) if way.augmentation else [])


def augmentation_flags(way: Way) -> list[Flag]:
    """Returns the options that say what may happen to a training image."""
    fields = [
        replace(
            flag,
            part=AUGMENT,
            option=replace(flag.option, group="augmentation"),
            default=None,
            # Whatever the preset has, either can be asked for.
            two_forms=True,
        )
        for flag in flags_of(Augmentation)
    ]
    return [replace(_PRESET, default=way.augmentation), *fields]


_PRESET = Flag(
    AUGMENT,
    AUGMENT,
    "preset",
    str,
    Option(
        "What may happen to training images: one of "
        f"{', '.join(AUGMENTATIONS)}, or a .toml or .json file of the options "
        "under Augmentation, each of which changes it further.",
        metavar="NAME|FILE",
        group="augmentation",
        first=True,
    ),
)


def _default(flag: Flag, name: str, way: Way) -> str | None:
    """What a way takes where nothing is given, in words."""
    usual = getattr(way, flag.name, None)
    if usual is None and flag.part == "network":
        if name != "scratch" and flag.option.open:
            return flag.option.open
        network = Network(CONVNET if name == "scratch" else None).resolved()
        usual = getattr(network, flag.field)
        if isinstance(usual, tuple):
            usual = usual[0]  # a square
    if usual is None:
        return flag.default or flag.option.open
    return default_text(usual)


def read_request(name: str, given: Mapping[str, Any]) -> Request:
    """Makes plans of what was given to a verb, then reads the data.

    Args:
        name: A key of `WAYS`.
        given: Values by the name of the option, None where nothing was.

    Raises:
        UsageError: A value, or the data, is not possible.
        TlkitError: The data cannot be read.
    """
    places = values_of(Places, given)
    use_store(places.store)
    plans = make_plans(name, given)
    # All plans have the same; reading the data may take minutes.
    prepare_engine(plans[0].machine.engine)
    fractions = values_of(Fractions, given)
    data = read_data(given["data"], fractions, given.get("start"))
    grid = None
    if values_of(Trials, given).head_grid:
        grid = head_grid(plans[0])
    return Request(plans, data, places.run, grid)


def make_plans(name: str, given: Mapping[str, Any]) -> tuple[Plan, ...]:
    """Makes a plan of what was given; one a base where there are several."""
    bases = listed(given.get("base"))
    weights: list[str | None] = [*listed(given.get("weights"))]
    if len(bases) <= 1:
        return (make_plan(name, given),)
    if len(weights) <= 1:
        weights = (weights or [None]) * len(bases)
    if len(weights) != len(bases):
        raise UsageError(
            "There are not as many weights as conv bases.",
            where="--weights",
            expected=f"1 or {len(bases)}, for {given['base']}",
            received=f"{len(weights)}: {given['weights']}",
            remedy="Name one for all bases, or one for each in their order.",
        )
    return tuple(
        make_plan(name, {**given, "base": base, "weights": own})
        for base, own in zip(bases, weights, strict=True)
    )


def make_plan(name: str, given: Mapping[str, Any]) -> Plan:
    """Makes a plan of what was given to a verb.

    Args:
        name: A key of `WAYS`.
        given: Values by the name of the option, None where nothing was.

    Raises:
        UsageError: A value is not possible.
    """
    values: dict[str, dict[str, Any]] = {}
    for flag in plan_flags(name):
        value = given.get(flag.name)
        if value is not None:
            values.setdefault(flag.part, {})[flag.field] = value
    parts = {part: kind(**values.get(part, {})) for part, kind in PARTS.items()}
    return Plan(
        name,
        augmentation=_augmentation(values.get(AUGMENT, {})),
        **parts,
        **values.get("", {}),
    )


def make_given_augmentation(way: Way, given: Mapping[str, Any]) -> Augmentation:
    """Makes the augmentation of what was given, on top of a way's own."""
    values = {
        flag.field: given[flag.name]
        for flag in augmentation_flags(way)
        if given.get(flag.name) is not None
    }
    plan = Plan("augmented", augmentation=_augmentation(values))
    return plan.augmentation or AUGMENTATIONS[way.augmentation or "none"]


def _augmentation(given: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Fields by name; those of a file stand under those that were given."""
    preset = given.get("preset", "")
    if not preset.endswith((".toml", ".json")):
        return given or None
    rest = {name: value for name, value in given.items() if name != "preset"}
    return {**read_augmentation(preset), **rest}


def head_grid(plan: Plan) -> HeadGrid:
    """The heads to try: what the plan has is kept, the rest is tried."""
    from tlkit.search.heads import HeadGrid

    network, recipe = plan.network, plan.recipe
    given: dict[str, Any] = {
        "units": network.units,
        "dropout": network.dropout,
        "learning_rate": recipe.learning_rate,
        "l2": network.l2,
    }
    kept = {n: (v,) for n, v in given.items() if v is not None}
    return replace(HeadGrid(), **kept)  # type: ignore[arg-type]


def read_data(
    source: str, fractions: Fractions, run: object = None
) -> DatasetIndex:
    """Loads a data set and tells the user what was found and left out.

    Args:
        source: See `tlkit.load_dataset`.
        fractions: How it is read, and divided where it has no splits.
        run: Path of a run; if it has read the same data, and nothing is said
            of how to read them, they are read as they were then.
    """
    start_tensorflow()
    import tlkit
    from tlkit.ways.train import load_like

    if fractions == Fractions():
        index = load_like(run, source)
    else:
        index = tlkit.load_dataset(
            source,
            validation_fraction=fractions.validation_fraction,
            test_fraction=fractions.test_fraction,
            reading=fractions.reading,
        )
    say(index.summary())
    return index


def listed(text: str | None) -> list[str]:
    """Returns what stands between the commas; nothing for None."""
    return [*names_in(text)] if text else []
