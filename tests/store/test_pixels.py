"""Kept pixels are the decoded ones, and training does not notice."""

import shutil

import numpy as np
import pytest
from PIL import Image

import tlkit
from tlkit.data.decode import resize_image
from tlkit.data.index import Split
from tlkit.drawn.make import write_sample
from tlkit.reuse.classifier import Classifier
from tlkit.store.housekeeping import list_store
from tlkit.store.pixels import keep_pixels
from tlkit.tensor.pipeline import make_batches

COUNTS = {"train": 20, "validation": 10, "test": 6}


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "pets"
    return tlkit.load_dataset(write_sample(folder, COUNTS, image_size=60))


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("TLKIT_STORE", str(tmp_path / "store"))


@pytest.fixture
def decoded(monkeypatch):
    """The rows that have been decoded so far."""
    rows, real = [], Split.read

    def read(self, row, image_size=None):
        rows.append(row)
        return real(self, row, image_size)

    monkeypatch.setattr(Split, "read", read)
    return rows


def test_what_is_kept_is_what_is_decoded(pets, decoded):
    kept = keep_pixels(pets, (48, 40))
    assert set(kept) == {"train", "validation"}
    assert len(decoded) == 30
    for name, read in kept.items():
        for row in range(COUNTS[name]):
            expected = pets.split(name).read(row, (48, 40))
            np.testing.assert_array_equal(read(row), expected)
    del decoded[:]
    keep_pixels(pets, (48, 40))
    assert decoded == []
    keep_pixels(pets, (40, 48))
    assert len(decoded) == 30
    assert [entry.rows for entry in list_store()] == [30, 30]


def test_batches_are_the_same_from_kept_pixels(pets):
    read = keep_pixels(pets, (32, 32))["train"]
    how = (pets, "train", 32, 8, tlkit.Augmentation(), 5)
    plain, kept = make_batches(*how), make_batches(*how, read)
    for _ in range(2):
        for one, other in zip(plain, kept, strict=True):
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])


def train(pets, folder):
    plan = tlkit.Plan(
        "scratch",
        tlkit.Network(image_size=48),
        tlkit.Augmentation(),
        recipe=tlkit.Recipe(epochs=3, batch_size=10),
    )
    return tlkit.train(plan, pets, folder)


def test_each_picture_is_decoded_once_and_the_model_is_the_same(
    pets, decoded, tmp_path, monkeypatch, capsys
):
    kept = train(pets, tmp_path / "kept")
    # Once for training; the final measurement reads the files themselves.
    assert len(decoded) == 30 + 10 + 6
    assert "once for all" in capsys.readouterr().err
    monkeypatch.setenv("TLKIT_STORE_CAP", "100K")
    monkeypatch.setenv("TLKIT_STORE", str(tmp_path / "small"))
    del decoded[:]
    streamed = train(pets, tmp_path / "streamed")
    assert len(decoded) >= 3 * 30 + 10 + 6
    assert "each epoch decodes them again" in capsys.readouterr().err
    assert list_store() == []
    assert kept.history["val_loss"] == streamed.history["val_loss"]


def test_a_full_disk_does_not_matter_where_all_is_kept(pets, monkeypatch):
    kept = keep_pixels(pets, (48, 48))
    full = shutil.disk_usage("/")._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    again = keep_pixels(pets, (48, 48))
    assert set(again) == set(kept) == {"train", "validation"}
    np.testing.assert_array_equal(again["train"](3), kept["train"](3))
    assert keep_pixels(pets, (40, 48)) == {}


def test_arrays_need_no_keeping(pets):
    sample = tlkit.load_dataset("cartoon")
    assert keep_pixels(sample, (32, 32)) == {}
    assert list_store() == []


class Looking:
    """A model that keeps what it is shown."""

    def predict_on_batch(self, images):
        self.seen = images
        return np.ones((len(images), 2)) / 2


def test_training_store_and_prediction_see_the_same_pixels(
    tmp_path_factory,
):
    # Large enough for JPEG files to be decoded at a half.
    folder = tmp_path_factory.mktemp("data") / "large"
    draw_folder(folder, shape=(130, 170))
    data = tlkit.load_dataset(folder, test_fraction=0)
    split = data.split("train")
    reduced = np.stack([split.read(row, (60, 80)) for row in range(len(split))])
    whole = [resize_image(split.read(0), (60, 80))]
    assert not np.array_equal(reduced[:1], whole)
    kept = keep_pixels(data, (60, 80))["train"]
    model = Looking()
    classifier = Classifier(model, ("a", "b"), (60, 80), frozenset(), folder)
    classifier.predict(list(split.images))
    ((batch, _),) = make_batches(data, "train", (60, 80), len(split))
    for seen in (batch, [kept(row) for row in range(len(split))], model.seen):
        np.testing.assert_array_equal(seen, reduced)


def draw_folder(folder, shape):
    noise = np.random.default_rng(0)
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for number in range(8):
            pixels = noise.integers(0, 256, (*shape, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.jpg")
