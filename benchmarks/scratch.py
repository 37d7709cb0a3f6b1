"""The convnet from scratch with augmentation, beside the book's two scripts.

    python benchmarks/scratch.py

The book's convnet at 150 pixels, on 384 drawn JPEG files of 400 x 375 pixels;
the sides take turns with one epoch each, and the median is scaled linearly to
10 epochs of 2,000 images. The peers are what the two editions have one write:
`ImageDataGenerator.flow_from_directory`, and Keras's augmentation layers
behind `image_dataset_from_directory`, both in float32. One side is tlkit with
tf.data tuning its batches, which is waited for at the end of an epoch (see
`tlkit.tensor.pipeline.without_tuning`).
"""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from turns import median, take_turns
from ways import book_augmentation, write_photographs

import tlkit
from tlkit.models.precision import choose_precision, computing_in
from tlkit.plans.recipe import ResolvedRecipe
from tlkit.store.pixels import keep_pixels
from tlkit.tensor.strategy import describe_devices
from tlkit.training.engine import compile_model, count_steps

SIZE, BATCH, IMAGES, TURNS, EPOCHS, TRAIN = 150, 32, 384, 9, 10, 2000


def main():
    print(describe_devices()["processor"], os.cpu_count(), "cores")
    with tempfile.TemporaryDirectory() as place:
        os.environ["TLKIT_STORE"] = str(Path(place, "store"))
        folder = write_photographs(Path(place, "pictures"), IMAGES)
        data = tlkit.load_dataset(folder)
        sides = {
            "tlkit": ours(data),
            "tlkit, tuned by tf.data": ours(data, tuned=True),
            "ImageDataGenerator": generator(folder / "train"),
            "Keras layers": layers(folder / "train"),
        }
        seconds = take_turns(sides, TURNS)
    scale = EPOCHS * TRAIN / IMAGES
    for name, values in seconds.items():
        ratio = median(values) / median(seconds["tlkit"])
        print(
            f"{name:<24}{IMAGES / median(values):>6.0f} images/s"
            f"{scale * median(values):>7.0f} s  ratio {ratio:.2f}"
        )


def ours(data, tuned=False):
    recipe = ResolvedRecipe(5e-4, BATCH, EPOCHS, precision=choose_precision())
    with computing_in(recipe.precision):
        model = tlkit.build_convnet(2, SIZE)
        compile_model(model, recipe, count_steps(IMAGES, recipe))
    batches = tlkit.make_batches(
        data,
        "train",
        SIZE,
        BATCH,
        tlkit.Augmentation(),
        seed=0,
        decoded=keep_pixels(data, (SIZE, SIZE))["train"],
    )
    if tuned:
        options = tf.data.Options()
        options.autotune.enabled = True
        batches = batches.with_options(options)
    return lambda: model.fit(batches, shuffle=False, verbose=0)


def generator(folder):
    model = book_convnet([keras.layers.Rescaling(1.0)])
    flow = ImageDataGenerator(
        rescale=1 / 255,
        rotation_range=40,
        width_shift_range=0.2,
        height_shift_range=0.2,
        shear_range=0.2,
        zoom_range=0.2,
        horizontal_flip=True,
    ).flow_from_directory(
        folder, (SIZE, SIZE), batch_size=BATCH, class_mode="binary"
    )
    return lambda: model.fit(flow, verbose=0)


def layers(folder):
    model = book_convnet(
        [*book_augmentation(), keras.layers.Rescaling(1 / 255)]
    )
    pictures = keras.utils.image_dataset_from_directory(
        folder,
        image_size=(SIZE, SIZE),
        batch_size=BATCH,
        verbose=False,
        label_mode="binary",
    )
    return lambda: model.fit(pictures, verbose=0)


def book_convnet(first):
    blocks = []
    for filters in (32, 64, 128, 128):
        blocks.append(keras.layers.Conv2D(filters, 3, activation="relu"))
        blocks.append(keras.layers.MaxPooling2D())
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            *first,
            *blocks,
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        keras.optimizers.RMSprop(1e-4),
        "binary_crossentropy",
        metrics=["accuracy"],
    )
    return model


if __name__ == "__main__":
    main()
