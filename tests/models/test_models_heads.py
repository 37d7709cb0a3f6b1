"""Heads: the same on stored features as on the base."""

import keras
import numpy as np
import pytest

from tlkit.base.errors import TlkitError, UsageError
from tlkit.models.bases import build_base
from tlkit.models.freezing import freeze_all
from tlkit.models.heads import (
    HeadSpec,
    attach_head,
    build_head,
    copy_head_weights,
    pool_features,
)
from tlkit.models.precision import with_precision


@pytest.fixture(scope="module")
def base():
    keras.utils.set_random_seed(1)
    return build_base("mobilenet_v2", "none", image_size=(64, 96), alpha=0.35)


@pytest.fixture(scope="module")
def pixels():
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (3, 80, 70, 3), dtype="uint8")


def randomise(model, seed=0):
    rng = np.random.default_rng(seed)
    model.set_weights(
        [rng.normal(0, 0.1, w.shape).astype("float32") for w in model.weights]
    )


@pytest.mark.parametrize("pooling", ["flatten", "average", "max"])
def test_pooling_is_what_numpy_says(pooling):
    feature_map = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    inputs = keras.Input((3, 4, 5))
    pool = keras.Model(inputs, pool_features(inputs, pooling))
    expected = {
        "flatten": feature_map.reshape(2, 60),
        "average": feature_map.mean(axis=(1, 2)),
        "max": feature_map.max(axis=(1, 2)),
    }
    np.testing.assert_allclose(
        np.asarray(pool(feature_map)), expected[pooling], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("pooling", ["flatten", "average", "max"])
@pytest.mark.parametrize("units", [16, 0])
def test_a_head_trained_on_features_is_the_same_on_the_base(
    base, pixels, pooling, units
):
    spec = HeadSpec(classes=3, pooling=pooling, units=units)
    pooled = keras.Model(base.input, pool_features(base.output, pooling))
    head = build_head(pooled.output.shape[1:], spec)
    randomise(head)
    joined = attach_head(base, spec)
    copy_head_weights(head, joined)
    from_store = np.asarray(head(np.asarray(pooled(pixels))))
    end_to_end = np.asarray(joined(pixels))
    np.testing.assert_allclose(end_to_end, from_store, rtol=1e-6, atol=1e-7)
    assert end_to_end.std(axis=1).min() > 0


def test_a_head_may_also_stand_on_stored_feature_maps(base, pixels):
    spec = HeadSpec(classes=2, pooling="average", units=8)
    on_vectors = build_head((1280,), spec)
    on_maps = build_head(base.output.shape[1:], spec)
    randomise(on_vectors)
    copy_head_weights(on_vectors, on_maps)
    feature_map = np.asarray(base(pixels))
    np.testing.assert_allclose(
        np.asarray(on_maps(feature_map)),
        np.asarray(on_vectors(feature_map.mean(axis=(1, 2)))),
        rtol=1e-5,
    )


def test_logistic_regression_has_one_layer_and_its_closed_form():
    head = build_head((7,), HeadSpec(classes=3, units=0))
    randomise(head, seed=5)
    kernel, bias = head.get_weights()
    features = np.random.default_rng(1).normal(size=(4, 7))
    scores = np.exp(features @ kernel + bias)
    expected = scores / scores.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(head(features)), expected, 1e-5)
    assert [x.name for x in head.layers] == ["features", "predictions"]


@pytest.mark.parametrize("units", [8, 0])
def test_l2_adds_the_squares_of_all_kernels_of_the_head(units):
    head = build_head((7,), HeadSpec(classes=3, units=units, l2=1e-2))
    randomise(head, seed=2)
    kernels = [w for w in head.get_weights() if w.ndim == 2]
    assert len(kernels) == (2 if units else 1)
    expected = 1e-2 * sum((kernel**2).sum() for kernel in kernels)
    assert float(sum(head.losses)) == pytest.approx(expected, rel=1e-5)
    plain = build_head((7,), HeadSpec(classes=3, units=units))
    assert not plain.losses


def test_names_and_parameters_of_the_books_head():
    # Deep Learning with Python, listing 5.19, has 2,097,665 with one unit.
    head = build_head((4 * 4 * 512,), HeadSpec(classes=2))
    assert head.count_params() == 2_097_665 + 256 + 1
    assert [x.name for x in head.layers] == [
        *("features", "head_dense", "head_dropout", "predictions")
    ]


def test_the_joined_model_is_flat_reloads_to_the_bit_and_sums_to_one(
    base, pixels, tmp_path
):
    joined = attach_head(base, HeadSpec(classes=2, pooling="average"))
    joined.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert not any(isinstance(x, keras.Model) for x in again.layers)
    assert again.get_layer("block_13_expand").output.shape[1:] == (4, 6, 192)
    rows = again.predict(pixels, verbose=0)
    np.testing.assert_array_equal(rows, joined.predict(pixels, verbose=0))
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)


def test_the_base_is_shared_and_its_flags_hold_in_the_joined_model(base):
    freeze_all(base)
    joined = attach_head(base, HeadSpec(classes=2, pooling="max", units=4))
    trained = [x.name for x in joined.layers if x.trainable_weights]
    assert trained == ["head_dense", "predictions"]


def test_pooling_and_probabilities_stay_float32_in_mixed_precision(
    base, pixels
):
    joined = attach_head(base, HeadSpec(classes=2, pooling="average", units=4))
    mixed = with_precision(joined, "mixed_bfloat16")
    kept = [x.name for x in mixed.layers if x.compute_dtype == "float32"]
    assert kept == ["pixels", "resize", "pool", "predictions"]
    rows = np.asarray(mixed(pixels))
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("pooling", ["flatten", "average"])
def test_probabilities_are_float32_when_built_under_a_mixed_policy(pooling):
    feature_map = np.random.default_rng(0).normal(0, 9, (50, 2, 2, 32))
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        spec = HeadSpec(classes=7, pooling=pooling, units=8)
        head = build_head((2, 2, 32), spec)
    finally:
        keras.config.set_dtype_policy("float32")
    assert head.get_layer("head_dense").compute_dtype == "bfloat16"
    rows = np.asarray(head(feature_map))
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)
    name = "flatten" if pooling == "flatten" else "pool"
    assert head.get_layer(name).compute_dtype == "float32"


@pytest.mark.parametrize(
    "other",
    [
        HeadSpec(classes=2, units=9),
        HeadSpec(classes=3, units=8),
        HeadSpec(classes=2, units=0),
    ],
)
def test_a_different_head_is_refused_and_nothing_is_copied(other):
    target = build_head((5,), HeadSpec(classes=2, units=8))
    before = target.get_weights()
    with pytest.raises(TlkitError, match="not the same"):
        copy_head_weights(build_head((5,), other), target)
    for old, new in zip(before, target.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    "wrong",
    [
        {"classes": 1},
        {"pooling": "mean"},
        {"units": -1},
        {"dropout": 1},
        {"dropout": -0.1},
        {"l2": -1e-4},
        {"l2": float("nan")},
        {"l2": float("inf")},
    ],
)
def test_specs_outside_their_range_are_refused(wrong):
    with pytest.raises(UsageError):
        HeadSpec(**{"classes": 2, **wrong})


def test_a_shape_that_is_neither_vector_nor_map_is_refused():
    with pytest.raises(UsageError, match="feature_shape"):
        build_head((4, 5), HeadSpec(classes=2))
