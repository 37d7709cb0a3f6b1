"""Makes the weights of MiniVGG: from formulas, or from a larger teacher.

    python scripts/pretrain_minivgg.py minivgg.weights.h5
    python scripts/pretrain_minivgg.py my.weights.h5 \
        --teacher mobilenet_v2 --weights PATH --images FOLDER

Without a teacher it draws its own pictures and learns to tell their classes
apart; this is how the weights in the package were made. With a teacher it
learns to see your own pictures, which need no labels, as the teacher sees
them. Use the file with `--base minivgg --weights FILE`.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from tlkit.cli import errors_in_words
from tlkit.tensor.starting import start_tensorflow


def main(
    out: Annotated[Path, typer.Argument(help="New file, *.weights.h5.")],
    per_class: Annotated[int, typer.Option(help="Pictures a class.")] = 128,
    scale: Annotated[
        float | None,
        typer.Option(
            help="Times as many steps as usual: 1, or 6 to pretrain on a GPU."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of pictures and training.")] = 0,
    teacher: Annotated[
        str | None, typer.Option(help="Conv base to learn from.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="Of the teacher; else ImageNet's.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of images for the teacher.")
    ] = None,
) -> None:
    """Pretrains MiniVGG from formulas, or distils a teacher into it."""
    with errors_in_words():
        start_tensorflow()
        from tlkit import pretraining

        if teacher is None:
            about = pretraining.pretrain_from_formulas(
                out, per_class, scale, seed
            )
        else:
            about = pretraining.distil(out, teacher, weights, images, scale)
        print(json.dumps(about, indent=2))


if __name__ == "__main__":
    typer.run(main)
