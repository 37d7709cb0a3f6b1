"""Sweeps over a network builder: one factor at a time, or a grid.

    from tlkit import experiments as study
    from tlkit.models.classic import lenet

    sweep = study.Sweep(
        lenet,
        base={"learning_rate": 0.9},
        axes={"activation": ["sigmoid", "relu"], "batch_size": [64, 256]},
        repeats=3,
    )
    outcomes = sweep.run(study.load_images("fashion-mnist"), "studies/mine")

With `processes=2` a script needs this under `if __name__ == "__main__":`, as
every process reads the file again.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from tlkit.base.choices import check_known
from tlkit.base.errors import TlkitError, UsageError
from tlkit.experiments.cells import Builder, make_case
from tlkit.experiments.images import ImageArrays
from tlkit.experiments.points import Outcome, Point, run_points
from tlkit.models.classic_specs import NETWORKS


@dataclass(frozen=True)
class Sweep:
    """A network, a base setting, and what is varied.

    Parameters are the fields of `Recipe` (learning_rate, batch_size, epochs,
    optimizer and so on) and the arguments of the builder.

    Args:
        build: The builder of the network, a function of a module. It is
            called with `input_shape`, `classes` and its own parameters by
            name.
        base: Values by parameter that all trainings share. Parameters left
            out have their defaults.
        axes: Lists of values to try, by parameter.
        grid: Whether every combination of the values is trained. False varies
            one parameter at a time and leaves the others as in `base`.
        repeats: Number of seeds from which each setting is trained.
        seed: The first of these seeds; the others follow it.

    Raises:
        UsageError: A parameter is unknown, or a value is not possible.
    """

    build: Builder
    base: Mapping[str, Any] = field(default_factory=dict)
    axes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    grid: bool = False
    repeats: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, values in self.axes.items():
            # A text is a sequence, too, whose letters would be tried one by
            # one.
            if isinstance(values, str) or not isinstance(values, Sequence):
                raise UsageError(
                    "The values of an axis are a list.",
                    where=name,
                    expected=f"such as [{values!r}]",
                    received=repr(values),
                )
        # Making the points checks every value, before anything is trained.
        self.points()

    def points(self) -> list[Point]:
        """Returns the settings to train; without axes, the base alone."""
        if not self.axes:
            case = make_case(self.build, self.base)
            return [Point("base", self.build.__name__, case)]
        if self.grid:
            return [self._combination(v) for v in self._combinations()]
        return [
            Point(
                name, value, make_case(self.build, {**self.base, name: value})
            )
            for name, values in self.axes.items()
            for value in values
        ]

    def _combinations(self) -> list[dict[str, Any]]:
        return [
            dict(zip(self.axes, values, strict=True))
            for values in itertools.product(*self.axes.values())
        ]

    def _combination(self, values: Mapping[str, Any]) -> Point:
        label = ", ".join(map(str, values.values()))
        case = make_case(self.build, {**self.base, **values})
        return Point(", ".join(values), label, case)

    def run(
        self,
        data: ImageArrays,
        folder: str | os.PathLike[str],
        processes: int | None = 1,
        engine: str = "local",
    ) -> list[Outcome]:
        """Trains the settings that the folder does not hold yet.

        Args:
            data: The images.
            folder: Folder in which results are kept. A second call with the
                same folder goes on where the first was interrupted.
            processes: Number of networks that are trained at the same time;
                None for one a core.
            engine: What trains them: `"local"`, processes of this machine, or
                `"ray"`, tasks of Ray.

        Returns:
            One outcome for each setting, with mean and interval; see
            `run_points`.
        """
        how = processes, engine
        return run_points(
            self.points(), data, folder, self.repeats, self.seed, *how
        )


def read_sweep(path: str | os.PathLike[str]) -> Sweep:
    """Reads a sweep file: the fields of `Sweep` as JSON.

        {
          "network": "lenet",
          "base": {"learning_rate": 0.9},
          "axes": {"activation": ["sigmoid", "relu"]},
          "repeats": 3
        }

    Args:
        path: Path of the file. Its field `network` is the name of a classic
            network and stands for `build`.

    Raises:
        UsageError: There is no such file, or a field, network or parameter
            in it is unknown.
        TlkitError: The file is not JSON.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError("No such sweep file.", where=path) from error
    except (OSError, ValueError) as error:
        raise TlkitError(
            "Cannot read this as a sweep.",
            where=path,
            expected='JSON such as {"network": "lenet", "axes": {...}}',
            received=error,
        ) from error
    known = ["network", *(f.name for f in fields(Sweep) if f.name != "build")]
    kinds = {"base": dict, "axes": dict, "grid": bool}
    _check_fields(path, content, known, kinds)
    check_known("network", content.get("network"), NETWORKS)
    build = NETWORKS[content.pop("network")].build
    return Sweep(build, **content)


#: Names of kinds of values for people who know JSON but not Python.
_KINDS: Mapping[type, str] = {
    dict: "an object",
    bool: "true or false",
    str: "a name",
    int: "a whole number",
}


def _check_fields(
    path: Path, content: Any, known: Sequence[str], kinds: Mapping[str, type]
) -> None:
    if not isinstance(content, dict):
        raise UsageError(
            "A sweep file holds one object.",
            where=path,
            expected=f"the fields {', '.join(known)}",
            received=type(content).__name__,
        )
    for name, value in content.items():
        check_known("field", name, known)
        kind = str if name == "network" else kinds.get(name, int)
        if not isinstance(value, kind):
            raise UsageError(
                f"{name} has the wrong kind of value.",
                where=path,
                expected=_KINDS[kind],
                received=repr(value),
            )
