"""Any classifier opened: the same scores, every layer in reach, unchanged."""

import keras
import numpy as np
import pytest

from tlkit.base.errors import TlkitError, UsageError
from tlkit.explain.filters import filter_patterns
from tlkit.explain.methods.gradcam import grad_cam
from tlkit.explain.methods.registry import draw_heat_maps
from tlkit.explain.opened.network import OpenNetwork

layers = keras.layers
IMAGES = np.random.default_rng(3).integers(0, 256, (3, 32, 32, 3), "uint8")
PIXELS = IMAGES.astype("float32")


def stack(x):
    x = layers.Conv2D(6, 3, name="first")(x)
    x = layers.BatchNormalization(name="normal")(x)
    x = layers.ReLU(name="bend")(x)
    shortcut = layers.Conv2D(6, 1, name="shortcut")(x)
    x = layers.Conv2D(6, 3, padding="same", name="second")(x)
    return keras.ops.relu(x + shortcut)


def small_base():
    pixels = keras.Input((32, 32, 3), name="base_pixels")
    return keras.Model(pixels, stack(pixels), name="base")


def head(x, units=3, activation="softmax"):
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(0.5)(x)
    return layers.Dense(units, activation=activation, name="end")(x)


def nested(units=3, activation="softmax"):
    base = small_base()
    pixels = keras.Input((32, 32, 3))
    x = layers.RandomFlip()(pixels)
    x = base(layers.Rescaling(1 / 255)(x), training=False)
    return keras.Model(pixels, head(x, units, activation))


def flat(units=3, activation="softmax"):
    pixels = keras.Input((32, 32, 3))
    x = stack(layers.Rescaling(1 / 255)(pixels))
    return keras.Model(pixels, head(x, units, activation))


def sequential():
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.RandomRotation(0.5),
            small_base(),
            layers.Flatten(),
            layers.Dense(3),
            layers.Softmax(),
        ]
    )


def bare_operations():
    pixels = keras.Input((32, 32, 3))
    x = small_base()(pixels)
    x = keras.ops.mean(x, axis=(1, 2))
    return keras.Model(pixels, keras.ops.softmax(layers.Dense(4)(x)))


def convolutional_end():
    pixels = keras.Input((32, 32, 3))
    x = small_base()(pixels)
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Conv2D(5, 1)(x)
    x = layers.Activation("softmax")(layers.Reshape((5,))(x))
    return keras.Model(pixels, x)


def softmax_inside_convolution():
    pixels = keras.Input((32, 32, 3))
    x = layers.GlobalAveragePooling2D(keepdims=True)(small_base()(pixels))
    x = layers.Conv2D(5, 1, activation="softmax")(x)
    return keras.Model(pixels, layers.Flatten()(x))


def network_in_network():
    pixels = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, activation="relu")(pixels)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(pixels, layers.Activation("softmax")(x))


def wrapped():
    """A whole classifier as one step of another model."""
    pixels = keras.Input((32, 32, 3))
    return keras.Model(pixels, nested()(pixels))


BUILDERS = [
    nested,
    sequential,
    bare_operations,
    convolutional_end,
    softmax_inside_convolution,
    network_in_network,
    wrapped,
]


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_logits_are_what_the_softmax_was_made_of(build):
    keras.utils.set_random_seed(0)
    model = build()
    expected = model.predict(PIXELS, verbose=0)
    network = OpenNetwork(model)
    scores = network.scores(PIXELS)
    np.testing.assert_allclose(
        network.probabilities(scores), expected, atol=1e-6
    )
    # They are no probabilities themselves.
    assert not np.allclose(np.sum(scores, axis=1), 1)
    assert network.classes == expected.shape[1]


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_nothing_of_the_model_changes(build):
    model = build()
    weights = model.get_weights()
    config = model.get_config()
    nodes = [len(x._inbound_nodes) for x in model._flatten_layers()]
    grad_cam(model, IMAGES, 1)
    assert model.get_config() == config
    assert nodes == [len(x._inbound_nodes) for x in model._flatten_layers()]
    for old, new in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_nested_base_is_explained_like_the_same_layers_flat():
    keras.utils.set_random_seed(1)
    inside, outside = nested(), flat()
    outside.set_weights(inside.get_weights())
    for layer in (None, "first", "bend", "shortcut"):
        np.testing.assert_allclose(
            grad_cam(inside, IMAGES, 2, layer),
            grad_cam(outside, IMAGES, 2, layer),
            atol=1e-5,
        )
    np.testing.assert_array_equal(
        grad_cam(inside, IMAGES, 2, "base/bend"),
        grad_cam(inside, IMAGES, 2, "bend"),
    )


def test_a_reloaded_model_is_explained_alike(tmp_path):
    model = nested()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        grad_cam(model, IMAGES), grad_cam(again, IMAGES)
    )


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_mixed_precision_is_explained_in_float32(activation):
    keras.utils.set_random_seed(5)
    exact = flat(1 if activation == "sigmoid" else 3, activation)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = flat(1 if activation == "sigmoid" else 3, activation)
    finally:
        keras.config.set_dtype_policy("float32")
    mixed.set_weights(exact.get_weights())
    scores = OpenNetwork(mixed).scores(PIXELS)
    assert scores.dtype == "float32"
    np.testing.assert_allclose(
        scores, OpenNetwork(exact).scores(PIXELS), rtol=0.02, atol=0.02
    )
    found, expected = grad_cam(mixed, IMAGES, 1), grad_cam(exact, IMAGES, 1)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.99


def test_of_one_sigmoid_both_classes_have_a_score():
    model = nested(1, "sigmoid")
    network = OpenNetwork(model)
    scores = np.asarray(network.scores(PIXELS))
    second = model.predict(PIXELS, verbose=0)[:, 0]
    np.testing.assert_allclose(scores[:, 0], -scores[:, 1])
    np.testing.assert_allclose(
        network.probabilities(scores),
        np.stack([1 - second, second], axis=1),
        atol=1e-6,
    )


def several_outputs():
    pixels = keras.Input((32, 32, 3))
    x = layers.GlobalAveragePooling2D()(small_base()(pixels))
    return keras.Model(
        pixels,
        {
            "species": layers.Dense(4, activation="softmax", name="a")(x),
            "place": layers.Dense(2, activation="softmax", name="b")(x),
        },
    )


def test_any_of_several_outputs_can_be_explained():
    model = several_outputs()
    expected = model.predict(PIXELS, verbose=0)
    for name in ("species", "place"):
        network = OpenNetwork(model, name)
        np.testing.assert_allclose(
            network.probabilities(network.scores(PIXELS)),
            expected[name],
            atol=1e-6,
        )
    apart = keras.Model(model.input, model.output["species"])
    np.testing.assert_allclose(
        grad_cam(model, IMAGES, ("species", 3)),
        grad_cam(apart, IMAGES, 3),
        atol=1e-6,
    )
    with pytest.raises(UsageError, match="place or species"):
        grad_cam(model, IMAGES, ("colour", 0))


@pytest.mark.parametrize(
    "build",
    [
        keras.applications.MobileNet,
        keras.applications.EfficientNetV2B0,
    ],
    ids=lambda build: build.__name__,
)
def test_models_of_keras_applications_are_opened(build):
    model = build(weights=None, input_shape=(32, 32, 3), classes=7)
    network = OpenNetwork(model)
    np.testing.assert_allclose(
        network.probabilities(network.scores(PIXELS)),
        model(PIXELS, training=False),
        atol=1e-5,
    )
    last = network.find_map(None)
    assert (
        last.shape[2] == model.layers[-2].input.shape[-1] or last.shape[2] > 7
    )


def test_a_flipped_picture_is_not_flipped_in_explaining():
    """Augmenting layers count training as their default; here they rest."""
    network = OpenNetwork(sequential())
    np.testing.assert_array_equal(
        network.scores(PIXELS), network.scores(PIXELS)
    )


def test_a_transformer_is_refused_with_a_reason():
    pixels = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 8, strides=8, name="patches")(pixels)
    x = layers.Reshape((16, 8))(x)
    x = layers.MultiHeadAttention(2, 4)(x, x)
    x = layers.GlobalAveragePooling1D()(x)
    model = keras.Model(pixels, layers.Dense(3, activation="softmax")(x))
    with pytest.raises(UsageError, match="transformer") as error:
        grad_cam(model, IMAGES)
    assert "saliency" in str(error.value)


def test_models_that_are_no_classifiers_are_refused():
    pixels = keras.Input((32, 32, 3))
    segments = keras.Model(pixels, layers.Conv2D(2, 1)(pixels))
    with pytest.raises(TlkitError, match="not a classifier"):
        grad_cam(segments, IMAGES)
    x = layers.Flatten()(layers.Conv2D(2, 1)(pixels))
    bent = keras.Model(pixels, layers.Dense(3, activation="tanh")(x))
    with pytest.raises(TlkitError, match="not a classifier"):
        grad_cam(bent, IMAGES)

    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(TlkitError, match="layers are not known"):
        grad_cam(Own(), IMAGES)
    unbuilt = keras.Sequential([layers.Conv2D(2, 3), layers.Flatten()])
    with pytest.raises(TlkitError, match="layers are not known"):
        grad_cam(unbuilt, IMAGES)
    two = [keras.Input((8, 8, 3)), keras.Input((8, 8, 3))]
    both = layers.Flatten()(layers.Concatenate()(two))
    with pytest.raises(TlkitError, match="does not take one image"):
        grad_cam(keras.Model(two, layers.Dense(2)(both)), IMAGES)


def test_images_that_do_not_fit_are_refused():
    model = nested()
    for images, hint in (
        (IMAGES[0], r"images\[None\]"),
        (IMAGES[..., :1], "32, 32, 3"),
        (IMAGES[:, :16], "32, 32, 3"),
        (IMAGES[:0], "received"),
    ):
        with pytest.raises(UsageError, match="of this shape") as error:
            grad_cam(model, images)
        assert error.match(hint)


@pytest.mark.parametrize("method", ["gradcam", "scorecam", "smoothgrad"])
def test_images_too_small_for_the_network_are_refused(method):
    pixels = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 5, activation="relu")(pixels)
    x = layers.Conv2D(4, 5, activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(pixels, layers.Dense(2, activation="softmax")(x))
    with pytest.raises(UsageError, match="images of this size") as error:
        draw_heat_maps(model, np.ones((1, 6, 6, 3)), method, 1)
    assert "6 x 6 pixels" in str(error.value)


def test_gray_pictures_are_explained_by_gray_models():
    pixels = keras.Input((28, 28, 1))
    x = layers.Conv2D(4, 5, activation="relu")(pixels)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(pixels, layers.Dense(10, activation="softmax")(x))
    digits = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), "uint8")
    assert grad_cam(model, digits, 4).shape == (3, 28, 28)
    with pytest.raises(UsageError, match="28, 28, 1"):
        grad_cam(model, digits[..., 0])


def test_layers_and_classes_that_are_not_there_are_named():
    model = nested()
    with pytest.raises(UsageError, match="Did you mean second"):
        grad_cam(model, IMAGES, layer="secnd")
    with pytest.raises(UsageError, match="no height and width"):
        grad_cam(model, IMAGES, layer="pool")
    with pytest.raises(UsageError, match="0 to 2"):
        grad_cam(model, IMAGES, -1)
    with pytest.raises(UsageError, match="3 of them"):
        grad_cam(model, IMAGES, [0, 1])
    with pytest.raises(UsageError, match="whole number"):
        grad_cam(model, IMAGES, 1.5)


def test_each_image_may_have_its_own_class():
    model = nested()
    together = grad_cam(model, IMAGES, [2, 0, 1])
    for image, label, expected in zip(IMAGES, (2, 0, 1), together, strict=True):
        found = grad_cam(model, image[None], label)[0]
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_map_with_nothing_positive_is_zero_and_said():
    pixels = keras.Input((8, 8, 3))
    x = layers.Conv2D(2, 1, activation="relu")(pixels)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(pixels, layers.Dense(2, activation="softmax")(x))
    for layer in model.layers:
        layer.set_weights([np.ones_like(w) for w in layer.get_weights()])
    kernel = np.array([[-1, 1], [-1, 1]], "float32")
    model.layers[-1].set_weights([kernel, np.zeros(2, "float32")])
    images = np.full((2, 8, 8, 3), 50.0)
    with pytest.warns(UserWarning, match="2 of 2 images"):
        maps = grad_cam(model, images, 0)
    np.testing.assert_array_equal(maps, np.zeros((2, 8, 8)))


def test_many_images_run_in_batches():
    """Batches of 32, the last one short, give what each image gives alone."""
    model = nested()
    images = np.random.default_rng(1).integers(0, 256, (35, 32, 32, 3), "uint8")
    together = grad_cam(model, images, 0)
    alone = np.concatenate([grad_cam(model, x[None], 0) for x in images[30:]])
    np.testing.assert_allclose(together[30:], alone, atol=1e-4)


def test_a_pooling_larger_than_its_map_is_refused_and_ends_nothing():
    """TensorFlow divides by zero there, which ends the whole process."""
    pixels = keras.Input((None, None, 3))
    x = layers.Conv2D(2, 3, activation="relu", name="deep")(
        layers.MaxPooling2D(3, 2)(layers.MaxPooling2D(3, 2)(pixels))
    )
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(pixels, layers.Dense(2, activation="softmax")(x))
    with pytest.raises(UsageError, match="size"):
        grad_cam(model, np.ones((1, 5, 5, 3)), 0)
    with pytest.raises(UsageError, match="larger size"):
        filter_patterns(model, "deep", [0], size=8, steps=1)
