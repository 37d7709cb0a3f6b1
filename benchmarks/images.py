"""How fast images reach the network, beside what a user would run instead.

    make bench

Each line is a ratio of rates in this one process: the two sides take turns,
and the median over the turns is printed, so that a machine whose speed
drifts does not decide the outcome. Where other programs run, a side with more
threads wins time from them; the ratio of processor time does not see that.
The pictures are drawn: no download.
With a folder of photographs, one folder for each class, decoding is measured
on those instead:

    python benchmarks/images.py FOLDER
"""

import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import keras
import numpy as np
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from PIL import Image

import tlkit
from tlkit.data.jpeg import find_reduction
from tlkit.drawn.sample import CLASS_NAMES, draw_pets
from tlkit.tensor.strategy import describe_devices

IMAGES, SIZE, BATCH, TURNS = 512, 150, 32, 9
WORKERS = max(2, os.cpu_count() or 1)
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
    if len(sys.argv) > 1:
        folder = Path(sys.argv[1])
        data = tlkit.load_dataset(folder, test_fraction=0)
        compare("decode and resize", decoding(data, folder))
        return
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
    """One pass over files: tlkit, Keras's own loader, and a bare loop.

    The loop is a bound: it decodes at the same fraction and interpolates,
    with as many threads, but smooths nothing, checks nothing and keeps
    nothing.
    """
    ours = tlkit.make_batches(data, "train", SIZE, BATCH)
    theirs = keras.utils.image_dataset_from_directory(
        folder, image_size=(SIZE, SIZE), batch_size=BATCH, verbose=False
    )
    paths = data.split("train").images
    threads = ThreadPoolExecutor(WORKERS)
    flags = [reduced_flags(path) for path in paths]

    def share(first):
        for path, flag in list(zip(paths, flags, strict=True))[first::WORKERS]:
            image = cv2.imdecode(np.fromfile(path, np.uint8), flag)
            cv2.resize(image, (SIZE, SIZE))

    def bare():
        list(threads.map(share, range(WORKERS)))
        return len(paths)

    return {
        "tlkit": lambda: count(ours),
        "image_dataset_from_directory": lambda: count(theirs),
        "bare OpenCV loop": bare,
    }


def reduced_flags(path):
    with Image.open(path) as header:
        size = header.height, header.width
    return {
        1: cv2.IMREAD_COLOR,
        2: cv2.IMREAD_REDUCED_COLOR_2,
        4: cv2.IMREAD_REDUCED_COLOR_4,
    }[find_reduction(size, (SIZE, SIZE))]


def augmenting(data):
    """The same pictures in memory, augmented as in the book."""
    split = data.split("train")
    images = np.stack([split.read(row, SIZE) for row in range(len(split))])
    augmentation = tlkit.Augmentation()  # the same as BOOK
    legacy = ImageDataGenerator(**BOOK)
    random = np.random.default_rng(0)
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

    def pillow():
        for image in images:
            chain_pillow(Image.fromarray(image), random)
        return len(images)

    def chained():
        for start in range(0, len(images), BATCH):
            layers(images[start : start + BATCH], training=True)
        return len(images)

    return {
        "tlkit (one thread)": ours,
        "ImageDataGenerator (one thread)": generator,
        "chained Pillow operations (one thread)": pillow,
        "chained Keras layers (all cores)": chained,
    }


def chain_pillow(image, random):
    """One operation after the other, as torchvision's transforms do it."""
    angle, across, down, shear, zoom = random.uniform(-1, 1, 5)
    how = Image.Transform.AFFINE, Image.Resampling.BILINEAR
    image = image.rotate(40 * angle, Image.Resampling.BILINEAR)
    move = 0.2 * SIZE * across, 0.2 * SIZE * down
    image = image.transform(
        image.size, how[0], (1, 0, move[0], 0, 1, move[1]), how[1]
    )
    image = image.transform(
        image.size, how[0], (1, 0.003 * shear, 0, 0, 1, 0), how[1]
    )
    scale = 1 + 0.2 * zoom
    image = image.transform(
        image.size, how[0], (scale, 0, 0, 0, scale, 0), how[1]
    )
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(image)


def count(batches):
    return sum(len(labels) for _, labels in batches)


def compare(title, sides):
    """Lets the sides take turns and prints rates and ratios."""
    rates = {name: [] for name in sides}
    work = {name: [] for name in sides}
    for run in sides.values():
        run()  # warm up
    for _ in range(TURNS):
        for name, run in sides.items():
            started, spent = time.perf_counter(), time.process_time()
            images = run()
            rates[name].append(images / (time.perf_counter() - started))
            work[name].append((time.process_time() - spent) / images)
    print(f"\n{title}, {SIZE} px, median of {TURNS} interleaved turns")
    for name in sides:
        rate, spent = map(statistics.median, (rates[name], work[name]))
        print(
            f"  {name:<40}{rate:>8.0f} images/s"
            f"{1e6 * spent:>8.0f} us of processor time an image"
        )
    first, *others = sides
    for name in others:
        rate = median_ratio(rates[first], rates[name])
        saved = median_ratio(work[name], work[first])
        print(
            f"  ratio to {name:<40}{rate:>6.2f} of rates{saved:>6.2f} of work"
        )


def median_ratio(ones, others):
    return statistics.median(
        one / other for one, other in zip(ones, others, strict=True)
    )


if __name__ == "__main__":
    main()
