"""Conv bases with genuine ImageNet weights.

Runs where TLKIT_REAL_WEIGHTS names a folder with the files that
`keras.applications` distributes.
"""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from tlkit.base.errors import TlkitError
from tlkit.models.bases import build_base
from tlkit.models.freezing import freeze_below

FOLDER = Path(os.environ.get("TLKIT_REAL_WEIGHTS", ""))
V2 = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{}_224_no_top.h5"
FILES = [
    ("mobilenet_v2", 0.35, V2.format("0.35")),
    ("mobilenet_v2", 1.0, V2.format("1.0")),
    ("mobilenet", 0.75, "mobilenet_7_5_224_tf.h5"),
    ("mobilenet", 0.75, "mobilenet_7_5_224_tf_no_top.h5"),
]

pytestmark = pytest.mark.skipif(
    "TLKIT_REAL_WEIGHTS" not in os.environ,
    reason="TLKIT_REAL_WEIGHTS names no folder of weights",
)


def file_or_skip(name):
    if not (FOLDER / name).is_file():
        pytest.skip(f"{name} is not among the weights")
    return FOLDER / name


def drawn_images():
    """A disc on a gradient, and noise: unlike each other and not flat."""
    row, column = np.mgrid[0:150, 0:200]
    disc = (row - 70) ** 2 + (column - 90) ** 2 < 45**2
    gradient = np.stack([row, column, row + column], axis=-1) % 256
    gradient[disc] = (230, 120, 20)
    noise = np.random.default_rng(0).integers(0, 256, (150, 200, 3))
    return np.stack([gradient, noise]).astype("uint8")


@pytest.mark.parametrize(("name", "alpha", "file"), FILES)
def test_real_weights_load_and_give_features(name, alpha, file):
    path = file_or_skip(file)
    model = build_base(name, path, alpha=alpha)
    with h5py.File(path) as saved:
        kernel = model.layers[2].name, "kernel"
        first = np.asarray(saved[kernel[0]][kernel[0]][kernel[1]])
    np.testing.assert_array_equal(first, model.layers[2].get_weights()[0])
    features = np.asarray(model(drawn_images()))
    assert np.isfinite(features).all()
    assert features.std() > 0.01
    assert np.abs(features[0] - features[1]).mean() > 0.01


def test_a_top_makes_no_difference_to_the_base():
    files = [file for _, _, file in FILES[2:]]
    one, other = (
        build_base("mobilenet", file_or_skip(file), 128, alpha=0.75)
        for file in files
    )
    for left, right in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_the_wrong_width_is_told_by_the_shapes():
    path = file_or_skip(FILES[0][2])
    with pytest.raises(TlkitError) as caught:
        build_base("mobilenet_v2", path, alpha=1.0)
    message = str(caught.value)
    assert "not the weights of mobilenet_v2 with alpha=1.0" in message
    assert "(3, 3, 3, 32)" in message
    assert "(3, 3, 3, 16)" in message


def test_weights_of_mobilenet_are_not_those_of_mobilenet_v2():
    path = file_or_skip(FILES[3][2])
    with pytest.raises(TlkitError, match="not the weights of mobilenet_v2"):
        build_base("mobilenet_v2", path, alpha=0.75)


def test_real_weights_survive_freezing_and_work_at_any_size():
    path = file_or_skip(FILES[0][2])
    model = build_base("mobilenet_v2", path, (96, 128), alpha=0.35)
    before = model.get_weights()
    freeze_below(model, "block_13")
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert np.asarray(model(drawn_images())).shape == (2, 3, 4, 1280)
