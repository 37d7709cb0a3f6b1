"""The embedded base: small, whole, and worth something."""

import hashlib
from importlib.resources import files

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tlkit
from tlkit.base.errors import TlkitError, UsageError
from tlkit.drawn.sample import draw_pets
from tlkit.models import minivgg

WEIGHTS = files("tlkit.models") / "minivgg.weights.h5"


@pytest.fixture(scope="module")
def base():
    return tlkit.build_base("minivgg")


def test_it_is_a_small_vgg(base):
    convolutions = [
        layer for layer in base.layers if isinstance(layer, keras.layers.Conv2D)
    ]
    # (k_w k_h c_in + 1) c_out, summed by hand.
    by_hand = 896 + 18_496 + 73_856 + 4 * 147_584
    assert base.count_params() == by_hand <= 700_000
    assert all(layer.kernel_size == (3, 3) for layer in convolutions)
    pools = [x for x in base.layers if isinstance(x, keras.layers.MaxPooling2D)]
    assert len(pools) == 5
    assert base.output_shape[1:] == (3, 3, 128)
    assert tlkit.build_base("minivgg", "none", 128).output_shape[1:3] == (4, 4)


def test_the_file_is_small_and_the_one_that_is_described():
    content = WEIGHTS.read_bytes()
    assert len(content) <= 1_500_000
    about = minivgg.packaged_weights()
    assert about["sha256"] == hashlib.sha256(content).hexdigest()
    assert about["licence"].startswith("Apache-2.0")


def test_the_features_are_those_of_plain_numpy(base):
    """Convolution, ReLU and pooling written out, on one small picture."""
    pixels = np.random.default_rng(3).integers(0, 256, (1, 32, 32, 3), "uint8")
    x = pixels.astype("float64") / 127.5 - 1
    for block, (_, convolutions) in enumerate(minivgg.BLOCKS, start=1):
        for number in range(1, convolutions + 1):
            layer = base.get_layer(f"block{block}_conv{number}")
            kernel, bias = layer.get_weights()
            padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
            windows = np.lib.stride_tricks.sliding_window_view(
                padded, (3, 3), axis=(1, 2)
            )
            x = np.einsum("bhwcij,ijcd->bhwd", windows, kernel) + bias
            x = np.maximum(x, 0)
        batch, height, width, channels = x.shape
        x = x.reshape(batch, height // 2, 2, width // 2, 2, channels)
        x = x.max(axis=(2, 4))
    small = tlkit.build_base("minivgg", image_size=32)
    found = np.asarray(small(pixels))
    assert x.max() > 0
    np.testing.assert_allclose(found, x, atol=1e-4 * x.max())


def linear_probe(base, train, test):
    pooled = keras.layers.GlobalAveragePooling2D()(base.output)
    model = keras.Model(base.input, pooled)
    probe = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.1, max_iter=1000)
    )
    probe.fit(model.predict(train[0], verbose=0), train[1])
    return probe.score(model.predict(test[0], verbose=0), test[1])


def test_it_sees_what_tells_drawn_cats_from_dogs(base):
    """Neither is among the classes it was trained on."""
    train, test = draw_pets(200, 96, seed=31)[:2], draw_pets(300, 96, 32)[:2]
    keras.utils.set_random_seed(0)
    random = linear_probe(tlkit.build_base("minivgg", "none"), train, test)
    embedded = linear_probe(base, train, test)
    assert embedded > 0.85
    assert embedded > random + 0.15


def test_damaged_weights_are_noticed(monkeypatch):
    about = {**minivgg.packaged_weights(), "sha256": "0" * 64}
    monkeypatch.setattr(minivgg, "packaged_weights", lambda: about)
    with pytest.raises(TlkitError, match="damaged"):
        tlkit.build_base("minivgg")


def test_there_is_no_top_and_no_other_name():
    pixels = keras.Input((None, None, 3))
    for wrong in ({"include_top": True}, {"weights": "imagenet"}):
        with pytest.raises(ValueError, match="Received"):
            minivgg.MiniVGG(pixels, **wrong)
    with pytest.raises(UsageError, match="32 pixels or more"):
        tlkit.build_base("minivgg", image_size=31)
    with pytest.raises(UsageError, match="this width"):
        tlkit.build_base("minivgg", alpha=0.5)
