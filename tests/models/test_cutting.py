"""The two parts of a model, one after the other, are the model."""

import keras
import numpy as np
import pytest

from tlkit.models.bases import BASES, build_base
from tlkit.models.cutting import cut_model
from tlkit.models.heads import HeadSpec, attach_head

QUICK = ("minivgg", "vgg16", "mobilenet")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in BASES
    ],
)
def test_a_model_can_be_cut_where_fine_tuning_begins(name):
    spec = BASES[name]
    size = max(spec.smallest_size, 48)
    base = build_base(name, "none", size)
    model = attach_head(base, HeadSpec(3, "average", units=0))
    images = np.random.default_rng(0).integers(0, 256, (2, 60, 50, 3))
    whole = model.predict(images, verbose=0)
    for layer in (spec.fine_tune_from, "predictions"):
        cut = cut_model(model, layer)
        given = cut.prefix.predict(images, verbose=0)
        np.testing.assert_allclose(
            cut.suffix.predict(given, verbose=0), whole, atol=1e-6
        )
        count = len(cut.prefix.weights) + len(cut.suffix.weights)
        assert count == len(model.weights)
        assert cut.at.partition(" ")[0] in {x.name for x in model.layers}
    # The whole model is still one flat graph of its own.
    assert keras.Model.from_config(model.get_config()).count_params()


def test_what_the_suffix_learns_the_whole_model_knows():
    model = attach_head(build_base("minivgg", "none", 32), HeadSpec(2))
    cut = cut_model(model, "block5")
    images = np.zeros((1, 32, 32, 3), np.uint8)
    before = model.predict(images, verbose=0)
    cut.suffix.get_layer("predictions").bias.assign([1.0, -1.0])
    assert not np.allclose(model.predict(images, verbose=0), before)


def test_no_cut_through_a_residual_block():
    base = build_base("mobilenet_v2", "none", 32)
    model = attach_head(base, HeadSpec(2))
    assert cut_model(model, "block_14_project") is None
    assert cut_model(model, "block_14") is not None
