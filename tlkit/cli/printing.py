"""What verbs print when they are done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tlkit.base.console import say

if TYPE_CHECKING:
    from tlkit.runs.run import Run
    from tlkit.search.bases import BaseComparison


def print_result(run: Run) -> None:
    """Prints what a finished run has achieved and where it lies."""
    from tlkit.cli.tables import print_table

    if not run.writes:
        return  # the host that writes it prints it, too
    print_table(run.metrics.table())
    typer.echo(run.summary())


def print_comparison(compared: BaseComparison) -> None:
    """Prints which head and which conv base are best, and how good that is."""
    from tlkit.cli.tables import print_table

    for base in compared.bases:
        if base.search is not None:
            print_table(base.search.table(base.name))
    if len(compared.bases) == 1:
        print_result(compared.best.run)
    else:
        print_table(compared.table())
        typer.echo(compared.best.run.summary())


def left_out(unreadable: list[tuple[Path, str]]) -> None:
    """Names the files that could not be read; if there are any, exit code 1."""
    for path, reason in unreadable:
        say(f"left out: {path}: {reason}")
    if unreadable:
        raise typer.Exit(1)
