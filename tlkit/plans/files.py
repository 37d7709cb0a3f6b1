"""Plans as JSON and TOML, and back.

A file has the names of the fields, part by part:

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
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import tomli_w

from tlkit.base.choices import check_known
from tlkit.base.errors import TlkitError, UsageError
from tlkit.plans.network import Network
from tlkit.plans.plan import Machine, Plan, ResolvedPlan, Views
from tlkit.plans.recipe import Recipe
from tlkit.plans.ways import WAYS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VERSION = 2
"""Version of the form below; 1 was the settings of tlkit 0.1."""

BESIDE_THE_PLAN = ("data", "made_by")
"""What a run's `config.json` holds besides its plan."""

_PARTS: Mapping[str, type] = {
    "network": Network,
    "views": Views,
    "recipe": Recipe,
    "machine": Machine,
}


def plan_to_dict(plan: Plan) -> dict[str, Any]:
    """Returns a plan as JSON and TOML can hold it.

    What is open, and what means nothing for its way, is left out.

    Args:
        plan: Open or resolved.
    """
    told: dict[str, Any] = {"version": VERSION}
    without = WAYS[plan.way].without
    for own in fields(Plan):
        value = getattr(plan, own.name)
        if own.name in _PARTS:
            told[own.name] = _part_to_dict(value, own.name, without)
        elif own.name == "augmentation" and value is not None:
            told[own.name] = _told(value.settings())
        elif value not in (None, ""):
            told[own.name] = value
    return {
        name: value
        for name, value in told.items()
        if value != {} and (name in _PARTS or name not in without)
    }


def _part_to_dict(
    part: Any, name: str, without: frozenset[str]
) -> dict[str, Any]:
    prefix = {"count": "views", "dtype": "features_dtype"}
    return _told(
        {
            own.name: getattr(part, own.name)
            for own in fields(_PARTS[name])
            if prefix.get(own.name, own.name) not in without
        }
    )


def _told(value: Any) -> Any:
    """Plain values alone; None, which TOML has no word for, is left out."""
    if isinstance(value, Mapping):
        return {k: _told(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_told(item) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    from tlkit.models.digests import weights_digest

    # A Keras model: what it is can be told, but not made again from this.
    digest = weights_digest(value.get_weights())
    return {"keras_model": value.name, "sha256": digest}


def plan_from_dict(told: Any, where: object = None) -> Plan:
    """Makes a plan of what `plan_to_dict` gave, or of a run's `config.json`.

    Args:
        told: The fields by name, those of a part in a mapping of their own.
            What is left out is open.
        where: What it was read from, for errors.

    Raises:
        UsageError: A name is unknown, a value not possible, or the form is
            of a later version.
    """
    if not isinstance(told, Mapping):
        raise UsageError(
            "This is no plan.",
            where=where,
            expected='fields by name, such as way = "features"',
            received=type(told).__name__,
        )
    _check_version(told, where)
    names = {own.name for own in fields(Plan)}
    given: dict[str, Any] = {}
    for name, value in told.items():
        if name in ("version", *BESIDE_THE_PLAN):
            continue
        check_known("field of a plan", name, names)
        if name in _PARTS:
            value = _part_from_dict(name, value, where)
        given[name] = value
    return Plan(**given)


def _part_from_dict(name: str, told: Any, where: object) -> Any:
    kind = _PARTS[name]
    known = [own.name for own in fields(kind)]
    if not isinstance(told, Mapping):
        raise UsageError(
            f"{name} is a part of its own.",
            where=where or name,
            expected=f"fields by name: {', '.join(known)}",
            received=repr(told),
        )
    for own in told:
        check_known(f"field of {name}", own, known)
    return kind(**told)


def _check_version(told: Mapping[str, Any], where: object) -> None:
    version = told.get("version", VERSION)
    if version != VERSION:
        raise UsageError(
            "This plan has another form than this tlkit reads.",
            where=where,
            expected=f"version {VERSION}",
            received=f"version {version}",
            remedy="Install the tlkit that wrote it, or write the plan anew.",
        )


def read_plan(path: str | Path) -> Plan:
    """Reads a plan from a `.toml` or `.json` file, or a run's config.

    Args:
        path: Of the file; a run's `config.json` is a plan, too.

    Raises:
        UsageError: There is no such file, or it is no plan.
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


def read_augmentation(path: str | Path) -> Mapping[str, Any]:
    """Reads fields of an augmentation from a `.toml` or `.json` file.

    Args:
        path: Of the file: the fields by name, or a plan that has them.

    Raises:
        UsageError: There is no such file.
        TlkitError: The file is neither TOML nor JSON.
    """
    told = _read(path, "augmentation")
    return told.get("augmentation", told)


def _read(path: str | Path, what: str) -> Any:
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
        return reader(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TlkitError(
            f"Cannot read this {what}.", where=path, received=error
        ) from error


def plan_to_toml(plan: Plan) -> str:
    """Returns a plan as the text of a TOML file.

    Example:
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
        <BLANKLINE>
        [machine]
        devices = 1
        tensorboard = false
    """
    return tomli_w.dumps(plan_to_dict(plan))


def plan_to_json(plan: Plan) -> str:
    """Returns a plan as the text of a JSON file."""
    return json.dumps(plan_to_dict(plan), indent=2, ensure_ascii=False) + "\n"


def open_parts(plan: ResolvedPlan) -> list[str]:
    """Returns the names of what is still open; none in a resolved plan."""
    found = []
    for own in fields(plan):
        value = getattr(plan, own.name)
        if value is None:
            found.append(own.name)
        elif own.name in _PARTS and dataclasses.is_dataclass(value):
            found += [
                f"{own.name}.{inner.name}"
                for inner in fields(value)
                if getattr(value, inner.name) is None
            ]
    return found
