"""How many views of an image are enough: accuracy against their number.

    python benchmarks/views.py cats_vs_dogs/ mobilenet_v2 --weights FILE \
        --alpha 0.35 --image-size 96

Heads on a frozen base with the book's augmentation, then fine-tuning, all for
the same number of epochs and without early stopping. The accuracy is that on
the validation images, over several seeds: the number of views that tlkit
takes by default was chosen by it, so test images had to stay out of it.
"""

import argparse
import os
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tlkit
from tlkit.data.index import TEST

VIEWS = (1, 2, 5, 10, 20)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    parser.add_argument("base")
    parser.add_argument("--weights")
    parser.add_argument("--alpha", type=float, default=1.0)
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--from-layer")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    flags = parser.parse_args()
    data = without_test(tlkit.load_dataset(flags.data))
    network = tlkit.Network(
        flags.base, flags.weights, flags.image_size, flags.alpha
    )
    images = len(data.split("validation"))
    print(f"{flags.epochs} epochs, {flags.seeds} seeds, {images} images")
    for count in VIEWS:
        found = [
            accuracies(data, network, count, seed, flags)
            for seed in range(flags.seeds)
        ]
        heads, tuned = zip(*found, strict=True)
        print(
            f"{count:>3} views: head {text(heads)}, fine-tuned {text(tuned)}",
            flush=True,
        )


def without_test(data):
    splits = {k: split for k, split in data.splits.items() if k != TEST}
    return replace(data, splits=splits)


def accuracies(data, network, count, seed, flags):
    first = tlkit.Plan(
        "augmented",
        network,
        views=tlkit.Views(count),
        recipe=tlkit.Recipe(epochs=flags.epochs, patience=flags.epochs),
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as place:
        head = tlkit.train(first, data, Path(place, "head"))
        second = replace(
            first,
            way="finetune",
            network=tlkit.Network(),  # the head's own
            start=head,
            from_layer=flags.from_layer,
        )
        tuned = tlkit.train(second, data, Path(place, "tuned"))
        return head.metrics["accuracy"], tuned.metrics["accuracy"]


def text(values):
    spread = (max(values) - min(values)) / 2
    return f"{100 * statistics.mean(values):.1f} ±{100 * spread:.1f}"


if __name__ == "__main__":
    main()
