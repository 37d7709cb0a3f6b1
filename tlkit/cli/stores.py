"""`tlkit store`: what the conv bases have computed."""

from __future__ import annotations

from typing import Annotated

import typer

from tlkit.base.errors import TlkitError
from tlkit.cli.command import store_app
from tlkit.cli.options import StoreFolder
from tlkit.cli.verbs import verb


@verb(store_app)
def ls(store: StoreFolder = None) -> None:
    """List what the store holds, the most recently used first."""
    from tlkit.cli.tables import print_table
    from tlkit.store.housekeeping import list_store, store_table

    print_table(store_table(list_store()))


@verb(store_app)
def verify(store: StoreFolder = None) -> None:
    """Check that every file of the store is whole, by its checksum."""
    from tlkit.store.housekeeping import verify_store

    count, damaged = verify_store()
    for path in damaged:
        typer.echo(f"damaged: {path}")
    if damaged:
        raise TlkitError(
            "The store is damaged.",
            expected=f"{count} sound shards",
            received=f"{len(damaged)} damaged ones",
            remedy="Nothing: they are computed again when they are needed.",
        )
    typer.echo(f"{count} shards, all sound")


@verb(store_app)
def prune(
    to: Annotated[
        str,
        typer.Option(
            metavar="SIZE", help="How much may remain: such as 500M, 20G or 0."
        ),
    ],
    store: StoreFolder = None,
) -> None:
    """Remove what was not used for longest; what is in use stays."""
    from tlkit.store.cap import read_size
    from tlkit.store.housekeeping import prune_store

    removed = prune_store(read_size(to))
    size = sum(entry.size for entry in removed)
    typer.echo(f"removed {len(removed)} entries, {size / 1e6:,.1f} MB")


@verb(store_app)
def where(store: StoreFolder = None) -> None:
    """Print the folder of the store."""
    from tlkit.store.store import store_folder

    typer.echo(store_folder())
