"""Whole runs on real pictures: how accurate, and how long, on both sides.

    python benchmarks/accuracy.py cats_vs_dogs/ mobilenet_v2 --weights FILE \
        --alpha 0.35 --image-size 96

The peer is the book's script on plain Keras, as in `ways.py`, with tlkit's
learning rates, as many epochs, and on both sides the weights of the epoch
with the lowest validation loss. Accuracy is that on the test images, which
neither side has seen; seconds are those of the whole way, start to end.
"""

import argparse
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from ways import BATCH, book_augmentation, book_pooling, book_preprocessing

import tlkit
from tlkit.evaluation.intervals import confidence_interval
from tlkit.models.freezing import freeze_below

RATES = {"features": 1e-3, "augmented": 1e-3, "fine-tuned": 1e-5}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    parser.add_argument("base")
    parser.add_argument("--weights")
    parser.add_argument("--alpha", type=float, default=1.0)
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--epochs", type=int, default=30)
    flags = parser.parse_args()
    data = tlkit.load_dataset(flags.data)
    network = tlkit.Network(
        flags.base, flags.weights, flags.image_size, flags.alpha
    )
    with tempfile.TemporaryDirectory() as place:
        os.environ["TLKIT_STORE"] = str(Path(place, "store"))
        book = Book(flags, network.resolved())
        sides = {
            "book": book.ways(),
            "tlkit": ours(data, network, flags, place),
        }
        for what in RATES:
            for side, ways in sides.items():
                started = time.perf_counter()
                right, count = next(ways)
                seconds = time.perf_counter() - started
                low, high = confidence_interval(right, count)
                print(
                    f"{what:<12}{side:<7}{seconds:7.0f} s  "
                    f"{right / count:.1%} of {count} "
                    f"({low:.1%} to {high:.1%})",
                    flush=True,
                )


def ours(data, network, flags, place):
    def train(plan, what):
        recipe = tlkit.Recipe(
            RATES[what], epochs=flags.epochs, patience=flags.epochs
        )
        plan = replace(plan, recipe=recipe)
        return tlkit.train(plan, data, Path(place, plan.way))

    def right(run):
        count = run.metrics["count"]
        return round(run.metrics["accuracy"] * count), count

    yield right(train(tlkit.Plan("features", network), "features"))
    head = train(tlkit.Plan("augmented", network), "augmented")
    yield right(head)
    yield right(train(tlkit.Plan("finetune", start=head), "fine-tuned"))


class Book:
    """The book's three scripts, one after the other."""

    def __init__(self, flags, network):
        self.flags, self.network = flags, network
        home = getattr(keras.applications, network.spec.module)
        self.base = getattr(home, network.spec.builder)(
            include_top=False,
            weights=flags.weights,
            input_shape=(*network.image_size, 3),
            **({"alpha": flags.alpha} if flags.alpha != 1 else {}),
        )

    def ways(self):
        yield self.features()
        model = self.whole_model()
        yield self.train(model, "augmented")
        freeze_below(self.base, self.network.spec.fine_tune_from)
        yield self.train(model, "fine-tuned")

    def pictures(self, split):
        return keras.utils.image_dataset_from_directory(
            Path(self.flags.data, split),
            image_size=self.network.image_size,
            batch_size=BATCH,
            verbose=False,
            label_mode="binary",
        )

    def head(self):
        return [
            book_pooling(self.network),
            keras.layers.Dense(256, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(1, activation="sigmoid"),
        ]

    def features(self):
        kept = {}
        for split in ("train", "validation", "test"):
            rows, labels = [], []
            for images, answers in self.pictures(split):
                ready = book_preprocessing(self.network)(images)
                rows.append(self.base.predict(ready, verbose=0))
                labels.append(answers)
            kept[split] = np.concatenate(rows), np.concatenate(labels)
        head = keras.Sequential(
            [keras.Input(kept["train"][0].shape[1:]), *self.head()]
        )
        self.fit(
            head, "features", *kept["train"], validation_data=kept["validation"]
        )
        return self.right(head, [kept["test"]])

    def whole_model(self):
        self.base.trainable = False
        return keras.Sequential(
            [
                keras.Input((*self.network.image_size, 3)),
                *book_augmentation(),
                keras.layers.Lambda(book_preprocessing(self.network)),
                self.base,
                *self.head(),
            ]
        )

    def train(self, model, way):
        pictures = self.pictures("train")
        self.fit(
            model, way, pictures, validation_data=self.pictures("validation")
        )
        return self.right(model, self.pictures("test"))

    def fit(self, model, way, *data, validation_data):
        model.compile(
            keras.optimizers.Adam(RATES[way]),
            "binary_crossentropy",
            metrics=["accuracy"],
        )
        best = keras.callbacks.EarlyStopping(
            patience=self.flags.epochs, restore_best_weights=True
        )
        model.fit(
            *data,
            epochs=self.flags.epochs,
            batch_size=None if len(data) == 1 else BATCH,
            validation_data=validation_data,
            callbacks=[best],
            verbose=0,
        )

    def right(self, model, batches):
        found = [
            (np.asarray(model.predict(images, verbose=0)) > 0.5) == labels
            for images, labels in batches
        ]
        right = np.concatenate(found)
        return int(right.sum()), len(right)


if __name__ == "__main__":
    main()
