"""The transfer ways beside the book's scripts on plain Keras.

    python benchmarks/ways.py [vgg16|mobilenet_v2]

The peer is what *Deep Learning with Python* has one write: a base from
`keras.applications`, `image_dataset_from_directory`, float32, `predict` and
`fit`, Keras's augmentation layers. The pictures are drawn JPEG files of 400 x
375 pixels and the base's weights are random: neither changes how long it
takes, and nothing is downloaded.

What goes through a conv base is timed on 96 images, the sides taking turns,
and scaled linearly to the book's data (2,000 training, 500 validation and 500
test images) and 30 epochs; heads are trained in full. Both sides measure on
the validation images after every epoch. Saving, plots and the last look at
the test images are left out on both sides.
"""

import argparse
import math
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from turns import median, take_turns

import tlkit
from tlkit.data.augment import View
from tlkit.drawn.sample import CLASS_NAMES, draw_pets
from tlkit.features.extract import describe_part
from tlkit.features.frozen import FrozenPart
from tlkit.models.cutting import cut_model
from tlkit.models.freezing import freeze_all, freeze_below
from tlkit.models.heads import (
    HEAD_LAYERS,
    HeadSpec,
    attach_head,
    build_head,
    pool_features,
)
from tlkit.models.precision import choose_precision, computing_in
from tlkit.plans.recipe import ResolvedRecipe
from tlkit.plans.resolve import head_batch_size
from tlkit.plans.ways import WAYS
from tlkit.tensor.row_batches import make_row_batches
from tlkit.tensor.strategy import describe_devices
from tlkit.training.engine import compile_model, count_steps

IMAGES, TURNS, BATCH, EPOCHS = 96, 3, 32, 30
TRAIN, VALIDATION, TEST = 2000, 500, 500
VIEWS = WAYS["augmented"].views


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("base", nargs="?", default="vgg16")
    name = parser.parse_args().base
    network = tlkit.Network(name, "none").resolved()
    print(describe_devices()["processor"], os.cpu_count(), "cores")
    precision = precision_of(network)
    print(f"{name} at {network.image_size[0]} px, {precision}, {VIEWS} views")
    with tempfile.TemporaryDirectory() as place:
        os.environ["TLKIT_STORE"] = str(Path(place, "store"))
        folder = write_photographs(Path(place, "pictures"))
        data = tlkit.load_dataset(folder)
        folder = folder / "train"
        extraction(network, data, folder)
        upper_part(network, data, folder, HEAD_LAYERS[0], "augmented")
        upper_part(
            network, data, folder, network.spec.fine_tune_from, "fine-tuned"
        )


def write_photographs(folder, count=IMAGES):
    images, labels, _ = draw_pets(count + 4, size=400)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        split = "train" if number < count else "validation"
        path = folder / split / CLASS_NAMES[label] / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True, parents=True)
        Image.fromarray(image[:375]).save(path, quality=88)
    return folder


def per_image(seconds, images):
    return median(seconds) / images


def extraction(network, data, folder):
    """Fast features: the book's `predict`, and tlkit's store."""
    theirs = keras.Sequential([book_base(network), book_pooling(network)])
    pictures = book_pictures(network, folder)
    train = data.split("train")

    def book():
        return [
            theirs.predict(book_preprocessing(network)(images), verbose=0)
            for images, _ in pictures
        ]

    part = frozen_part(network)

    def ours():
        fresh_store()
        part.rows({"train": train})

    times = take_turns({"book": book, "tlkit": ours}, TURNS)
    count = TRAIN + VALIDATION + TEST
    book_base_s = count * per_image(times["book"], IMAGES)
    ours_base_s = count * per_image(times["tlkit"], IMAGES)
    plan = tlkit.Plan("features", network)
    tlkit.extract_features(plan, data)
    started = time.perf_counter()
    tlkit.extract_features(plan, data)
    again = time.perf_counter() - started
    started = time.perf_counter()
    part.rows({"train": train})
    again += (time.perf_counter() - started) * (count / len(train) - 1)
    length = theirs.output_shape[-1]
    heads = take_turns(head_sides(length, precision_of(network)), TURNS)
    book_head_s, ours_head_s, bound = map(median, heads.values())
    report("through the base, 3,000 images", book_base_s, ours_base_s)
    report(f"head of 256 on {length:,} features", book_head_s, ours_head_s)
    print(f"    of which {bound:.1f} s are bare matrix products and updates")
    report(
        "fast features, first run",
        book_base_s + book_head_s,
        ours_base_s + ours_head_s,
    )
    report(
        "second run, until the head trains",
        book_base_s,
        again,
    )


def head_sides(length, precision):
    """Training a head for 30 epochs on features of the book's data."""
    random = np.random.default_rng(0)
    rows = random.random((TRAIN + VALIDATION, length), np.float32)
    labels = random.integers(0, 2, TRAIN + VALIDATION)
    split = (rows[:TRAIN], labels[:TRAIN]), (rows[TRAIN:], labels[TRAIN:])

    def book():
        head = keras.Sequential(
            [
                keras.Input((length,)),
                keras.layers.Dense(256, activation="relu"),
                keras.layers.Dropout(0.5),
                keras.layers.Dense(1, activation="sigmoid"),
            ]
        )
        head.compile(
            keras.optimizers.RMSprop(2e-5),
            "binary_crossentropy",
            metrics=["accuracy"],
        )
        head.fit(
            *split[0],
            epochs=EPOCHS,
            batch_size=20,
            validation_data=split[1],
            verbose=0,
        )

    class Rows(np.ndarray):
        """An array that is asked like stored rows."""

    kept = [part[0].astype("float16").view(Rows) for part in split]

    batch = head_batch_size(TRAIN)
    recipe = ResolvedRecipe(1e-3, batch, EPOCHS, precision=precision)

    def ours():
        with computing_in(precision):
            head = build_head((length,), HeadSpec(2))
        compile_model(head, recipe, count_steps(TRAIN, recipe))
        head.fit(
            make_row_batches([kept[0]], split[0][1], batch, seed=0),
            validation_data=make_row_batches([kept[1]], split[1][1], batch),
            epochs=EPOCHS,
            shuffle=False,
            verbose=0,
        )

    return {
        "book": book,
        "tlkit": ours,
        "bound": bare_steps(split[0][0], precision),
    }


def bare_steps(rows, precision):
    """As many steps of nothing but two matrix products and Adam."""
    kernel, first, second = (
        tf.Variable(tf.random.normal((rows.shape[1], 256))) for _ in range(3)
    )
    compute = keras.DTypePolicy(precision).compute_dtype
    batch = tf.cast(rows[: head_batch_size(TRAIN)], compute)
    second.assign(tf.square(second))

    @tf.function
    def step():
        errors = batch @ tf.cast(kernel, compute)
        gradient = tf.matmul(batch, errors, transpose_a=True)
        tf.raw_ops.ResourceApplyAdam(
            var=kernel.handle,
            m=first.handle,
            v=second.handle,
            beta1_power=0.9,
            beta2_power=0.999,
            lr=1e-3,
            beta1=0.9,
            beta2=0.999,
            epsilon=1e-7,
            grad=tf.cast(gradient, tf.float32),
        )

    def run():
        for _ in range(EPOCHS * math.ceil(TRAIN / len(batch))):
            step()

    return run


def upper_part(network, data, folder, first_layer, what):
    """What lies above a layer, trained from views and end to end."""
    theirs = book_base(network)
    model = keras.Sequential(
        [
            keras.Input((*network.image_size, 3)),
            *book_augmentation(),
            keras.layers.Lambda(book_preprocessing(network)),
            theirs,
            book_pooling(network),
            keras.layers.Dense(256, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    if first_layer == HEAD_LAYERS[0]:
        theirs.trainable = False
    else:
        freeze_below(theirs, first_layer)
    model.compile(keras.optimizers.RMSprop(1e-5), "binary_crossentropy")
    pictures = book_pictures(network, folder)
    cut = our_cut(network, first_layer)
    part = FrozenPart(
        cut.prefix,
        describe_part(network, cut.at, precision_of(network)),
        network.image_size,
        tf.distribute.get_strategy(),
    )
    train, view = data.split("train"), View(tlkit.Augmentation(), 0, 0)
    rows = {}

    def prefix():
        fresh_store()
        kept, _ = part.rows({"train": train}, [view])
        (rows["kept"],) = kept["train"]

    def suffix():
        cut.suffix.fit(
            make_row_batches([rows["kept"]], train.labels, BATCH, seed=0),
            shuffle=False,
            verbose=0,
        )

    def suffix_validates():
        cut.suffix.predict(
            make_row_batches([rows["kept"]], train.labels, BATCH), verbose=0
        )

    sides = {
        "fit": lambda: model.fit(pictures, verbose=0),
        "prefix": prefix,
        "suffix": suffix,
        "evaluate": lambda: model.evaluate(pictures, verbose=0),
        "validates": suffix_validates,
    }
    times = take_turns(sides, TURNS)
    peer = EPOCHS * (
        TRAIN * per_image(times["fit"], IMAGES)
        + VALIDATION * per_image(times["evaluate"], IMAGES)
    )
    once = (VIEWS * TRAIN + VALIDATION) * per_image(times["prefix"], IMAGES)
    each = TRAIN * per_image(times["suffix"], IMAGES)
    each += VALIDATION * per_image(times["validates"], IMAGES)
    report(f"{what}, {EPOCHS} epochs", peer, once + EPOCHS * each)
    print(f"    of which {once:,.0f} s through the frozen part")


def our_cut(network, first_layer):
    recipe = ResolvedRecipe(
        1e-5, BATCH, EPOCHS, precision=precision_of(network)
    )
    with computing_in(recipe.precision):
        base = network.build_base()
        freeze_all(base)
        model = attach_head(base, network.head(2))
        if first_layer != HEAD_LAYERS[0]:
            freeze_below(model, first_layer)
        cut = cut_model(model, first_layer)
        compile_model(cut.suffix, recipe, count_steps(TRAIN, recipe))
    return cut


def frozen_part(network):
    with computing_in(precision_of(network)):
        base = network.build_base()
        vector = pool_features(base.output, network.pooling)
    about = describe_part(network, "benchmark", precision_of(network))
    return FrozenPart(
        keras.Model(base.input, vector),
        about,
        network.image_size,
        tf.distribute.get_strategy(),
    )


def precision_of(network):
    return choose_precision("auto", network.spec)


def fresh_store():
    fresh_store.count = getattr(fresh_store, "count", 0) + 1
    place = Path(os.environ["TLKIT_STORE"])
    os.environ["TLKIT_STORE"] = str(place.with_name(f"s{fresh_store.count}"))


def book_base(network):
    spec = network.spec
    home = getattr(keras.applications, spec.module)
    base = getattr(home, spec.builder)(
        include_top=False, weights=None, input_shape=(*network.image_size, 3)
    )
    return base


def book_pooling(network):
    if network.pooling == "flatten":
        return keras.layers.Flatten()
    return keras.layers.GlobalAveragePooling2D()


def book_preprocessing(network):
    return getattr(keras.applications, network.spec.module).preprocess_input


def book_pictures(network, folder):
    return keras.utils.image_dataset_from_directory(
        folder,
        image_size=network.image_size,
        batch_size=BATCH,
        verbose=False,
        label_mode="binary",
    )


def book_augmentation():
    return [
        keras.layers.RandomFlip("horizontal"),
        keras.layers.RandomRotation(40 / 360, "nearest"),
        keras.layers.RandomTranslation(0.2, 0.2, "nearest"),
        keras.layers.RandomShear(0.003, 0.003),
        keras.layers.RandomZoom(0.2, 0.2, "nearest"),
    ]


def report(what, peer, ours):
    print(
        f"{what:<42}{peer:>8,.0f} s{ours:>8,.1f} s  ratio {peer / ours:,.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
