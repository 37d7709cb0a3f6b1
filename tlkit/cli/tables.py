"""What the command prints: tables and sentences for people."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from tlkit.data.index import DatasetIndex
from tlkit.runs.run import Run

if TYPE_CHECKING:
    from tlkit.experiments.points import Outcome
    from tlkit.reuse.predict import Prediction
    from tlkit.search.bases import BaseComparison
    from tlkit.search.heads import HeadSearch
    from tlkit.store.housekeeping import Entry
    from tlkit.sums.arithmetic import LayerArithmetic, NetworkArithmetic
    from tlkit.sums.facts import Fact
    from tlkit.sums.layer_sums import Fields

#: A pipe or a log file has no width of its own.
_PLAIN_WIDTH = 160


def print_table(table: Table) -> None:
    """Prints a table to standard output, as wide as the terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PLAIN_WIDTH)
    console.print(table)


def describe_data(data: DatasetIndex, most: int = 20) -> str:
    """Says what was found, what was left out and what to beware of.

    Args:
        data: the data set.
        most: how many of the left-out files are named.
    """
    counts = ", ".join(
        f"{len(split)} {name}" for name, split in data.splits.items()
    )
    lines = [f"{data.name}: {len(data.class_names)} classes, {counts} images"]
    if data.left_out:
        lines.append(f"left out {len(data.left_out)}:")
        lines += [
            f"  {left.path}: {left.reason}" for left in data.left_out[:most]
        ]
        if len(data.left_out) > most:
            lines.append(f"  and {len(data.left_out) - most} more")
    lines += [f"note: {note}" for note in data.notes]
    return "\n".join(lines)


def data_table(data: DatasetIndex) -> Table:
    """Tabulates the images of each class and split."""
    counts = data.counts()
    table = Table(title=data.name)
    table.add_column("class")
    for split in counts:
        table.add_column(split, justify="right")
    for name in data.class_names:
        table.add_row(name, *(str(counts[split][name]) for split in counts))
    return table


def metrics_table(metrics: Mapping[str, Any]) -> Table:
    """Tabulates what was measured: overall, then class by class."""
    table = Table(
        title=f"{metrics['count']} {metrics['split']} images, "
        f"log loss {metrics['log_loss']:.3f}",
        caption="\n".join(metrics.get("notes", [])) or None,
    )
    for name in ("", "images", "accuracy", "95 % interval", "precision"):
        table.add_column(name, justify="right" if name else "left")
    table.add_row(
        "all",
        str(metrics["count"]),
        f"{metrics['accuracy']:.1%}",
        interval_text(metrics["accuracy_interval"]),
        "",
        end_section=True,
    )
    for name, measured in metrics["per_class"].items():
        table.add_row(
            name,
            str(measured["count"]),
            f"{measured['recall']:.1%}",
            interval_text(measured["recall_interval"]),
            f"{measured['precision']:.1%}",
        )
    return table


def interval_text(interval: Sequence[float] | None) -> str:
    """Writes an interval of shares as percentages."""
    if interval is None:
        return ""
    low, high = interval
    return f"{low:.1%} to {high:.1%}"


def runs_table(runs: Sequence[Run]) -> Table:
    """Tabulates runs: what was trained on what, and how well it does."""
    table = Table()
    for name in ("run", "way", "data", "base", "state", "epochs"):
        table.add_column(name)
    for name in ("accuracy", "95 % interval", "measured on", "seconds"):
        table.add_column(name, justify="right")
    for run in runs:
        table.add_row(*_run_row(run))
    return table


def _run_row(run: Run) -> list[str]:
    config, status, metrics = run.config, run.status, run.metrics
    network = config["settings"].get("network") or {}
    row = [
        run.path.name,
        config["route"],
        config["dataset"]["name"],
        network.get("base", ""),
        status.get("state", "unknown"),
        str(len(run.history.get("epoch", []))),
    ]
    if not metrics:
        return [*row, "", "", "", str(status.get("seconds", ""))]
    return [
        *row,
        f"{metrics['accuracy']:.1%}",
        interval_text(metrics["accuracy_interval"]),
        f"{metrics['count']} {metrics['split']}",
        str(status.get("seconds", "")),
    ]


def ways_table(runs: Mapping[str, Run], seconds: Mapping[str, float]) -> Table:
    """Tabulates several ways to a model on one data set.

    Args:
        runs: finished runs by the name of the way.
        seconds: how long each took, from its start to the finished run.
    """
    first = next(iter(runs.values())).metrics
    table = Table(title=f"{first['count']} {first['split']} images")
    table.add_column("way")
    for name in ("accuracy", "95 % interval", "epochs", "seconds"):
        table.add_column(name, justify="right")
    for way, run in runs.items():
        table.add_row(
            way,
            f"{run.metrics['accuracy']:.1%}",
            interval_text(run.metrics["accuracy_interval"]),
            str(len(run.history["epoch"])),
            f"{seconds[way]:.0f}",
        )
    return table


def bases_table(compared: BaseComparison) -> Table:
    """Tabulates conv bases by what they do on validation images."""
    best = compared.best
    measured = best.run.metrics
    table = Table(
        title=f"{measured['validation']['count']} validation images",
        caption="\n".join(
            [f"Best by validation: {best.name}", *measured["notes"]]
        ),
    )
    table.add_column("base")
    for name in ("images through it", "validation accuracy", "95 % interval"):
        table.add_column(name, justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("run", overflow="fold")
    for base in compared.bases:
        validation = base.run.metrics["validation"]
        table.add_row(
            base.name,
            f"{base.computed:,}",
            f"{validation['accuracy']:.1%}",
            interval_text(validation["accuracy_interval"]),
            f"{base.seconds:.0f}",
            str(base.run.path),
            style="bold" if base is best else None,
        )
    return table


def heads_table(search: HeadSearch, title: str) -> Table:
    """Tabulates heads by cross-validation, the best first.

    Args:
        search: their scores.
        title: what they stand on.
    """
    best, count = search.best, search.scores[0].count
    near = sum(score.accuracy >= best.interval[0] for score in search.scores)
    table = Table(
        title=f"{title}: {count} training images, "
        f"{search.grid.folds}-fold cross-validation",
        caption=f"Chosen: {best.head}; {near - 1} of the other "
        f"{len(search.scores) - 1} are within its interval",
    )
    for name in ("units", "dropout", "learning rate", "L2"):
        table.add_column(name, justify="right")
    for name in ("accuracy", "95 % interval", "log loss", "seconds"):
        table.add_column(name, justify="right")
    for score in search.ranked:
        table.add_row(
            str(score.head.units),
            f"{score.head.dropout:g}" if score.head.units else "",
            f"{score.head.learning_rate:g}",
            f"{score.head.l2:g}",
            f"{score.accuracy:.1%}",
            interval_text(score.interval),
            f"{score.log_loss:.3f}",
            f"{score.seconds:.0f}",
        )
    return table


def store_table(entries: Sequence[Entry]) -> Table:
    """Tabulates what the store holds."""
    total = sum(entry.size for entry in entries)
    table = Table(title=f"{total / 1e6:,.1f} MB")
    for name in ("key", "base", "size", "cut", "kept as", "last used"):
        table.add_column(name)
    for name in ("images", "MB"):
        table.add_column(name, justify="right")
    for entry in entries:
        recipe = entry.recipe
        size = recipe.get("image_size", [])
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used))
        table.add_row(
            entry.folder.name,
            recipe.get("base") or recipe.get("kind", ""),
            "x".join(map(str, size)),
            _cut_text(recipe),
            recipe.get("dtype", ""),
            used,
            f"{entry.rows:,}",
            f"{entry.size / 1e6:,.1f}",
        )
    return table


def _cut_text(recipe: Mapping[str, Any]) -> str:
    """Where the values are from, and whether of views of the images."""
    views = ", views" if recipe.get("augmentation") else ""
    return recipe.get("cut", "").partition(" ")[0] + views


def explanations_table(records: Sequence[Mapping[str, Any]]) -> Table:
    """Tabulates where the hot regions of pictures lie."""
    several = len({record["model"] for record in records}) > 1
    table = Table()
    table.add_column("image", overflow="fold")
    if several:
        table.add_column("model")
    table.add_column("method")
    table.add_column("class")
    table.add_column("probability", justify="right")
    table.add_column("hot region (left, top, right, bottom)")
    for record in records:
        box = record["box"]
        table.add_row(
            record["image"],
            *([record["model"]] if several else []),
            record["method"],
            record["class"],
            f"{record['probability']:.1%}",
            ", ".join(map(str, box.values())) if box else "none",
        )
    return table


def activations_table(
    written: Mapping[str, tuple[int, int, Path]], files: Sequence[Path]
) -> Table:
    """Tabulates layers, their dead channels and their pictures."""
    count = min(len(files), 256)
    table = Table(title=f"Drawn for {files[0]}; dead over {count} images")
    table.add_column("layer")
    table.add_column("channels", justify="right")
    table.add_column("dead", justify="right")
    table.add_column("picture", overflow="fold")
    for name, (channels, dead, path) in written.items():
        share = f"{dead} ({dead / channels:.0%})"
        table.add_row(name, str(channels), share, str(path))
    return table


def predictions_table(predictions: Sequence[Prediction]) -> Table:
    """Tabulates what is in pictures."""
    table = Table()
    table.add_column("image", overflow="fold")
    table.add_column("class")
    table.add_column("probability", justify="right")
    table.add_column("then", style="dim")
    for prediction in predictions:
        (name, share), *rest = prediction.ranked
        table.add_row(
            str(prediction.path),
            name,
            f"{share:.1%}",
            ", ".join(f"{other} {part:.1%}" for other, part in rest[:2]),
        )
    return table


def network_table(network: NetworkArithmetic, batch_size: int) -> Table:
    """Tabulates a network layer by layer, with its totals.

    Args:
        network: its arithmetic.
        batch_size: images in a step of training.
    """
    table = Table(
        title=f"{network.name}: {network.parameters:,} parameters, "
        f"{network.multiply_adds:,} multiply-adds an image",
        caption="\n".join(_network_notes(network, batch_size)),
        caption_justify="left",
    )
    for name in ("layer", "kind", "window", "(W - F + 2P)/S + 1", "output"):
        table.add_column(name, overflow="fold")
    for name in ("parameters", "multiply-adds", "kB", "sees", "jump", "centre"):
        table.add_column(name, justify="right")
    for layer in network.layers:
        table.add_row(*_layer_row(layer))
    return table


def _layer_row(layer: LayerArithmetic) -> list[str]:
    sums = layer.multiply_adds
    return [
        layer.name,
        layer.kind,
        layer.window,
        layer.size_sum,
        "x".join(map(str, layer.output)),
        f"{layer.parameters:,}" if layer.parameters else "",
        "not counted" if sums is None else f"{sums:,}" if sums else "",
        f"{layer.activation_bytes / 1e3:,.1f}",
        *_field_texts(layer.fields),
    ]


def _field_texts(fields: Fields | None) -> list[str]:
    """What a unit sees, from one to the next, the middle of the first."""
    if fields is None:
        return ["not known", "", ""]
    if math.isinf(fields[0].size):
        jump = _both(*(field.jump for field in fields))
        return ["all", "" if jump == "0" else jump, ""]
    return [
        _both(*(getattr(field, what) for field in fields))
        for what in ("size", "jump", "centre")
    ]


def _both(rows: float, columns: float) -> str:
    return f"{rows:g}" if rows == columns else f"{rows:g}x{columns:g}"


def _network_notes(network: NetworkArithmetic, batch_size: int) -> list[str]:
    parts = network.training_memory(batch_size)
    sizes = [f"{name} {size / 1e6:,.1f}" for name, size in parts.items()]
    unknown = network.not_counted
    notes = [
        f"Weights: {network.weight_bytes / 1e6:,.1f} MB, of which "
        f"{network.trainable:,} parameters are trained. Outputs of all "
        f"layers: {network.activation_bytes / 1e6:,.1f} MB an image.",
        f"Training with Adam, {batch_size} images a step: "
        f"{' + '.join(sizes)} = {sum(parts.values()) / 1e6:,.1f} MB",
        "(one gradient and two moving averages a trained weight, every "
        "layer's output for every image; workspace is not counted).",
        "Multiply-adds are those of convolutions and dense layers. Sizes are "
        "rounded down; 2P is the padding of both sides.",
        "A unit sees so many pixels a side, its neighbour the same number "
        "a jump further on; the centre is that of the first unit, in pixels.",
    ]
    if unknown:
        notes.append(
            f"Not counted: {', '.join(unknown[:8])}"
            + (f" and {len(unknown) - 8} more." if len(unknown) > 8 else ".")
        )
    return notes


def fact_table(fact: Fact) -> Table:
    """Tabulates two ways to one output, with what is learnt from them."""
    table = Table(title=fact.title, caption=fact.lesson, caption_justify="left")
    table.add_column("way")
    for name in ("weights and biases", "multiply-adds", "sees"):
        table.add_column(name, justify="right")
    for way, network in fact.ways.items():
        table.add_row(
            way,
            f"{network.parameters:,}",
            f"{network.multiply_adds:,}",
            _field_texts(network.layers[-1].fields)[0],
        )
    return table


def study_table(axis: str, outcomes: Sequence[Outcome]) -> Table:
    """Tabulates what came out along one axis of a study.

    Args:
        axis: what was varied.
        outcomes: one a value.
    """
    from tlkit.experiments.report import COLUMNS, outcome_row

    table = Table(title=axis.replace("_", " "))
    *numbers, differs = COLUMNS
    for name in numbers:
        table.add_column(name, justify="right" if name != "value" else "left")
    table.add_column(differs, overflow="fold")
    for outcome in outcomes:
        table.add_row(*outcome_row(outcome))
    return table
