"""The ways to a model: one verb each, generated from its plan."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from tlkit.cli.command import app, errors_in_words, print_any_name
from tlkit.cli.generated import (
    GroupedCommand,
    command,
    flags_of,
    parameter,
    values_of,
)
from tlkit.cli.options import Data, Fractions, Places, Trials, use_store
from tlkit.cli.printing import print_comparison, print_result
from tlkit.cli.requests import Request, plan_flags, read_data, read_request
from tlkit.plans.ways import WAYS


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
    kinds = [Places, Fractions, *([Trials] if name == "features" else [])]
    flags = plan_flags(name) + [f for kind in kinds for f in flags_of(kind)]

    def call(given: Mapping[str, Any]) -> None:
        with errors_in_words():
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
    own = typer.Typer(add_completion=False, rich_markup_mode=None)
    own.command(cls=GroupedCommand)(way_command(name, script))
    print_any_name()
    own()


def _train(given: Mapping[str, Any]) -> None:
    with errors_in_words():
        from tlkit.ways.train import as_plan

        places = values_of(Places, given)
        use_store(places.store)
        plan = as_plan(given["plan"])
        data = read_data(given["data"], values_of(Fractions, given))
        train_request(Request((plan,), data, places.run))


_PLAN = Annotated[
    str,
    typer.Argument(
        metavar="PLAN",
        help="A .toml or .json file, such as a run's config.json; or the name "
        f"of a way, for its defaults: {', '.join(WAYS)}.",
    ),
]

for _name in WAYS:
    app.command(_name, cls=GroupedCommand)(way_command(_name))
app.command("train", cls=GroupedCommand)(
    command(
        _train,
        [
            _argument("plan", _PLAN),
            _argument("data", Data),
            *map(parameter, flags_of(Places) + flags_of(Fractions)),
        ],
        "Train as a plan says.",
    )
)
