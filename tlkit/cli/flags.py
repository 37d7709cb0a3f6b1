"""From the flags of a verb to what the library takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tlkit.base.errors import UsageError
from tlkit.tensor.starting import start_tensorflow

if TYPE_CHECKING:
    from tlkit.data.index import DatasetIndex


def read_data(
    source: str, validation_fraction: float, test_fraction: float
) -> DatasetIndex:
    """Loads a data set and tells the user what was found and left out.

    Args:
        source: see `tlkit.load_dataset`.
        validation_fraction: share of validation images.
        test_fraction: share of test images.
    """
    import tlkit

    index = tlkit.load_dataset(
        source,
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
    )
    typer.echo(index.summary(), err=True)
    return index


def training_of(flags: dict[str, Any]) -> Any:
    """Returns the `Training` that the flags of a way describe."""
    start_tensorflow()
    import tlkit

    devices = flags["devices"]
    if devices != "all":
        if not devices.isdigit():
            raise UsageError(
                "The number of devices is not valid.",
                where="--devices",
                expected="a number, or all",
                received=devices,
            )
        devices = int(devices)
    return tlkit.Training(
        epochs=flags["epochs"],
        batch_size=flags["batch_size"],
        learning_rate=flags["learning_rate"],
        patience=flags["patience"],
        seed=flags["seed"],
        precision=flags["precision"].value,
        devices=devices,
        tensorboard=flags["tensorboard"],
    )


def views_of(flags: dict[str, Any]) -> Any:
    """Returns the `Views` that are kept; None with `--end-to-end`."""
    from tlkit.features.views import Views

    if flags["end_to_end"]:
        return None
    return Views(flags["views"], flags["features_dtype"].value)


def network_of(flags: dict[str, Any]) -> Any:
    """Returns the `TransferNetwork` that the flags of a way describe."""
    import tlkit

    head = {name: flags[name] for name in ("units", "dropout", "l2")}
    return tlkit.TransferNetwork(
        base=flags["base"],
        weights=flags["weights"],
        image_size=flags["image_size"],
        alpha=flags["alpha"],
        pooling=flags["pooling"] and flags["pooling"].value,
        **{name: value for name, value in head.items() if value is not None},
    )


def networks_of(flags: dict[str, Any]) -> list[Any]:
    """One network for each base of a list, each with its weights."""
    bases = listed(flags["base"])
    weights = [flags["weights"]]
    if len(bases) > 1 and flags["weights"] is not None:
        weights = listed(flags["weights"])
    if len(weights) == 1:
        weights *= len(bases)
    if len(weights) != len(bases):
        raise UsageError(
            "There are not as many weights as conv bases.",
            where="--weights",
            expected=f"1 or {len(bases)}, for {flags['base']}",
            received=f"{len(weights)}: {flags['weights']}",
            remedy="Name one for all bases, or one for each in their order.",
        )
    return [
        network_of({**flags, "base": base, "weights": weight})
        for base, weight in zip(bases, weights, strict=True)
    ]


def head_grid_of(flags: dict[str, Any]) -> Any:
    """The heads to try: what is given is kept, the rest is tried."""
    import tlkit

    if not flags["head_grid"]:
        return None
    kept: dict[str, Any] = {
        name: (flags[name],)
        for name in ("units", "dropout", "learning_rate", "l2")
        if flags[name] is not None
    }
    return tlkit.HeadGrid(**kept)


def check_through(through: Path | None, beside: list[Path] | None) -> None:
    """Raises UsageError if `--through` and `--beside` are both given."""
    if through and beside:
        raise UsageError(
            "The checkpoints are those of one model.",
            where="--through",
            received=f"--beside {beside[0]} besides",
            remedy="Leave out --beside.",
        )


def listed(text: str) -> list[str]:
    """Returns what stands between the commas."""
    return [part.strip() for part in text.split(",")]
