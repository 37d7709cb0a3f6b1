"""The base runs once, and nothing stale is ever read."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest

import tlkit
from tlkit.data.make import write_sample
from tlkit.features.extract import store_folder

NETWORK = tlkit.TransferNetwork("minivgg", image_size=32, pooling="average")
FLOAT32 = tlkit.Training(precision="float32", batch_size=8)


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "pets"
    counts = {"train": 20, "validation": 10, "test": 10}
    return tlkit.load_dataset(write_sample(folder, counts, image_size=48))


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("TLKIT_STORE", str(tmp_path / "store"))


def test_features_are_what_the_base_gives(pets):
    features = tlkit.extract_features(pets, NETWORK, FLOAT32)
    assert features.computed == 40
    images = np.stack([pets.split("train").read(row, 32) for row in range(20)])
    maps = features.base.predict(images, verbose=0)
    np.testing.assert_allclose(
        features.arrays["train"], maps.mean(axis=(1, 2)), atol=1e-5
    )
    assert features.arrays["test"].shape == (10, 128)
    assert features.arrays["train"].dtype == np.float32


def test_a_second_run_computes_nothing(pets):
    first = tlkit.extract_features(pets, NETWORK, FLOAT32)
    again = tlkit.extract_features(pets, NETWORK, FLOAT32)
    assert again.computed == 0
    np.testing.assert_array_equal(first.arrays["train"], again.arrays["train"])


@pytest.mark.parametrize(
    "change",
    [
        {"image_size": 40},
        {"pooling": "max"},
        {"weights": "none"},
    ],
    ids=str,
)
def test_another_network_is_computed_anew(pets, change):
    tlkit.extract_features(pets, NETWORK, FLOAT32)
    other = tlkit.extract_features(pets, replace(NETWORK, **change), FLOAT32)
    assert other.computed == 40


def test_other_weights_are_computed_anew(pets):
    random = replace(NETWORK, weights="none")
    tlkit.extract_features(pets, random, FLOAT32)
    other = replace(FLOAT32, seed=1)  # another seed, other random weights
    assert tlkit.extract_features(pets, random, other).computed == 40


def test_only_the_split_that_changed_is_computed_anew(pets, tmp_path):
    tlkit.extract_features(pets, NETWORK, FLOAT32)
    fewer = replace(
        pets,
        splits={
            **pets.splits,
            "test": pets.split("test").select(np.arange(4)),
        },
    )
    assert tlkit.extract_features(fewer, NETWORK, FLOAT32).computed == 4


def test_a_damaged_file_is_noticed_and_computed_again(pets):
    first = tlkit.extract_features(pets, NETWORK, FLOAT32)
    kept = np.array(first.arrays["train"])
    for path in store_folder().glob("*/features.npy"):
        content = bytearray(path.read_bytes())
        content[-5] ^= 1
        path.write_bytes(content)
    again = tlkit.extract_features(pets, NETWORK, FLOAT32)
    assert again.computed == 40
    np.testing.assert_array_equal(again.arrays["train"], kept)


def test_without_a_manifest_nothing_counts(pets):
    tlkit.extract_features(pets, NETWORK, FLOAT32)
    for path in store_folder().glob("*/manifest.json"):
        path.unlink()
    assert tlkit.extract_features(pets, NETWORK, FLOAT32).computed == 40


def test_the_manifest_says_what_the_features_are(pets):
    tlkit.extract_features(pets, NETWORK, FLOAT32)
    manifests = [
        json.loads(path.read_text())
        for path in store_folder().glob("*/manifest.json")
    ]
    assert sorted(m["count"] for m in manifests) == [10, 10, 20]
    assert {m["base"] for m in manifests} == {"minivgg"}
    assert {tuple(m["image_size"]) for m in manifests} == {(32, 32)}


def test_the_head_learns_what_the_joined_model_then_says(pets, tmp_path):
    features = tlkit.extract_features(pets, NETWORK, FLOAT32)
    run = tlkit.train_on_features(features, FLOAT32, tmp_path / "run")
    assert run.metrics["training"]["join_difference"] < 1e-5
    assert run.metrics["training"]["images_through_base"] == 40
    model = keras.models.load_model(run.model_path)
    names = [layer.name for layer in model.layers]
    assert names[-3:] == ["head_dense", "head_dropout", "predictions"]
