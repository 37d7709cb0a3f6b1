"""Batches hold the pixels of the index, in an order that a seed fixes."""

import time
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

import tlkit
from tlkit.base.errors import TlkitError, UsageError
from tlkit.data.index import DatasetIndex, Split
from tlkit.drawn.make import write_sample
from tlkit.plans.recipe import ResolvedRecipe
from tlkit.tensor.pipeline import make_view_batches
from tlkit.tensor.row_batches import make_row_batches
from tlkit.tensor.shares import Portion, Share
from tlkit.training.engine import compile_model, fit


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "pets"
    counts = {"train": 22, "validation": 10, "test": 10}
    return tlkit.load_dataset(write_sample(folder, counts, image_size=40))


def passes(batches, count):
    """Returns images and labels of several passes over a dataset."""
    found = []
    for _ in range(count):
        pairs = [(x.numpy(), y.numpy()) for x, y in batches]
        images, labels = zip(*pairs, strict=True)
        found.append((np.concatenate(images), np.concatenate(labels)))
    return found


def test_without_a_seed_batches_follow_the_index(pets):
    batches = tlkit.make_batches(pets, "train", 32, 8)
    assert [len(labels) for _, labels in batches] == [8, 8, 6]
    assert batches.cardinality() == 3
    assert batches.element_spec[0].shape.as_list() == [None, 32, 32, 3]
    (images, labels), again = passes(batches, 2)
    split = pets.split("train")
    expected = np.stack([split.read(row, 32) for row in range(22)])
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, expected)
    np.testing.assert_array_equal(labels, split.labels)
    np.testing.assert_array_equal(again[0], expected)


def test_nobody_waits_for_tuning_at_the_end_of_a_pass(pets):
    images = pets.split("train")
    rows = np.zeros((len(images), 4), np.float32)
    part = Portion(1, Share(3, (0, 1)))
    for batches in (
        tlkit.make_batches(pets, "train", 32, 8),
        make_view_batches(images, 32, 8),
        make_view_batches(images, 32, 8, portion=part),
        make_row_batches([rows], images.labels, 8),
        make_row_batches([rows], images.labels, 8, portion=part),
    ):
        assert batches.options().autotune.enabled is False


def test_with_a_seed_every_pass_is_another_order_of_the_same(pets):
    first, second = passes(tlkit.make_batches(pets, "train", 32, 8, seed=3), 2)
    assert not np.array_equal(first[0], second[0])
    for images, labels in (first, second):
        split = pets.split("train")
        expected = {
            (split.read(row, 32).tobytes(), int(split.labels[row]))
            for row in range(22)
        }
        found = {
            (image.tobytes(), int(label))
            for image, label in zip(images, labels, strict=True)
        }
        assert found == expected


def test_the_same_seed_gives_the_same_passes(pets):
    def run(seed):
        return passes(
            tlkit.make_batches(
                pets, "train", 32, 8, tlkit.Augmentation(), seed
            ),
            3,
        )

    one, other, different = run(3), run(3), run(4)
    for (images, labels), (same, same_labels) in zip(one, other, strict=True):
        np.testing.assert_array_equal(images, same)
        np.testing.assert_array_equal(labels, same_labels)
    assert not np.array_equal(one[0][0], different[0][0])


def test_every_pass_shows_other_views(pets):
    one_image = replace(
        pets, splits={"train": pets.split("train").select(np.array([0]))}
    )
    batches = tlkit.make_batches(
        one_image, "train", 32, 8, tlkit.Augmentation(), seed=0
    )
    views = {images.tobytes() for images, _ in passes(batches, 5)}
    assert len(views) == 5


@pytest.mark.parametrize("split", ["validation", "test"])
def test_only_training_images_are_augmented(pets, split):
    with pytest.raises(UsageError, match="Only training images"):
        tlkit.make_batches(pets, split, 32, 8, tlkit.Augmentation(), 0)
    with pytest.raises(UsageError, match="Only training images"):
        tlkit.make_batches(pets, "train", 32, 8, tlkit.Augmentation())


def test_arrays_are_batched_like_files():
    images = np.random.default_rng(0).integers(
        0, 256, (7, 9, 11, 3), dtype=np.uint8
    )
    split = Split(images, np.arange(7) % 2, tuple("0123456"))
    data = DatasetIndex("x", "x", ("a", "b"), {"test": split})
    ((found, labels),) = passes(tlkit.make_batches(data, "test", (9, 11), 3), 1)
    np.testing.assert_array_equal(found, images)
    assert labels.tolist() == [0, 1, 0, 1, 0, 1, 0]


class UnevenSplit(Split):
    """Every fourth image takes its time."""

    def read(self, row, image_size=None):
        time.sleep(0.02 if row % 4 == 0 else 0)
        return super().read(row, image_size)


def test_a_slow_image_is_not_overtaken():
    images = np.random.default_rng(0).integers(
        0, 256, (24, 4, 4, 3), dtype=np.uint8
    )
    split = UnevenSplit(images, np.arange(24), tuple(map(str, range(24))))
    data = DatasetIndex("x", "x", tuple(map(str, range(24))), {"test": split})
    ((found, labels),) = passes(tlkit.make_batches(data, "test", 4, 5), 1)
    np.testing.assert_array_equal(found, images)
    assert labels.tolist() == list(range(24))


def test_impossible_arguments_are_refused(pets):
    for arguments in [
        ("exam", 32, 8),
        ("train", 0, 8),
        ("train", 32, 0),
    ]:
        with pytest.raises(UsageError):
            tlkit.make_batches(pets, *arguments)
    with pytest.raises(UsageError, match="negative"):
        tlkit.make_batches(pets, "train", 32, 8, seed=-1)


def test_a_file_that_vanishes_is_named_in_training(tmp_path):
    counts = {"train": 8, "validation": 4, "test": 4}
    folder = write_sample(tmp_path / "pets", counts, image_size=48)
    data = tlkit.load_dataset(folder)
    gone = data.split("train").images[5]
    gone.write_bytes(b"overwritten")
    model = keras.Sequential(
        [
            keras.Input((48, 48, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    recipe = ResolvedRecipe(learning_rate=1e-3, epochs=1)
    compile_model(model, recipe, steps=2)
    with pytest.raises(TlkitError, match="Cannot read this image") as caught:
        fit(
            model,
            tlkit.make_batches(data, "train", 48, 4, seed=0),
            tlkit.make_batches(data, "validation", 48, 4),
            recipe,
            [],
        )
    assert gone.name in str(caught.value)
    assert "Traceback" not in str(caught.value)


class NotingViews(tlkit.Augmentation):
    """Changes nothing, and notes which views are asked for."""

    def __call__(self, image, *, seed, image_id, view):
        NotingViews.asked.append((seed, image_id, view))
        return image


def test_fit_shows_view_0_in_its_first_epoch_and_each_image_once(pets):
    # Keras looks at a batch before it builds a model: that must not use up
    # an epoch's views.
    NotingViews.asked = []
    model = keras.Sequential(
        [
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    compile_model(model, ResolvedRecipe(learning_rate=1e-3), steps=9)
    batches = tlkit.make_batches(pets, "train", 16, 8, NotingViews(), seed=5)
    history = model.fit(batches, epochs=3, verbose=0, shuffle=False)
    assert np.all(np.isfinite(history.history["loss"]))
    expected = [
        (5, int(digest[:15], 16), view)
        for view in range(3)
        for digest in pets.split("train").digests
    ]
    assert sorted(NotingViews.asked) == sorted(expected)


def test_views_are_those_of_the_augmentation_itself(pets):
    augmentation = tlkit.Augmentation()
    split = pets.split("train")
    batches = tlkit.make_batches(pets, "train", (24, 32), 8, augmentation, 7)
    for epoch, (images, labels) in enumerate(passes(batches, 2)):
        expected = {
            augmentation(
                split.read(row, (24, 32)),
                seed=7,
                image_id=int(split.digests[row][:15], 16),
                view=epoch,
            ).tobytes(): int(split.labels[row])
            for row in range(len(split))
        }
        found = {
            image.tobytes(): int(label)
            for image, label in zip(images, labels, strict=True)
        }
        assert found == expected


def test_gray_arrays_from_a_file_are_resized_and_augmented(tmp_path):
    images = np.random.default_rng(0).integers(
        0, 256, (60, 9, 9), dtype=np.uint8
    )
    labels = np.arange(60) % 2
    np.savez(
        tmp_path / "a.npz",
        x_train=images,
        y_train=labels,
        x_test=255 - images[:6],
        y_test=labels[:6],
    )
    data = tlkit.load_dataset(tmp_path / "a.npz")
    ((found, _),) = passes(tlkit.make_batches(data, "test", 9, 4), 1)
    np.testing.assert_array_equal(
        found, np.repeat(255 - images[:6, ..., None], 3, axis=-1)
    )
    train = tlkit.make_batches(data, "train", 20, 8, tlkit.Augmentation(), 0)
    ((found, found_labels),) = passes(train, 1)
    assert found.shape == (len(data.split("train")), 20, 20, 3)
    assert np.ptp(found, axis=-1).max() == 0
    counts = data.counts()["train"]
    assert np.bincount(found_labels).tolist() == [counts["0"], counts["1"]]


def test_a_strategy_of_the_user_gets_the_same_batches(pets):
    """TensorFlow would make batches of the size of a worker's chunks."""
    batches = tlkit.make_batches(pets, "train", 16, 10)
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    given = strategy.experimental_distribute_dataset(batches)
    for (images, labels), (same, equal) in zip(given, batches, strict=True):
        np.testing.assert_array_equal(images, same)
        np.testing.assert_array_equal(labels, equal)
