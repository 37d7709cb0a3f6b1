"""How fast images reach the network, beside what a user would run instead.

    make bench

Each line is a ratio of rates in this one process: the two sides take turns,
and the median over the turns is printed, so that a machine whose speed
drifts does not decide the outcome. The pictures are drawn: no download.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from PIL import Image

import tlkit
from tlkit.data.sample import CLASS_NAMES, draw_pets
from tlkit.strategy import describe_devices

IMAGES, SIZE, BATCH, TURNS = 256, 150, 32, 7
# The book's augmentation, in the words of each side.
BOOK = {
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "shear_range": 0.2,
    "zoom_range": 0.2,
    "horizontal_flip": True,
}


def main():
    print(describe_devices()["processor"], os.cpu_count(), "cores")
    with tempfile.TemporaryDirectory() as name:
        folder = write_photographs(Path(name))
        data = tlkit.load_dataset(folder, test_fraction=0)
        compare("decode and resize", decoding(data, folder))
        compare("augmentation", augmenting(data))


def write_photographs(folder):
    """Draws JPEG files of the size of a web photograph."""
    images, labels, _ = draw_pets(IMAGES, size=400)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / CLASS_NAMES[label] / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(path, quality=88)
    return folder


def decoding(data, folder):
    """One pass over files: tlkit, and Keras's own loader."""
    ours = tlkit.make_batches(data, "train", SIZE, BATCH)
    theirs = keras.utils.image_dataset_from_directory(
        folder, image_size=(SIZE, SIZE), batch_size=BATCH, verbose=False
    )
    return {
        "tlkit": lambda: count(ours),
        "image_dataset_from_directory": lambda: count(theirs),
    }


def augmenting(data):
    """The same pictures in memory, augmented as in the book."""
    split = data.split("train")
    images = np.stack([split.read(row, SIZE) for row in range(len(split))])
    augmentation = tlkit.Augmentation(**BOOK)
    legacy = ImageDataGenerator(**BOOK)
    layers = keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomRotation(40 / 360, "nearest"),
            keras.layers.RandomTranslation(0.2, 0.2, "nearest"),
            keras.layers.RandomShear(0.003, 0.003),
            keras.layers.RandomZoom(0.2, 0.2, "nearest"),
        ]
    )

    def ours():
        for number, image in enumerate(images):
            augmentation(image, seed=0, image_id=number, view=0)
        return len(images)

    def generator():
        for image in images:
            legacy.random_transform(image.astype("float32"))
        return len(images)

    def chained():
        for start in range(0, len(images), BATCH):
            layers(images[start : start + BATCH], training=True)
        return len(images)

    return {
        "tlkit (one thread)": ours,
        "ImageDataGenerator (one thread)": generator,
        "chained Keras layers (all cores)": chained,
    }


def count(batches):
    return sum(len(labels) for _, labels in batches)


def compare(title, sides):
    """Lets the sides take turns and prints rates and ratios."""
    rates = {name: [] for name in sides}
    for run in sides.values():
        run()  # warm up
    for _ in range(TURNS):
        for name, run in sides.items():
            started = time.perf_counter()
            images = run()
            rates[name].append(images / (time.perf_counter() - started))
    first, *others = rates
    print(f"\n{title}, {SIZE} px, median of {TURNS} interleaved turns")
    for name, values in rates.items():
        print(f"  {name:<34}{statistics.median(values):>8.0f} images/s")
    for name in others:
        ratios = [
            ours / theirs
            for ours, theirs in zip(rates[first], rates[name], strict=True)
        ]
        print(f"  ratio to {name:<34}{statistics.median(ratios):>6.2f}")


if __name__ == "__main__":
    main()
