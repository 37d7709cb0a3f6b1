"""Every method against its formula, worked out by hand in float64.

The network is a 1x1 convolution with a ReLU and a dense layer on the whole
feature map: a score's gradient is that layer's weights, whatever the image.
"""

import keras
import numpy as np
import pytest

from tlkit.base.errors import UsageError
from tlkit.explain.methods.cam import class_activation_map
from tlkit.explain.methods.eigencam import eigen_cam
from tlkit.explain.methods.gradcam import grad_cam
from tlkit.explain.methods.gradcam_plus_plus import grad_cam_plus_plus
from tlkit.explain.methods.guided import guided_grad_cam, guided_gradients
from tlkit.explain.methods.layercam import layer_cam
from tlkit.explain.methods.registry import METHODS, draw_heat_maps
from tlkit.explain.methods.scorecam import score_cam
from tlkit.explain.methods.smooth_gradcam_plus_plus import (
    smooth_grad_cam_plus_plus,
)
from tlkit.explain.methods.sscam import ss_cam
from tlkit.explain.opened.gradients import map_gradients, pixel_gradients
from tlkit.explain.opened.network import OpenNetwork

layers = keras.layers
SIDE, CHANNELS, CLASSES = 6, 4, 3
SEED = 4
IMAGES = np.random.default_rng(0).uniform(0, 1, (2, SIDE, SIDE, 3))


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(SEED)
    pixels = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(CHANNELS, 1, activation="relu", name="conv")(pixels)
    x = layers.Dense(CLASSES, activation="softmax")(layers.Flatten()(x))
    return keras.Model(pixels, x)


def weights_of(model, label):
    """Features' weights `(height, width, channels)` of a class, float64."""
    kernel = np.asarray(model.layers[-1].kernel, np.float64)
    return kernel[:, label].reshape(SIDE, SIDE, CHANNELS)


def features_of(model, image):
    kernel = np.asarray(model.get_layer("conv").kernel, np.float64)[0, 0]
    return np.maximum(image @ kernel, 0)


def scaled(values):
    values = np.maximum(values, 0)
    return values / max(values.max(), 1e-12)


@pytest.mark.parametrize("label", range(CLASSES))
def test_grad_cam(model, label):
    for image, found in zip(
        IMAGES, grad_cam(model, IMAGES, label), strict=True
    ):
        w, a = weights_of(model, label), features_of(model, image)
        expected = sum(w[..., k].mean() * a[..., k] for k in range(CHANNELS))
        np.testing.assert_allclose(found, scaled(expected), atol=1e-5)


def plus_plus(w, a):
    """Equation 19 and 5, term by term."""
    total = np.zeros((SIDE, SIDE))
    for k in range(CHANNELS):
        weight = 0.0
        for i in range(SIDE):
            for j in range(SIDE):
                g = w[i, j, k]
                below = 2 * g**2 + a[..., k].sum() * g**3
                weight += g**2 / below * max(g, 0)
        total += weight * a[..., k]
    return scaled(total)


@pytest.mark.parametrize("label", range(CLASSES))
def test_grad_cam_plus_plus(model, label):
    for image, found in zip(
        IMAGES, grad_cam_plus_plus(model, IMAGES, label), strict=True
    ):
        expected = plus_plus(
            weights_of(model, label), features_of(model, image)
        )
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_smooth_grad_cam_plus_plus_of_steady_gradients_is_grad_cam_plus_plus(
    model,
):
    found = smooth_grad_cam_plus_plus(model, IMAGES, 1, samples=3, noise=0.5)
    for image, map_ in zip(IMAGES, found, strict=True):
        expected = plus_plus(weights_of(model, 1), features_of(model, image))
        np.testing.assert_allclose(map_, expected, atol=1e-4)


@pytest.mark.parametrize("label", range(CLASSES))
def test_layer_cam(model, label):
    for image, found in zip(
        IMAGES, layer_cam(model, IMAGES, label), strict=True
    ):
        w, a = weights_of(model, label), features_of(model, image)
        expected = (np.maximum(w, 0) * a).sum(axis=2)
        np.testing.assert_allclose(found, scaled(expected), atol=1e-5)


def logits(model, image):
    kernel = np.asarray(model.layers[-1].kernel, np.float64)
    return features_of(model, image).ravel() @ kernel


def score_weights(model, image, label, a):
    gains = []
    for k in range(CHANNELS):
        mask = a[..., k] - a[..., k].min()
        mask = mask / mask.max()
        shown = logits(model, image * mask[..., None])
        gains.append(shown[label] - logits(model, image * 0)[label])
    powers = np.exp(gains)
    return powers / powers.sum()


def test_score_cam(model):
    for image, found in zip(IMAGES, score_cam(model, IMAGES, 2), strict=True):
        a = features_of(model, image)
        expected = a @ score_weights(model, image, 2, a)
        np.testing.assert_allclose(found, scaled(expected), atol=1e-5)


def test_ss_cam_without_noise_is_score_cam(model):
    np.testing.assert_allclose(
        ss_cam(model, IMAGES, 0, samples=2, noise=0.0),
        score_cam(model, IMAGES, 0),
        atol=1e-6,
    )
    noisy = ss_cam(model, IMAGES, 0, samples=2, noise=0.5)
    assert not np.allclose(noisy, score_cam(model, IMAGES, 0), atol=1e-4)
    again = ss_cam(model, IMAGES, 0, samples=2, noise=0.5)
    np.testing.assert_array_equal(noisy, again)


def test_eigen_cam_is_the_first_singular_vector(model):
    for image, found in zip(IMAGES, eigen_cam(model, IMAGES), strict=True):
        flat = features_of(model, image).reshape(-1, CHANNELS)
        _, _, vectors = np.linalg.svd(flat, full_matrices=False)
        main = (flat @ vectors[0]).reshape(SIDE, SIDE)
        expected = main if main.sum() > 0 else -main
        np.testing.assert_allclose(found, scaled(expected), atol=1e-4)


def test_eigen_cam_of_more_channels_than_places():
    """As in deep layers; there the other side is decomposed."""
    keras.utils.set_random_seed(SEED)
    wide = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Conv2D(SIDE * SIDE + 4, 1, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    for image, found in zip(IMAGES, eigen_cam(wide, IMAGES), strict=True):
        flat = features_of(wide, image).reshape(SIDE * SIDE, -1)
        _, _, vectors = np.linalg.svd(flat, full_matrices=False)
        main = (flat @ vectors[0]).reshape(SIDE, SIDE)
        expected = main if main.sum() > 0 else -main
        np.testing.assert_allclose(found, scaled(expected), atol=1e-4)


def test_guided_gradients_pass_a_relu_both_ways_positive(model):
    found = guided_gradients(model, IMAGES, 1)
    kernel = np.asarray(model.get_layer("conv").kernel, np.float64)[0, 0]
    for image, gradient in zip(IMAGES, found, strict=True):
        passed = np.maximum(weights_of(model, 1), 0) * (
            features_of(model, image) > 0
        )
        np.testing.assert_allclose(gradient, passed @ kernel.T, atol=1e-5)


@pytest.mark.parametrize(
    "relu",
    [
        lambda x: layers.ReLU()(layers.Conv2D(4, 1)(x)),
        lambda x: layers.Activation("relu")(layers.Conv2D(4, 1)(x)),
        lambda x: keras.ops.relu(layers.Conv2D(4, 1)(x)),
        lambda x: layers.Conv2D(4, 1, activation="relu")(x),
    ],
    ids=["layer", "activation", "operation", "inside"],
)
def test_every_form_of_a_relu_is_guided(model, relu):
    pixels = keras.Input((SIDE, SIDE, 3))
    x = layers.Dense(CLASSES)(layers.Flatten()(relu(pixels)))
    other = keras.Model(pixels, x)
    other.set_weights(model.get_weights())
    np.testing.assert_allclose(
        guided_gradients(other, IMAGES, 1),
        guided_gradients(model, IMAGES, 1),
        atol=1e-6,
    )


def test_guided_grad_cam_is_the_product(model):
    product = grad_cam(model, IMAGES, 1) * np.abs(
        guided_gradients(model, IMAGES, 1)
    ).max(axis=3)
    expected = np.stack([scaled(one) for one in product])
    np.testing.assert_allclose(
        guided_grad_cam(model, IMAGES, 1), expected, atol=1e-6
    )


def test_guided_backpropagation_without_a_relu_is_refused():
    pixels = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(2, 1, activation="tanh")(pixels)
    smooth = keras.Model(pixels, layers.Dense(2)(layers.Flatten()(x)))
    with pytest.raises(UsageError, match="ReLUs"):
        guided_gradients(smooth, IMAGES)


def pooled(end):
    keras.utils.set_random_seed(7)
    pixels = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(CHANNELS, 3, activation="relu", name="conv")(pixels)
    return keras.Model(pixels, end(x))


ENDS = {
    "dense": lambda x: layers.Dense(3, activation="softmax")(
        layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    ),
    "convolution": lambda x: layers.Softmax()(
        layers.Reshape((3,))(
            layers.Conv2D(3, 1)(layers.GlobalAveragePooling2D(keepdims=True)(x))
        )
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_cam_adds_up_to_the_score_and_is_grad_cam(end):
    model = pooled(ENDS[end])
    features = np.asarray(
        keras.Model(model.input, model.get_layer("conv").output)(IMAGES),
        np.float64,
    )
    kernel = next(
        np.asarray(layer.kernel).reshape(CHANNELS, 3)
        for layer in model.layers[2:]
        if layer.weights
    )
    maps = features @ kernel[:, 2]
    # Zhou et al.: the map's mean is the score (without the bias, here 0).
    scores = np.asarray(OpenNetwork(model).scores(IMAGES.astype("float32")))
    np.testing.assert_allclose(maps.mean(axis=(1, 2)), scores[:, 2], atol=1e-5)
    found = class_activation_map(model, IMAGES, 2)
    np.testing.assert_allclose(found, grad_cam(model, IMAGES, 2), atol=1e-5)
    large = keras.ops.image.resize(np.maximum(maps, 0)[..., None], (SIDE, SIDE))
    large = np.asarray(large)[..., 0]
    np.testing.assert_allclose(
        found, large / large.max(axis=(1, 2), keepdims=True), atol=1e-5
    )
    same = class_activation_map(model, IMAGES, 2, "conv")
    np.testing.assert_array_equal(found, same)


POOLED_TO_SCORES = {
    "softmax": lambda x: layers.Softmax()(layers.GlobalAveragePooling2D()(x)),
    # The pooling is then the last layer itself, which used to run unwatched:
    # an IndexError.
    "no activation": lambda x: layers.GlobalAveragePooling2D()(x),
    "kept dimensions": lambda x: layers.Flatten()(
        layers.GlobalAveragePooling2D(keepdims=True)(x)
    ),
}


@pytest.mark.parametrize("end", POOLED_TO_SCORES)
def test_where_maps_are_pooled_to_scores_cam_is_the_class_s_map(end):
    """The score is the mean of the class's map, so its terms are the map."""
    model = pooled(POOLED_TO_SCORES[end])
    features = np.asarray(
        keras.Model(model.input, model.get_layer("conv").output)(IMAGES)
    )
    large = keras.ops.image.resize(features, (SIDE, SIDE))
    for label in range(CHANNELS):
        expected = [scaled(one[..., label]) for one in np.asarray(large)]
        found = class_activation_map(model, IMAGES, label)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_cam_refuses_other_heads(model):
    with pytest.raises(UsageError, match="Grad-CAM"):
        class_activation_map(model, IMAGES)
    hidden = pooled(
        lambda x: layers.Dense(2, activation="softmax")(
            layers.Dense(5, activation="relu")(
                layers.GlobalAveragePooling2D()(x)
            )
        )
    )
    with pytest.raises(UsageError, match="one linear layer"):
        class_activation_map(hidden, IMAGES)
    with pytest.raises(UsageError, match="no layer 'cnv'"):
        class_activation_map(pooled(ENDS["dense"]), IMAGES, layer="cnv")


def test_gradients_are_those_of_finite_differences():
    keras.utils.set_random_seed(2)
    pixels = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(3, 3, activation="tanh", name="below")(pixels)
    above = keras.Sequential(
        [
            layers.Conv2D(3, 3, activation="softplus"),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    model = keras.Model(pixels, above(x))
    network = OpenNetwork(model)
    images, classes = IMAGES.astype("float32"), np.array([1, 0])
    features, gradient = map_gradients(network, images, classes, "below")
    pixel = pixel_gradients(network, images, classes)
    step = 1e-2
    for place in [(0, 1, 2, 0), (1, 0, 3, 2), (1, 3, 0, 1)]:
        for point, run, slope in (
            (features, above, gradient),
            (images, model, pixel),
        ):
            up, down = point.copy(), point.copy()
            up[place] += step
            down[place] -= step
            label = classes[place[0]]
            rise = (run(up) - run(down))[place[0], label] / (2 * step)
            np.testing.assert_allclose(slope[place], rise, atol=2e-3)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_called_alike(name):
    model = pooled(ENDS["dense"])
    maps = draw_heat_maps(model, IMAGES, name, [1, 0])
    assert maps.shape == (2, SIDE, SIDE)
    assert maps.dtype == np.float32
    assert np.all((maps >= 0) & (maps <= 1))
    alone = draw_heat_maps(model, IMAGES[:1], name, 1)
    np.testing.assert_allclose(maps[:1], alone, atol=1e-5)


def test_methods_that_are_not_there_are_named(model):
    with pytest.raises(UsageError, match="Did you mean gradcam"):
        draw_heat_maps(model, IMAGES, "grdcam")
    with pytest.raises(UsageError, match="looks at pixels"):
        draw_heat_maps(model, IMAGES, "saliency", layer="conv")
