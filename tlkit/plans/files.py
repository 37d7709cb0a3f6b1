"""Writes plans as JSON and TOML, and reads them back.

A file has the names of the fields; those of a part stand under its name:

    way = "augmented"
    seed = 1

    [network]
    base = "mobilenet_v2"

    [augmentation]
    preset = "mild"
    rotation = 5

    [recipe]
    epochs = 20
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import tomli_w

from tlkit.base.choices import check_known
from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.fields import option_names, without_none
from tlkit.plans.plan import PARTS, Plan, ResolvedPlan
from tlkit.plans.ways import WAYS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VERSION = 2
"""Version of this form of a plan; 1 was the form of tlkit 0.1."""

BESIDE_THE_PLAN = ("data", "made_by")
"""Names in a run's `config.json` that do not belong to its plan."""

BESIDE_THE_MODEL = (
    "machine.devices",
    "machine.engine",
    "machine.track",
    "machine.tensorboard",
)
"""Settings that a run may go on without; the last is one of older versions.

They do not change what is computed, but for the order of sums.
"""


def plan_to_dict(plan: Plan) -> dict[str, Any]:
    """Returns a plan as a dictionary that JSON and TOML can hold.

    Settings that are open, and those that the plan's way does not have, are
    left out.

    Args:
        plan: The plan, open or resolved.
    """
    found: dict[str, Any] = {"version": VERSION}
    without = WAYS[plan.way].without
    for own in fields(Plan):
        value = getattr(plan, own.name)
        if own.name in PARTS:
            found[own.name] = _part_to_dict(value, own.name, without)
        elif own.name == "augmentation" and value is not None:
            found[own.name] = without_none(value.settings())
        elif value not in (None, ""):
            found[own.name] = value
    return {
        name: value
        for name, value in found.items()
        if value != {} and (name in PARTS or name not in without)
    }


def _part_to_dict(
    part: Any, name: str, without: frozenset[str]
) -> dict[str, Any]:
    return without_none(
        {
            own: _described(getattr(part, own))
            for own, option in option_names(PARTS[name]).items()
            if option not in without
        }
    )


def _described(value: Any) -> Any:
    """Returns plain values as they are, and a Keras model in words.

    A file can name a model and identify its weights, but the model cannot be
    made again from that.
    """
    if not hasattr(value, "get_weights"):
        return value
    # Imported here, as a plan without a Keras model needs no NumPy.
    from tlkit.models.digests import weights_digest

    digest = weights_digest(value.get_weights())
    return {"keras_model": value.name, "sha256": digest}


def plan_from_dict(values: Any, where: object = None) -> Plan:
    """Makes a plan from the content of a plan's file or a run's `config.json`.

    Args:
        values: The fields by name, as `plan_to_dict` returns them: those of a
            part are in a mapping of their own. Fields left out stay open.
        where: The file from which they were read; errors name it.

    Raises:
        UsageError: A name is unknown, a value is not possible, or the plan
            has the form of another version.
    """
    if not isinstance(values, Mapping):
        raise UsageError(
            "This is not a plan.",
            where=where,
            expected='fields by name, such as way = "features"',
            received=type(values).__name__,
        )
    _check_version(values, where)
    names = {own.name for own in fields(Plan)}
    given: dict[str, Any] = {}
    for name, value in values.items():
        if name in ("version", *BESIDE_THE_PLAN):
            continue
        check_known("field of a plan", name, names)
        if name in PARTS:
            value = _part_from_dict(name, _renewed(name, value), where)
        given[name] = value
    return Plan(**given)


def _renewed(name: str, given: Any) -> Any:
    """Returns a part of a plan with the names of today's fields."""
    if name != "machine" or "tensorboard" not in given:
        return given
    rest = {own: value for own, value in given.items() if own != "tensorboard"}
    return {"track": ["tensorboard"], **rest} if given["tensorboard"] else rest


def _part_from_dict(name: str, given: Any, where: object) -> Any:
    kind = PARTS[name]
    known = [own.name for own in fields(kind)]
    if not isinstance(given, Mapping):
        raise UsageError(
            f"{name} is a part of the plan, with fields of its own.",
            where=where or name,
            expected=f"a mapping of fields: {', '.join(known)}",
            received=repr(given),
        )
    for own in given:
        check_known(f"field of {name}", own, known)
    return kind(**given)


def _check_version(given: Mapping[str, Any], where: object) -> None:
    # A plan that a person writes need not name the version.
    version = given.get("version", VERSION)
    if version != VERSION:
        raise UsageError(
            "This version of tlkit cannot read this form of a plan.",
            where=where,
            expected=f"version {VERSION}",
            received=f"version {version}",
            remedy="Install the version of tlkit that wrote it, or write a "
            "new plan.",
        )


def read_plan(path: str | Path) -> Plan:
    """Reads a plan from a `.toml` or `.json` file.

    Args:
        path: Path of the file. A run's `config.json` can be read as well.

    Raises:
        UsageError: There is no such file, or it is not a plan.
        TlkitError: The file is neither TOML nor JSON.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "plan.toml")
        ...     _ = path.write_text(plan_to_toml(Plan("features", seed=3)))
        ...     print(read_plan(path).seed)
        3
    """
    return plan_from_dict(_read(path, "plan"), path)


def read_fingerprint(path: str | Path) -> str | None:
    """Reads the fingerprint of the data that a run's plan was made on.

    Args:
        path: Path of a plan's file.

    Returns:
        The fingerprint; None where the file is no run's `config.json`.

    Raises:
        UsageError: There is no such file.
        TlkitError: The file is neither TOML nor JSON.
    """
    data = _read(path, "plan").get("data")
    return data.get("fingerprint") if isinstance(data, Mapping) else None


def read_augmentation(path: str | Path) -> Mapping[str, Any]:
    """Reads the fields of an augmentation from a `.toml` or `.json` file.

    Args:
        path: Path of the file. It holds the fields by name, or it is a plan,
            whose augmentation is read.

    Raises:
        UsageError: There is no such file, or it holds something else.
        TlkitError: The file is neither TOML nor JSON.
    """
    content = _read(path, "augmentation")
    if {"way", "version"} & content.keys():
        # A plan; one that says nothing of it leaves the augmentation open.
        content = content.get("augmentation", {})
    return {"preset": content} if isinstance(content, str) else content


def _read(path: str | Path, what: str) -> Mapping[str, Any]:
    path = Path(path)
    reader = {".toml": tomllib.loads, ".json": json.loads}.get(path.suffix)
    if reader is None or not path.is_file():
        raise UsageError(
            f"No such {what}.",
            where=path,
            expected="a .toml or .json file, such as a run's config.json",
            received="another kind of file" if path.exists() else "nothing",
        )
    try:
        content = reader(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TlkitError(
            f"Cannot read this {what}.", where=path, received=error
        ) from error
    if not isinstance(content, Mapping):
        raise UsageError(
            f"This file holds no {what}.",
            where=path,
            expected="fields by name",
            received=type(content).__name__,
        )
    return content


def plan_to_toml(plan: Plan) -> str:
    """Returns a plan as the text of a TOML file.

    Example:
        >>> from tlkit.plans.network import Network
        >>> print(plan_to_toml(Plan("features", Network("minivgg"))).strip())
        version = 2
        way = "features"
        seed = 0
        <BLANKLINE>
        [network]
        base = "minivgg"
        alpha = 1.0
        <BLANKLINE>
        [views]
        dtype = "float16"
        <BLANKLINE>
        [recipe]
        optimizer = "adam"
        schedule = "constant"
        weight_decay = 0.0
        label_smoothing = 0.0
        loss = "crossentropy"
        precision = "auto"
        balance = false
        <BLANKLINE>
        [machine]
        devices = "auto"
        track = []
        engine = "local"
    """
    return tomli_w.dumps(plan_to_dict(plan))


def flat(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yields the settings of a plan, each under one name.

    Args:
        values: What `plan_to_dict` returns.

    Example:
        >>> list(flat({"seed": 1, "recipe": {"epochs": 2}}))
        [('seed', 1), ('recipe.epochs', 2)]
    """
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{n}", one) for n, one in flat(value))
        else:
            yield name, value


def plan_to_json(plan: Plan) -> str:
    """Returns a plan as the text of a JSON file."""
    return json.dumps(plan_to_dict(plan), indent=2, ensure_ascii=False) + "\n"


def open_parts(plan: ResolvedPlan) -> list[str]:
    """Returns the names of the fields that are open, that is, None.

    A resolved plan has none.

    Args:
        plan: The plan.
    """
    found = []
    for own in fields(plan):
        value = getattr(plan, own.name)
        if value is None:
            found.append(own.name)
        elif own.name in PARTS and dataclasses.is_dataclass(value):
            found += [
                f"{own.name}.{inner.name}"
                for inner in fields(value)
                if getattr(value, inner.name) is None
            ]
    return found
