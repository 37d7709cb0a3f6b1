"""Judges MiniVGG's embedded weights where they were not trained.

    python scripts/judge_minivgg.py judged.csv --photos cats_vs_dogs/ \
        --fashion fashion_mnist.npz
    python scripts/judge_minivgg.py judged.csv --table

Drawn cats and dogs with 50 to 400 training images, photographs with 500 and
2,000, Fashion-MNIST with 100 a class; each by linear probe, fast features,
frozen and augmented, and fine-tuned, from the embedded weights and from
random ones, and by the convnet from scratch. A seed chooses the training
images and everything random in training; the test images are always the
same. Each finished run is a line of the file, and is not run again.
"""

import csv
import itertools
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from scipy.stats import t as student

import tlkit
from tlkit.base.console import say
from tlkit.base.records import COUNT, Column, Kind, Table
from tlkit.cli import errors_in_words
from tlkit.cli.tables import print_table
from tlkit.data.arrays import array_split
from tlkit.data.index import TEST, TRAIN, VALIDATION, DatasetIndex
from tlkit.drawn.sample import CLASS_NAMES, draw_pets

SIZE = 96
KEY = ["task", "train", "way", "weights", "seed"]
COLUMNS = [*KEY, "test", "right"]
WAYS = ("probe", "features", "augmented", "finetune")
WEIGHTS = ("tlkit", "none")
PLAN = [*itertools.product(WAYS, WEIGHTS), ("scratch", "")]
MILD = tlkit.Augmentation(rotation=15, width_shift=0.1, height_shift=0.1)


@dataclass(frozen=True)
class Task:
    """Images to draw training images from, and how long to train on them."""

    name: str
    data: DatasetIndex
    train: int
    epochs: int


def tasks(photos: Path | None, fashion: Path | None) -> Iterator[Task]:
    """Smallest first; a source that is not given is left out."""
    drawn = drawn_pets()
    for count in (50, 100, 200, 400):
        yield Task("drawn pets", drawn, count, epochs=24)
    if fashion:
        yield Task("Fashion-MNIST", clothes(fashion), 1000, epochs=12)
    if photos:
        pictures = tlkit.load_dataset(photos)
        yield Task("photographs", pictures, 500, epochs=24)
        yield Task("photographs", pictures, 2000, epochs=12)


def drawn_pets() -> DatasetIndex:
    """1,000 to train on, 100 to choose the epoch by, 400 to be judged by."""
    splits = {}
    counts = {TRAIN: 1000, VALIDATION: 100, TEST: 400}
    for seed, (name, count) in enumerate(counts.items(), start=700):
        splits[name] = array_split(*draw_pets(count, SIZE, seed)[:2])
    return DatasetIndex("drawn pets", "drawn", CLASS_NAMES, splits)


def clothes(path: Path) -> DatasetIndex:
    """All training images, 200 others to choose by, 1,000 test images."""
    data = tlkit.load_dataset(path)
    few = {TRAIN: None, VALIDATION: 200, TEST: 1000}
    splits = {
        name: data.split(name).select(np.arange(len(data.split(name)))[:count])
        for name, count in few.items()
    }
    return replace(data, splits=splits)


def draw_training_images(task: Task, seed: int) -> DatasetIndex:
    """As many of each class, by lot."""
    split, rng = task.data.split(TRAIN), np.random.default_rng(seed)
    classes = len(task.data.class_names)
    rows = np.concatenate(
        [
            rng.permutation(np.flatnonzero(split.labels == label))[
                : task.train // classes
            ]
            for label in range(classes)
        ]
    )
    chosen = split.select(rng.permutation(rows))
    return replace(task.data, splits={**task.data.splits, TRAIN: chosen})


def judge(task: Task, seed: int, done: set[tuple]) -> Iterator[dict]:
    """Trains what is not done yet and yields a line for each run."""
    data = draw_training_images(task, seed)
    recipe = tlkit.Recipe(epochs=task.epochs, patience=task.epochs // 4)
    how = tlkit.Plan(recipe=recipe, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        for way, weights in PLAN:
            key = (task.name, str(task.train), way, weights, str(seed))
            if key in done:
                continue
            place = Path(folder) / (weights or "scratch")
            metrics = train(way, weights, data, how, place).metrics
            values = (*key, metrics["count"], metrics["correct"])
            yield dict(zip(COLUMNS, values, strict=True))


def train(
    way: str,
    weights: str,
    data: DatasetIndex,
    how: tlkit.Plan,
    folder: Path,
) -> tlkit.Run:
    """One run of one way; fine-tuning goes on from an augmented run."""
    start = folder / "augmented"
    if way == "finetune" and not start.exists():
        train("augmented", weights, data, how, folder)
    plan = make_plan(way, weights, how, start)
    return tlkit.train(plan, data, folder / way)


def make_plan(
    way: str, weights: str, how: tlkit.Plan, start: Path
) -> tlkit.Plan:
    """The plan of a way; of `how` recipe and seed are taken."""
    if way == "scratch":
        return replace(
            how,
            way="scratch",
            network=tlkit.Network(image_size=SIZE),
            augmentation=MILD,
            recipe=twice_as_long(how.recipe),
        )
    every = tlkit.Views(0)  # new views in every epoch
    if way == "finetune":
        return replace(
            how, way="finetune", augmentation=MILD, views=every, start=start
        )
    units = 0 if way == "probe" else 256
    network = tlkit.Network("minivgg", weights, SIZE, units=units)
    if way == "augmented":
        how = replace(how, way="augmented", augmentation=MILD, views=every)
    return replace(how, network=network)


def twice_as_long(recipe: tlkit.Recipe) -> tlkit.Recipe:
    """From random weights it takes longer to come to the same loss."""
    return replace(
        recipe, epochs=2 * recipe.epochs, patience=2 * recipe.patience
    )


def table(lines: list[dict]) -> Table:
    """Mean accuracy over the seeds with Student's 95 % interval."""
    shares = defaultdict(list)
    for line in lines:
        key = line["task"], int(line["train"]), line["way"], line["weights"]
        shares[key].append(int(line["right"]) / int(line["test"]))
    mean = Kind("shares", mean_text)
    rows = []
    for task, train in dict.fromkeys(key[:2] for key in shares):
        cells = [shares.get((task, train, *column), []) for column in PLAN]
        seeds = "/".join(map(str, sorted({len(cell) for cell in cells})))
        rows.append((task, train, seeds, *cells))
    return Table(
        "accuracy in %, mean of the seeds, 95 % interval",
        (
            *(Column("task"), Column("images", COUNT), Column("seeds")),
            *(Column(heading(*column), mean) for column in PLAN),
        ),
        tuple(rows),
    )


def heading(way: str, weights: str) -> str:
    """A way over the weights that it starts from."""
    name = {"tlkit": "embedded", "none": "random"}.get(weights, "")
    return f"{way}\n{name}"


def mean_text(shares: list[float]) -> str:
    """Mean and half the width of its interval, in per cent."""
    if not shares:
        return ""
    mean = f"{statistics.mean(shares):.1%}".removesuffix("%")
    if len(shares) < 2:
        return mean
    error = statistics.stdev(shares) / len(shares) ** 0.5
    half = student.ppf(0.975, len(shares) - 1) * error
    return f"{mean} ±{100 * half:.1f}"


def read_lines(path: Path) -> list[dict]:
    """What has been judged already."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main(
    out: Annotated[Path, typer.Argument(help="File of results, *.csv.")],
    photos: Annotated[
        Path | None, typer.Option(help="Folder with splits of photographs.")
    ] = None,
    fashion: Annotated[
        Path | None, typer.Option(help="Fashion-MNIST as a .npz file.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="How many.")] = 5,
    table_only: Annotated[
        bool, typer.Option("--table", help="Print the table, train nothing.")
    ] = False,
) -> None:
    """Judges MiniVGG's embedded weights where they were not trained."""
    with errors_in_words():
        lines = read_lines(out)
        done = {tuple(line[name] for name in KEY) for line in lines}
        plan = [] if table_only else list(tasks(photos, fashion))
        for seed, task in itertools.product(range(seeds), plan):
            for line in judge(task, seed, done):
                say(" ".join(map(str, line.values())))
                lines.append(line)
                with out.open("a", newline="", encoding="utf-8") as file:
                    writer = csv.DictWriter(file, COLUMNS)
                    if file.tell() == 0:
                        writer.writeheader()
                    writer.writerow(line)
        print_table(table(lines))


if __name__ == "__main__":
    typer.run(main)
