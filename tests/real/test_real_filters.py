"""Activations and filter patterns of MobileNet with its ImageNet weights.

Runs where TLKIT_REAL_WEIGHTS names a folder with the files that
`keras.applications` distributes.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from tlkit.explain.activations import activations, dead_channels
from tlkit.explain.filters import filter_patterns
from tlkit.models.bases import build_base

FILE = "mobilenet_7_5_224_tf_no_top.h5"
PATH = Path(os.environ.get("TLKIT_REAL_WEIGHTS", "")) / FILE

pytestmark = pytest.mark.skipif(
    "TLKIT_REAL_WEIGHTS" not in os.environ or not PATH.is_file(),
    reason="TLKIT_REAL_WEIGHTS names no folder with MobileNet's weights",
)


@pytest.fixture(scope="module")
def mobilenet():
    return build_base("mobilenet", PATH, 128, alpha=0.75)


def test_patterns_excite_deep_filters_more_than_anything_else(mobilenet):
    filters, layer = [0, 3, 4, 6], "conv_pw_8_relu"
    patterns = filter_patterns(mobilenet, layer, filters)
    noise = np.random.default_rng(0).integers(0, 256, (8, 128, 128, 3))
    silence = activations(mobilenet, noise, [layer])[layer]
    answers = activations(mobilenet, patterns, [layer])[layer]
    for place, index in enumerate(filters):
        own = answers[place, ..., index].mean()
        # One of these is at 2.1 for noise already, and ReLU6 ends at 6.
        assert own > 2 * silence[..., index].mean()
        others = np.delete(answers[..., index].mean(axis=(1, 2)), place)
        assert own > 1.5 * others.max()


def test_filters_that_tell_nothing_are_found_both_ways(mobilenet):
    # A good third of the first layer's filters are switched off.
    images = np.random.default_rng(1).integers(0, 256, (8, 128, 128, 3))
    images[:4] = images[:4, :1, :1]  # flat colours too
    dead = dead_channels(mobilenet, images, ["conv1_relu"])["conv1_relu"]
    assert 0.25 < dead.mean() < 0.5
    chosen = np.flatnonzero(dead)
    patterns = filter_patterns(mobilenet, "conv1_relu", chosen, size=64)
    assert (patterns == 128).all()
