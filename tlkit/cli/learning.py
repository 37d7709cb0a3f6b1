"""The ways to a model: one verb each, generated from its plan."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tlkit.base.console import say, use_log
from tlkit.cli.command import TRAIN, app, errors_in_words, run_alone
from tlkit.cli.generated import (
    GroupedCommand,
    command,
    flags_of,
    parameter,
    values_of,
)
from tlkit.cli.options import (
    Data,
    Fractions,
    Places,
    StoreFolder,
    Telling,
    Trials,
    use_store,
)
from tlkit.cli.printing import print_comparison, print_result
from tlkit.cli.requests import Request, plan_flags, read_data, read_request
from tlkit.cli.verbs import verb
from tlkit.plans.plan import read_devices
from tlkit.plans.ways import WAYS
from tlkit.tensor.starting import start_tensorflow


def train_request(request: Request) -> None:
    """Trains what was asked for and prints what it is worth."""
    import tlkit

    if len(request.plans) == 1 and request.grid is None:
        print_result(tlkit.train(request.plan, request.data, request.run))
        return
    print_comparison(
        tlkit.compare_bases(
            request.plans, request.data, request.grid, request.run
        )
    )


def way_command(
    name: str, run: Callable[[Request], None] = train_request
) -> Callable[..., None]:
    """Makes the command of a way.

    Args:
        name: A key of `WAYS`.
        run: What is done with the request.
    """
    kinds = [Places, Telling, Fractions]
    kinds += [Trials] if name == "features" else []
    flags = plan_flags(name) + [f for kind in kinds for f in flags_of(kind)]

    def call(given: Mapping[str, Any]) -> None:
        with errors_in_words():
            use_log(values_of(Telling, given).log)
            run(read_request(name, given))

    return command(
        call,
        [_argument("data", Data), *map(parameter, flags)],
        WAYS[name].title,
    )


def _argument(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation
    )


def run_way_script(name: str, script: Callable[[Request], None]) -> None:
    """Runs a script with the flags, help and errors of a way's verb.

    Args:
        name: A key of `WAYS`.
        script: Gets the request: `plan`, `data`, `run` and so on.
    """
    run_alone(way_command(name, script))


for _name in WAYS:
    app.command(_name, cls=GroupedCommand, rich_help_panel=TRAIN)(
        way_command(_name)
    )

PlanFile = Annotated[
    str,
    typer.Argument(
        metavar="PLAN",
        help="A .toml or .json file, such as a run's config.json; or the name "
        f"of a way, for its defaults: {', '.join(WAYS)}.",
    ),
]


@verb(app, TRAIN)
def train(
    plan: PlanFile,
    data: Data,
    places: Places,
    telling: Telling,
    fractions: Fractions,
) -> None:
    """Train as a plan file says, or as a way does by default."""
    use_log(telling.log)
    start_tensorflow()
    import tlkit
    from tlkit.ways.train import as_plan

    use_store(places.store)
    as_plan(plan)  # a mistake in it is found before the data are read
    index = read_data(data, fractions, plan)
    print_result(tlkit.train(plan, index, places.run))


@verb(app, TRAIN)
def resume(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="Folder of the run; `tlkit runs` lists them."
        ),
    ],
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="Where the data of the run lie now. [default: where they lay]",
            show_default=False,
        ),
    ] = None,
    devices: Annotated[
        Any,
        typer.Option(
            parser=read_devices,
            metavar="auto|cpu|N|all",
            help="Devices that compute from now on. [default: as many as it "
            "was begun with; on several hosts all]",
            show_default=False,
        ),
    ] = None,
    *,
    store: StoreFolder = None,
    telling: Telling,
) -> None:
    """Go on with a run that was interrupted, failed or killed.

    It ends as if it had never been interrupted: with the same weights,
    history and figures, to the bit.
    """
    use_log(telling.log)
    start_tensorflow()
    import tlkit

    print_result(tlkit.resume(run, data, devices=devices))


@verb(app, TRAIN)
def watch(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN",
            help="Folder of the run, or of several, of which the latest that "
            "is running is watched. [default: runs]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Follow a run that another process trains, until it ends.

    Ctrl-C ends the watching alone. The exit code is 0 when the run is
    finished, and 1 when it failed, was interrupted or killed. That a process
    on another machine was killed cannot be seen from here.
    """
    from tlkit.runs.run import RUNS_FOLDER
    from tlkit.runs.watching import find_watched, watch_run

    found = find_watched(run or RUNS_FOLDER)
    say(f"{found.path}: {found.way} on {found.data_name}")
    watch_run(found)
    print_result(found)
