"""Judges the heat maps where the truth is known.

    python scripts/judge_explanations.py drawn judged/
    python scripts/judge_explanations.py photographs judged/ \
        cats_vs_dogs/ mobilenet_v2_..._0.35_224_no_top.h5

`drawn` fine-tunes MiniVGG on the embedded sample, whose telling parts have
masks: how often does a method's hottest pixel lie on them, and do its maps
change when the weights are shuffled? `photographs` teaches MobileNetV2
photographs: does the network lose its class when the hottest pixels go?
Each writes its tables as CSV and Markdown, and `drawn` a picture of curves.
"""

import csv
import io
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import keras
import numpy as np
import typer

import tlkit
from tlkit import plots
from tlkit.base.atomic import write_text
from tlkit.base.console import say
from tlkit.cli import errors_in_words
from tlkit.drawn.sample import draw_pets
from tlkit.evaluation.intervals import confidence_interval
from tlkit.explain.methods.registry import METHODS, draw_heat_maps
from tlkit.explain.trials.faithfulness import (
    area_under_curve,
    deletion_curve,
    insertion_curve,
)
from tlkit.explain.trials.pointing import (
    centre_maps,
    overlap,
    pointing_game,
    random_maps,
)
from tlkit.explain.trials.sanity import randomise_cascade, randomised

SIZE = 96
# Width of MobileNetV2's last map at that size.
CELLS = 3
# No split of the embedded sample is drawn from this seed.
UNSEEN = 900
# Methods that run the network a hundred times an image see fewer images.
SHARES = {"occlusion": 4, "scorecam": 5, "sscam": 20}
MILD = tlkit.Augmentation(rotation=15, width_shift=0.1, height_shift=0.1)
Row = dict[str, Any]
Areas = dict[str, np.ndarray]
Folder = Annotated[Path, typer.Argument(help="Folder of results.")]
app = typer.Typer(add_completion=False, help=__doc__)


@app.command()
def drawn(
    out: Folder,
    run: Annotated[
        Path | None,
        typer.Option(help="A run of MiniVGG on drawn pets; else one is made."),
    ] = None,
    images: Annotated[int, typer.Option(help="How many to judge by.")] = 200,
) -> None:
    """Judges all methods on drawn cats and dogs."""
    with errors_in_words(), tempfile.TemporaryDirectory() as folder:
        path = run or train_on_drawn_pets(Path(folder)).path
        model = tlkit.load_classifier(path).model
        pets = draw_pets(images, SIZE, UNSEEN)
        chosen = model.predict_on_batch(pets[0]).argmax(axis=1)
        say(f"right about {np.mean(chosen == pets[1]):.1%} of {images} images")
        write(list(point(model, *pets)), out / "pointing")
        write(list(destroy(model, *pets[:2], out)), out / "sanity")


def train_on_drawn_pets(folder: Path) -> tlkit.Run:
    """CAM needs a network that pools its last map and adds it up."""
    data = tlkit.load_dataset("cartoon")
    network = tlkit.Network(
        "minivgg", image_size=SIZE, pooling="average", units=0
    )
    recipe = tlkit.Recipe(epochs=12, patience=4)
    head = tlkit.train(
        tlkit.Plan("augmented", network, MILD, recipe=recipe),
        data,
        folder / "head",
    )
    return tlkit.train(
        tlkit.Plan("finetune", augmentation=MILD, recipe=recipe, start=head),
        data,
        folder / "fine-tuned",
    )


def point(
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    masks: np.ndarray,
) -> Iterator[Row]:
    """Yields a line for each method and layer, and for each baseline."""
    *_, (_, shuffled) = randomised(model)
    for name, layer in ways_to_look():
        count = max(2, len(images) // SHARES.get(name, 1))
        for weights, network in (("trained", model), ("shuffled", shuffled)):
            if weights == "trained" or name not in SHARES:
                maps = draw_heat_maps(
                    network, images[:count], name, labels[:count], layer
                )
                title = METHODS[name].title
                yield score(title, layer, weights, maps, masks[:count])
    yield score("centre", None, "none", centre_maps(masks.shape), masks)
    lots = random_maps(masks.shape, (SIZE, SIZE))
    yield score("random", None, "none", lots, masks)


def ways_to_look() -> Iterator[tuple[str, str | None]]:
    """The last map is 6 cells wide, block 4's is 12."""
    for name, method in METHODS.items():
        yield name, None
        if method.has_layer and name != "cam":
            yield name, "block4_conv2"


def score(
    title: str,
    layer: str | None,
    weights: str,
    maps: np.ndarray,
    masks: np.ndarray,
) -> Row:
    hits, shares = pointing_game(maps, masks), overlap(maps, masks)
    low, high = confidence_interval(int(hits.sum()), len(hits))
    row = {
        "method": title,
        "layer": layer or "",
        "weights": weights,
        "images": len(hits),
        "pointing": f"{hits.mean():.1%}",
        "95 % interval": f"{low:.1%} to {high:.1%}",
        "overlap": mean_text(shares).removeprefix("+"),
    }
    say(" ".join(map(str, row.values())))
    return row


def destroy(
    model: keras.Model, images: np.ndarray, labels: np.ndarray, out: Path
) -> Iterator[Row]:
    """Yields a line for each method: its curve, the mean over two lots."""
    curves = {}
    steps: Sequence[str] = ()
    for name, method in METHODS.items():
        if name == "sscam":  # eight times as long as Score-CAM
            continue
        count = max(2, len(images) // 12 // SHARES.get(name, 1))
        layer = "block4_conv2" if method.has_layer and name != "cam" else None
        lots = [
            randomise_cascade(
                model, images[:count], [name], labels[:count], layer, seed
            )
            for seed in range(1 if name in SHARES else 2)
        ]
        steps = lots[0].steps
        values = np.mean([lot.correlations[name] for lot in lots], axis=(0, 2))
        curves[method.title] = values.tolist()
        say(f"{method.title}: {values.round(2).tolist()}")
        cells = zip(steps, values, strict=True)
        row = {"method": method.title, "images": count}
        yield row | {step or "nothing": f"{value:.2f}" for step, value in cells}
    plots.save(plots.draw_cascade(steps, curves), out / "sanity.png")


@app.command()
def photographs(
    out: Folder,
    photos: Annotated[Path, typer.Argument(help="Folder with splits.")],
    weights: Annotated[Path, typer.Argument(help="MobileNetV2 0.35, *.h5.")],
    images: Annotated[int, typer.Option(help="How many to judge by.")] = 240,
) -> None:
    """Judges quick methods by deletion and insertion on photographs."""
    with errors_in_words(), tempfile.TemporaryDirectory() as folder:
        data = tlkit.load_dataset(photos)
        network = tlkit.Network("mobilenet_v2", weights, SIZE, alpha=0.35)
        plan = tlkit.Plan("features", network)
        run = tlkit.train(plan, data, Path(folder) / "run")
        model = tlkit.load_classifier(run.path).model
        split = data.split("test")
        rows = np.linspace(0, len(split) - 1, images).astype(int)
        shown = np.stack([split.read(int(row), SIZE) for row in rows])
        write(list(remove(model, shown)), out / "faithfulness")


def remove(model: keras.Model, images: np.ndarray) -> Iterator[Row]:
    """Yields a line for each quick method, and for maps drawn by lot.

    A method is compared with lots as coarse as itself: single pixels taken
    out here and there harm a network more than as many side by side.
    """
    lots = {}
    for grain, side in (("cells", CELLS), ("pixels", SIZE)):
        maps = random_maps(images.shape[:3], (side, side))
        lots[grain] = areas(model, images, maps)
        yield compare(f"random {grain}", lots[grain], "", None)
    for name, method in METHODS.items():
        if name not in SHARES and name != "cam":
            fine = name == "guidedgradcam" or not method.has_layer
            grain = "pixels" if fine else "cells"
            found = areas(model, images, draw_heat_maps(model, images, name))
            yield compare(method.title, found, grain, lots[grain])


def areas(model: keras.Model, images: np.ndarray, maps: np.ndarray) -> Areas:
    return {
        "deletion": area_under_curve(deletion_curve(model, images, maps)),
        "insertion": area_under_curve(insertion_curve(model, images, maps)),
    }


def compare(title: str, found: Areas, grain: str, lots: Areas | None) -> Row:
    row: Row = {"method": title, "images": len(found["deletion"])}
    for name, values in found.items():
        row[name] = f"{values.mean():.3f}"
        row[f"{name} against lots"] = (
            mean_text(values - lots[name]) if lots else ""
        )
    row["lots"] = grain
    say(" ".join(map(str, row.values())))
    return row


def mean_text(values: np.ndarray) -> str:
    """Mean and half the width of its 95 % interval."""
    error = statistics.stdev(values) / len(values) ** 0.5
    return f"{values.mean():+.3f} ± {1.96 * error:.3f}"


def write(rows: list[Row], path: Path) -> None:
    """Writes a table as CSV and Markdown and prints it."""
    table = io.StringIO()
    writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path.with_suffix(".csv"), table.getvalue())
    lines = [list(rows[0]), ["---"] * len(rows[0])]
    lines += [list(map(str, row.values())) for row in rows]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    write_text(path.with_suffix(".md"), f"{text}\n")
    print(text)


if __name__ == "__main__":
    app()
