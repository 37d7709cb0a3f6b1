"""Explains MobileNet's top class of 20 photographs of cats and dogs.

    python scripts/explain_imagenet.py mobilenet_7_5_224_tf.h5 cats_vs_dogs/ \
        docs/imagenet_explained.jpg

The weights are those that Keras publishes for `MobileNet(alpha=0.75)` with
ImageNet's 1,000 classes, of which 118 are dogs and 5 are cats.
"""

from pathlib import Path
from typing import Annotated

import keras
import numpy as np
import typer

import tlkit
from tlkit import plots
from tlkit.base.atomic import atomic_path
from tlkit.base.errors import UsageError
from tlkit.cli import errors_in_words
from tlkit.explain.methods.gradcam import grad_cam
from tlkit.tensor.starting import start_tensorflow

SIZE = 224
PER_CLASS = 10
DOGS, CATS = range(151, 269), range(281, 286)


def load_mobilenet(weights: Path) -> keras.Model:
    """The network wants -1 to 1; tlkit's models take raw pixels."""
    pixels = keras.Input((SIZE, SIZE, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    network = keras.applications.MobileNet(alpha=0.75, weights=str(weights))
    return keras.Model(pixels, network(scaled))


def read_photographs(folder: Path) -> np.ndarray:
    """The first test images of each class, in the order of their names."""
    split = tlkit.load_dataset(folder).split("test")
    rows = [np.flatnonzero(split.labels == k)[:PER_CLASS] for k in (0, 1)]
    return np.stack(
        [split.read(int(row), SIZE) for row in np.concatenate(rows)]
    )


def name_class(index: int) -> str:
    kind = "dog" if index in DOGS else "cat" if index in CATS else "other"
    return f"{kind} ({index})"


def check_paths(weights: Path, out: Path) -> None:
    if not weights.is_file() or weights.suffix != ".h5":
        raise UsageError(
            "There are no such weights.",
            where=weights,
            expected="MobileNet 0.75 with its top, such as "
            "mobilenet_7_5_224_tf.h5",
        )
    if out.exists() or out.suffix != ".jpg":
        raise UsageError(
            "The picture cannot be written there.",
            where=out,
            expected="a new file whose name ends in .jpg",
        )


def main(
    weights: Annotated[Path, typer.Argument(help="MobileNet 0.75, *.h5.")],
    photos: Annotated[Path, typer.Argument(help="Folder with splits.")],
    out: Annotated[Path, typer.Argument(help="Picture, *.jpg.")],
) -> None:
    """Explains MobileNet's top class of 20 photographs of cats and dogs."""
    with errors_in_words():
        start_tensorflow()
        check_paths(weights, out)
        model, images = load_mobilenet(weights), read_photographs(photos)
        shares = model.predict_on_batch(images)
        captions = [
            f"{name_class(row.argmax())} {row.max():.0%}" for row in shares
        ]
        figure = plots.draw_explained(images, grad_cam(model, images), captions)
        with atomic_path(out) as partial:
            figure.savefig(partial, dpi=100, pil_kwargs={"quality": 80})
        print("\n".join(captions))


if __name__ == "__main__":
    typer.run(main)
