"""Every way on real photographs of cats and dogs, shortened.

The lower bounds are what a broken pipeline does not reach; the full figures
are in the README.
"""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from given import DATA, NEED_BOTH, WEIGHTS

import tlkit

pytestmark = NEED_BOTH


@pytest.fixture(scope="module")
def photographs():
    return tlkit.load_dataset(Path(DATA) / "cats_vs_dogs")


@pytest.fixture(autouse=True, scope="module")
def own_store(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLKIT_STORE", str(tmp_path_factory.mktemp("store")))
        yield


def shortened(data, **counts):
    """The same data set with only so many images in each split."""
    splits = {}
    for name, count in counts.items():
        split = data.split(name)
        rows = np.linspace(0, len(split) - 1, count).astype(int)
        splits[name] = split.select(rows)
    return replace(data, splits=splits)


def mobilenet(alpha, image_size):
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels"
    return tlkit.Network(
        "mobilenet_v2",
        weights=str(Path(WEIGHTS) / f"{name}_{alpha}_224_no_top.h5"),
        image_size=image_size,
        alpha=alpha,
    )


def test_from_scratch(photographs, tmp_path):
    plan = tlkit.Plan(
        "scratch",
        tlkit.Network(image_size=96),
        recipe=tlkit.Recipe(epochs=8, learning_rate=5e-4),
    )
    data = shortened(photographs, train=1600, validation=300, test=500)
    run = tlkit.train(plan, data, tmp_path / "run")
    assert run.metrics["accuracy_interval"][0] > 0.52
    assert run.metrics["accuracy"] > 0.6


def test_fast_features(photographs, tmp_path):
    data = shortened(photographs, train=400, validation=200, test=300)
    plan = tlkit.Plan("features", mobilenet(1.0, 160))
    run = tlkit.train(plan, data, tmp_path / "run")
    assert run.metrics["accuracy"] > 0.94
    # Those of the test images alone are not there yet.
    assert tlkit.extract_features(plan, data).computed == 300
    assert tlkit.extract_features(plan, data).computed == 0


def test_augmented_extraction_and_fine_tuning(photographs, tmp_path):
    data = shortened(photographs, train=400, validation=200, test=300)
    plan = tlkit.Plan(
        "augmented", mobilenet(0.35, 160), recipe=tlkit.Recipe(epochs=3)
    )
    augmented = tlkit.train(plan, data, tmp_path / "augmented")
    assert augmented.metrics["accuracy"] > 0.86
    plan = tlkit.Plan(
        "finetune",
        recipe=tlkit.Recipe(epochs=2, learning_rate=1e-5),
        start=augmented,
    )
    tuned = tlkit.train(plan, data, tmp_path / "finetune")
    assert tuned.metrics["accuracy"] > 0.86


def test_the_embedded_base_learns_photographs(photographs, tmp_path):
    """It has seen formulas only; frozen it is weak, fine-tuned it is not."""
    data = shortened(photographs, train=500, validation=150, test=350)
    plan = tlkit.Plan(
        "augmented", tlkit.Network("minivgg"), recipe=tlkit.Recipe(epochs=6)
    )
    augmented = tlkit.train(plan, data, tmp_path / "augmented")
    assert augmented.metrics["accuracy"] > 0.64
    plan = tlkit.Plan(
        "finetune",
        recipe=tlkit.Recipe(epochs=12, patience=10),
        start=augmented,
    )
    tuned = tlkit.train(plan, data, tmp_path / "finetune")
    # The convnet from scratch comes to about 0.72 with as many.
    assert tuned.metrics["accuracy"] > 0.74


def test_vgg16_learns_fifteen_photographs_by_heart(photographs, tmp_path):
    """All routes with VGG16; its weights are random, its gradients are not."""
    data = shortened(photographs, train=15, validation=15, test=15)
    same = data.split("train")
    data = replace(data, splits=dict.fromkeys(data.splits, same))
    network = tlkit.Network("vgg16", "none", image_size=96, dropout=0.0)
    quick = tlkit.Recipe(epochs=40, batch_size=5, patience=40)
    two = replace(quick, epochs=2)
    plan = tlkit.Plan("features", network, recipe=quick)
    head = tlkit.train(plan, data, tmp_path / "features")
    assert head.metrics["accuracy"] == 1
    plan = tlkit.Plan("augmented", network, recipe=two)
    augmented = tlkit.train(plan, data, tmp_path / "augmented")
    plan = tlkit.Plan(
        "finetune", recipe=replace(two, learning_rate=1e-4), start=augmented
    )
    tuned = tlkit.train(plan, data, tmp_path / "finetune")
    before = keras.models.load_model(augmented.model_path)
    after = keras.models.load_model(tuned.model_path)
    moved = {
        layer.name
        for layer in before.layers
        for one, other in zip(
            layer.get_weights(),
            after.get_layer(layer.name).get_weights(),
            strict=True,
        )
        if not np.array_equal(one, other)
    }
    convolutions = {f"block5_conv{number}" for number in (1, 2, 3)}
    assert moved == convolutions | {"head_dense", "predictions"}
    network = tlkit.Network(image_size=96, dropout=0.0)
    plan = tlkit.Plan("scratch", network, recipe=quick)
    scratch = tlkit.train(plan, data, tmp_path / "scratch")
    assert scratch.metrics["accuracy"] == 1
