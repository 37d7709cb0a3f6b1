"""Grad-CAM against its closed form, and on drawn pictures with masks."""

import keras
import numpy as np
import pytest

from tlkit.base.errors import TlkitError, UsageError
from tlkit.explain.methods.gradcam import grad_cam


@pytest.fixture(scope="module")
def pooled():
    """conv -> global average -> dense: here Grad-CAM is CAM."""
    keras.utils.set_random_seed(1)
    pixels = keras.Input((None, None, 3))
    x = keras.layers.Rescaling(1 / 255)(pixels)
    x = keras.layers.Conv2D(5, 3, strides=2, activation="relu", name="conv")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(3, activation="softmax", name="end")(x)
    return keras.Model(pixels, x)


IMAGES = np.random.default_rng(0).integers(0, 256, (4, 17, 17, 3), "uint8")


def class_activation_maps(model, images, label):
    """Zhou et al. (2016), equation 2: features weighted by the dense layer."""
    conv = keras.Model(model.input, model.get_layer("conv").output)
    features = np.asarray(conv(images.astype("float32")))
    kernel = np.asarray(model.get_layer("end").kernel)
    return np.maximum(features @ kernel[:, label], 0)


def scaled(maps, size):
    large = np.asarray(keras.ops.image.resize(maps[..., None], size))[..., 0]
    return large / np.maximum(large.max((1, 2), keepdims=True), 1e-12)


@pytest.mark.parametrize("label", [0, 1, 2])
def test_on_a_pooled_network_grad_cam_is_cam(pooled, label):
    expected = scaled(class_activation_maps(pooled, IMAGES, label), (17, 17))
    found = grad_cam(pooled, IMAGES, label)
    assert found.shape == (4, 17, 17)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_by_default_each_image_is_explained_by_its_own_class(pooled):
    best = pooled.predict(IMAGES.astype("float32"), verbose=0).argmax(axis=1)
    apart = [
        grad_cam(pooled, image[None], int(label))[0]
        for image, label in zip(IMAGES, best, strict=True)
    ]
    np.testing.assert_allclose(grad_cam(pooled, IMAGES), apart, atol=1e-5)


def test_a_sigmoid_unit_has_two_classes_and_opposite_maps():
    pixels = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(1, 1, use_bias=False, name="conv")(pixels)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(1, activation="sigmoid")(x)
    model = keras.Model(pixels, x)
    for layer in model.layers[1:]:
        layer.set_weights([np.ones_like(w) for w in layer.get_weights()])
    images = np.zeros((1, 8, 8, 1), "float32")
    images[0, 2, 3] = 5
    spot = grad_cam(model, images, 1)[0]
    assert np.unravel_index(spot.argmax(), spot.shape) == (2, 3)
    assert spot.sum() == 1
    # Nothing speaks for the other class: zeros, never NaN.
    assert not grad_cam(model, images, 0).any()


def test_the_model_stays_as_it_was(pooled):
    before = pooled.get_weights(), pooled.get_config()
    grad_cam(pooled, IMAGES)
    assert pooled.get_config() == before[1]
    for old, new in zip(before[0], pooled.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_frozen_layers_are_explained_too(pooled):
    expected = grad_cam(pooled, IMAGES, 1)
    for layer in pooled.layers:
        layer.trainable = False
    np.testing.assert_array_equal(grad_cam(pooled, IMAGES, 1), expected)
    for layer in pooled.layers:
        layer.trainable = True


def test_mistakes_are_named(pooled):
    with pytest.raises(UsageError, match="0 to 2"):
        grad_cam(pooled, IMAGES, 3)
    with pytest.raises(UsageError, match="Did you mean conv"):
        grad_cam(pooled, IMAGES, layer="convv")
    with pytest.raises(UsageError, match="no height and width"):
        grad_cam(pooled, IMAGES, layer="end")
    flat = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(TlkitError, match="does not take one image"):
        grad_cam(flat, np.zeros((1, 4)))
