"""Heat maps of photographs: what the network needs is what is hot."""

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from given import DATA, NEED_BOTH, WEIGHTS

import tlkit
from tlkit.explain.methods.gradcam import grad_cam
from tlkit.explain.methods.registry import draw_heat_maps
from tlkit.explain.trials.faithfulness import (
    area_under_curve,
    deletion_curve,
    insertion_curve,
)
from tlkit.explain.trials.pointing import random_maps

SCRIPT = Path(__file__).parents[2] / "scripts" / "explain_imagenet.py"
pytestmark = NEED_BOTH


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A classifier on MobileNetV2's features, and 120 test photographs."""
    data = tlkit.load_dataset(Path(DATA) / "cats_vs_dogs")
    counts = {"train": 400, "validation": 100, "test": 120}
    splits = {}
    for name, count in counts.items():
        split = data.split(name)
        rows = np.linspace(0, len(split) - 1, count).astype(int)
        splits[name] = split.select(rows)
    data = replace(data, splits=splits)
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"
    network = tlkit.Network(
        "mobilenet_v2", Path(WEIGHTS) / name, 96, alpha=0.35
    )
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("explained")
        patch.setenv("TLKIT_STORE", str(folder / "store"))
        plan = tlkit.Plan("features", network)
        run = tlkit.train(plan, data, folder / "run")
    model = tlkit.load_classifier(run.path).model
    test = data.split("test")
    return model, np.stack([test.read(row, 96) for row in range(len(test))])


def areas(judged, maps):
    model, images = judged
    return tuple(
        area_under_curve(curve(model, images, maps, steps=10)).mean()
        for curve in (deletion_curve, insertion_curve)
    )


def by_lot(judged, side):
    """Random maps as coarse as those they are compared with."""
    return areas(judged, random_maps(judged[1].shape[:3], (side, side)))


def test_what_grad_cam_shows_is_what_the_network_needs(judged):
    """Deletion alone hardly tells a map of 3x3 cells from one by lot."""
    maps = grad_cam(*judged)
    deletion, insertion = areas(judged, maps)
    lots = by_lot(judged, 3)
    assert insertion > lots[1]
    assert insertion - deletion > lots[1] - lots[0] + 0.02
    assert deletion < areas(judged, 1 - maps)[0] - 0.02


def test_smoothgrad_finds_pixels_that_the_network_needs(judged):
    few = judged[0], judged[1][:60]
    deletion, insertion = areas(few, draw_heat_maps(*few, "smoothgrad"))
    lots = by_lot(few, 96)
    assert insertion - deletion > lots[1] - lots[0] + 0.02


def test_imagenet_names_cats_and_dogs_and_looks_at_something():
    script = runpy.run_path(str(SCRIPT))
    weights = Path(WEIGHTS) / "mobilenet_7_5_224_tf.h5"
    model = script["load_mobilenet"](weights)
    images = script["read_photographs"](Path(DATA) / "cats_vs_dogs")
    chosen = model.predict_on_batch(images).argmax(axis=1)
    dogs = np.isin(chosen, script["DOGS"])
    # Boxes, buckets and a skunk are named for some of the cats.
    assert dogs[10:].sum() >= 9
    assert not dogs[:10].any()
    assert np.isin(chosen[:10], script["CATS"]).sum() >= 5
    maps = grad_cam(model, images)
    np.testing.assert_allclose(maps.max(axis=(1, 2)), 1, atol=1e-6)
    hot = (maps > 0.5).mean(axis=(1, 2))
    assert hot.min() > 0.02
    assert hot.max() < 0.8
