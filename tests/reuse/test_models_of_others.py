"""Models that tlkit has not made: what goes in, and what their ends mean."""

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.special import expit, log_softmax, softmax

import tlkit
from tlkit.base.errors import TlkitError, UsageError
from tlkit.data.decode import resize_image
from tlkit.explain.opened.network import OpenNetwork
from tlkit.models.classic.radial_basis import class_codes
from tlkit.reuse.outputs import kind_of_values
from tlkit.reuse.pictures import gray_of

layers = keras.layers


@pytest.fixture(scope="module")
def images(draw):
    return np.stack([draw(number, 16, 16) for number in range(5)])


def scores_of(units, shape=(16, 16, 3)):
    """Begins a small network and ends it in scores."""
    pixels = keras.Input(shape)
    x = layers.Flatten()(layers.Rescaling(1 / 255)(pixels))
    return pixels, layers.Dense(units, name="scores")(x)


def load(model, folder, **options):
    model.save(folder / "model.keras")
    return tlkit.load_classifier(folder / "model.keras", **options)


def scores(model, images):
    """What plain Keras has before the last step, in another network."""
    inside = keras.Model(model.inputs, model.get_layer("scores").output)
    return inside.predict(images, verbose=0).astype(np.float64)


@keras.saving.register_keras_serializable(package="tests")
class OwnSoftmax(layers.Layer):
    """A layer that the graph says nothing of."""

    def call(self, x):
        return keras.ops.exp(x) / keras.ops.sum(
            keras.ops.exp(x), axis=1, keepdims=True
        )


@keras.saving.register_keras_serializable(package="tests")
class OwnDense(layers.Dense):
    """A layer whose attribute `activation` is not all that it does."""

    def call(self, x):
        return keras.ops.softmax(super().call(x))


ENDS = {
    "softmax": layers.Softmax(),
    "activation": layers.Activation("softmax"),
    "linear": layers.Activation("linear"),
    "log softmax": layers.Activation("log_softmax"),
    "operation": keras.ops.softmax,
    "log operation": keras.ops.log_softmax,
    "own layer": OwnSoftmax(),
    "nothing": layers.Identity(),
}


@pytest.mark.parametrize("end", ENDS)
def test_every_end_gives_the_same_probabilities(end, images, tmp_path):
    pixels, x = scores_of(3)
    model = keras.Model(pixels, ENDS[end](x))
    classifier = load(model, tmp_path)
    expected = softmax(scores(model, images), axis=1)
    np.testing.assert_allclose(
        classifier.predict(images), expected, rtol=0, atol=1e-6
    )
    said = " ".join(classifier.notes)
    assert ("scores" in said) == (end in ("linear", "nothing"))
    assert ("logarithms" in said) == end.startswith("log")


def test_a_layer_of_ones_own_is_known_by_its_values(images, tmp_path):
    pixels = keras.Input((16, 16, 3))
    x = layers.Flatten()(layers.Rescaling(1 / 255)(pixels))
    model = keras.Model(pixels, OwnDense(3)(x))
    np.testing.assert_allclose(
        load(model, tmp_path).predict(images),
        model.predict(images, verbose=0),
        atol=1e-6,
    )


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_one_unit_is_cut_at_one_half_or_at_a_score_of_zero(
    activation, images, tmp_path
):
    """A score of 0.3 is 57 %: it was taken for 30 % of the second class."""
    pixels, x = scores_of(1)
    model = keras.Model(pixels, layers.Activation(activation or "linear")(x))
    model.get_layer("scores").bias.assign([0.3])
    classifier = load(model, tmp_path)
    second = expit(scores(model, images)[:, 0])
    np.testing.assert_allclose(
        classifier.predict(images),
        np.stack([1 - second, second], axis=1),
        atol=1e-6,
    )
    assert any("score of 0" in note for note in classifier.notes) == (
        activation is None
    )


def test_sigmoids_of_several_classes_stand_each_for_itself(images, tmp_path):
    pixels, x = scores_of(3)
    model = keras.Model(pixels, layers.Activation("sigmoid")(x))
    classifier = load(model, tmp_path)
    np.testing.assert_allclose(
        classifier.predict(images), expit(scores(model, images)), atol=1e-6
    )
    assert "do not sum to 1" in classifier.notes[-1]


def test_sigmoids_in_layers_of_their_own_are_no_scores(images, tmp_path):
    """One head for each class: their softmax was taken."""
    pixels, x = scores_of(4)
    heads = [layers.Dense(1, activation="sigmoid")(x) for _ in range(3)]
    model = keras.Model(pixels, layers.Concatenate()(heads))
    classifier = load(model, tmp_path)
    np.testing.assert_allclose(
        classifier.predict(images), model.predict(images, verbose=0), atol=1e-6
    )
    assert "do not sum to 1" in classifier.notes[-1]


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_small_values_of_activations_are_scores(activation, images, tmp_path):
    """All between 0 and 1, by chance, and no probabilities."""
    pixels, x = scores_of(3)
    end = layers.Dense(
        3, activation, kernel_initializer="zeros", bias_initializer="ones"
    )
    model = keras.Model(pixels, end(x))
    end.bias.assign([0.1, 0.2, 0.3])
    values = np.array([0.1, 0.2, 0.3])
    values = np.tanh(values) if activation == "tanh" else values
    np.testing.assert_allclose(
        load(model, tmp_path).predict(images),
        np.tile(softmax(values), (len(images), 1)),
        atol=1e-6,
    )


def test_pooled_maps_of_small_values_are_scores(images, tmp_path):
    pixels = keras.Input((16, 16, 3))
    maps = layers.Conv2D(3, 1, activation="relu")(
        layers.Rescaling(1 / 2550)(pixels)
    )
    model = keras.Model(pixels, layers.GlobalAveragePooling2D()(maps))
    expected = softmax(model.predict(images, verbose=0), axis=1)
    classifier = load(model, tmp_path)
    np.testing.assert_allclose(classifier.predict(images), expected, atol=1e-6)


def test_pooled_maps_of_probabilities_are_probabilities(images, tmp_path):
    pixels = keras.Input((16, 16, 3))
    maps = layers.Conv2D(3, 1, activation="softmax")(
        layers.Rescaling(1 / 255)(pixels)
    )
    model = keras.Model(pixels, layers.GlobalAveragePooling2D()(maps))
    expected = model.predict(images, verbose=0)
    classifier = load(model, tmp_path)
    np.testing.assert_allclose(classifier.predict(images), expected, atol=1e-6)


def test_a_model_without_a_shape_says_so(tmp_path):
    model = keras.Sequential([layers.Flatten(), layers.Dense(3)])
    with pytest.raises(TlkitError, match="does not say which images it takes"):
        load(model, tmp_path)


def test_the_output_that_an_error_names_can_be_taken(images, tmp_path):
    """It named the first, which was a map and is no output of classes."""
    pixels = keras.Input((16, 16, 3))
    maps = layers.Conv2D(4, 3, name="maps")(pixels)
    scores = layers.GlobalAveragePooling2D()(maps)
    ends = [layers.Dense(units, name=f"end{units}")(scores) for units in (2, 3)]
    model = keras.Model(pixels, [maps, *ends])
    with pytest.raises(TlkitError, match="output='end2'"):
        load(model, tmp_path)
    classifier = load(model, tmp_path, output="end2")
    assert classifier.predict(images).shape == (5, 2)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([[0.2, 0.8], [1.0, 0.0]], "softmax"),
        ([[0.2, 0.7], [1.0, 0.0]], "sigmoid"),
        ([[0.2, 0.7], [1.1, 0.0]], "linear"),
        ([[-0.2, 1.2], [0.5, 0.5]], "linear"),
        (log_softmax([[1.0, 2.0], [-3.0, 9.0]], axis=1), "log_softmax"),
        ([[-1.0, -2.0], [-3.0, -9.0]], "linear"),
        ([[0.2], [1.0]], "sigmoid"),
        ([[0.2], [1.1]], "linear"),
    ],
)
def test_values_tell_what_the_graph_does_not(values, kind):
    assert kind_of_values(np.asarray(values, np.float64)) == kind


@pytest.fixture(scope="module")
def gray_lenet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lenet")
    keras.utils.set_random_seed(4)
    model = tlkit.build_classic("lenet5", (32, 32, 1), 4)
    return model, load(model, folder)


def test_lenet5_as_published_takes_gray_images_and_gives_distances(
    gray_lenet, draw
):
    """Its layers are tlkit's own, and the smallest of its outputs wins."""
    model, classifier = gray_lenet
    colours = np.stack([draw(number, 32, 32) for number in range(5)])
    gray = np.stack([np.asarray(Image.fromarray(x).convert("L"))
                     for x in colours])[..., None]  # fmt: skip
    # From the paper's equation 7, on what the layer below puts out.
    below = keras.Model(model.inputs, model.get_layer("RBF_codes").input)
    vectors = below.predict(gray, verbose=0).astype(np.float64)
    apart = ((vectors[:, None] - class_codes(4)) ** 2).sum(axis=2)
    found = classifier.predict(colours)
    np.testing.assert_allclose(found, softmax(-apart, axis=1), atol=1e-4)
    np.testing.assert_array_equal(found.argmax(1), apart.argmin(1))
    assert classifier.image_size == (32, 32)


def test_a_gray_model_of_distances_is_explained(gray_lenet, draw):
    """What speaks for a class is what brings the image nearer to it."""
    model, classifier = gray_lenet
    pixels = classifier.read([draw(1, 40, 40)])
    assert pixels.shape == (1, 32, 32, 1)
    network = OpenNetwork(classifier.model)
    np.testing.assert_allclose(
        network.scores(pixels.astype("float32")),
        -model.predict(pixels, verbose=0),
        rtol=1e-5,
    )
    heat = tlkit.draw_heat_maps(classifier.model, pixels, "saliency")
    assert heat.max() == 1


def test_colours_become_gray_as_pillow_makes_them():
    random = np.random.default_rng(0)
    colours = random.integers(0, 256, (2, 60, 50, 3), np.uint8)
    expected = [np.asarray(Image.fromarray(x).convert("L")) for x in colours]
    np.testing.assert_array_equal(gray_of(colours)[..., 0], expected)


def test_a_sequential_model_is_a_classifier(images, tmp_path):
    model = keras.Sequential(
        [keras.Input((16, 16, 3)), layers.Flatten(), layers.Dense(2)]
    )
    expected = softmax(model.predict(images, verbose=0), axis=1)
    np.testing.assert_allclose(
        load(model, tmp_path).predict(images), expected, atol=1e-6
    )


class Hidden(keras.Model):
    """A model without a graph."""

    def __init__(self, **options):
        super().__init__(**options)
        self.flatten = layers.Flatten()
        self.end = layers.Dense(2, activation="softmax")

    def call(self, x):
        return self.end(self.flatten(x) / 255)


def test_a_model_without_a_graph_needs_its_class_and_is_known_by_values(
    images, tmp_path
):
    model = Hidden()
    expected = model(images.astype("float32"))
    with pytest.raises(TlkitError, match=r"custom_objects=\{'Hidden'"):
        load(model, tmp_path)
    classifier = load(model, tmp_path, custom_objects={"Hidden": Hidden})
    np.testing.assert_allclose(classifier.predict(images), expected, atol=1e-6)
    assert classifier.image_size == (16, 16)
    assert classifier.classes == 2


def two_outputs(ends):
    pixels, x = scores_of(3)
    return keras.Model(
        pixels,
        {
            name: layers.Dense(units, activation=end, name=name)(x)
            for name, (units, end) in ends.items()
        },
    )


def test_of_several_outputs_the_one_that_classifies_is_taken(images, tmp_path):
    model = two_outputs({"box": (4, "sigmoid"), "kind": (3, "softmax")})
    classifier = load(model, tmp_path)
    expected = model.predict(images, verbose=0)
    np.testing.assert_allclose(
        classifier.predict(images), expected["kind"], atol=1e-6
    )
    assert "'kind' tells the classes" in classifier.notes[0]
    other = tlkit.load_classifier(tmp_path / "model.keras", output="box")
    np.testing.assert_allclose(
        other.predict(images), expected["box"], atol=1e-6
    )
    with pytest.raises(UsageError, match="Did you mean kind"):
        tlkit.load_classifier(tmp_path / "model.keras", output="kinds")


def test_of_several_softmax_outputs_the_first_is_taken(images, tmp_path):
    model = two_outputs({"kind": (3, "softmax"), "place": (2, "softmax")})
    classifier = load(model, tmp_path)
    assert classifier.predict(images).shape == (5, 3)
    assert "output='place'" in classifier.notes[0]


def test_outputs_that_cannot_be_told_apart_are_named(tmp_path):
    model = two_outputs({"kind": (3, None), "place": (2, None)})
    with pytest.raises(TlkitError, match=r"kind \(None, 3\), place"):
        load(model, tmp_path)


def several_inputs():
    pair = [keras.Input((8, 8, 3), name=name) for name in ("left", "right")]
    return keras.Model(pair, layers.Dense(2)(layers.Flatten()(pair[0])))


def mapped():
    pixels = keras.Input((8, 8, 3))
    return keras.Model(pixels, layers.Conv2D(2, 3, name="map")(pixels))


def one_softmax():
    pixels, x = scores_of(1)
    return keras.Model(pixels, layers.Dense(1, activation="softmax")(x))


def with_channels(shape):
    pixels, x = scores_of(2, shape)
    return keras.Model(pixels, x)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (several_inputs, ["several inputs", "left (None, 8, 8, 3), right"]),
        (mapped, ["does not map", "map (None, 6, 6, 2)"]),
        (one_softmax, ["always says the same"]),
        (lambda: with_channels((3, 8, 9)), ["Permute", "Input((8, 9, 3))"]),
        (lambda: with_channels((8, 8, 4)), ["does not map", "3 channels"]),
    ],
)
@pytest.mark.filterwarnings("ignore:.*softmax over axis")
def test_what_is_no_classifier_of_images_is_refused_in_words(
    build, words, tmp_path
):
    with pytest.raises(TlkitError) as refused:
        load(build(), tmp_path)
    for word in words:
        assert word in str(refused.value)


def test_a_model_whose_weights_are_no_numbers_is_refused(images, tmp_path):
    pixels, x = scores_of(2)
    model = keras.Model(pixels, layers.Softmax()(x))
    model.get_layer("scores").bias.assign([np.nan, 0])
    with pytest.raises(TlkitError, match="no numbers"):
        load(model, tmp_path).predict(images)


def of_any_size(*first):
    pixels = keras.Input((None, None, 3))
    x = pixels
    for layer in first:
        x = layer(x)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(x))
    return keras.Model(pixels, layers.Dense(2, activation="softmax")(x))


def test_a_model_of_any_size_says_which_it_gets(tmp_path, images):
    classifier = load(of_any_size(), tmp_path)
    assert classifier.image_size == (224, 224)
    assert "any size" in classifier.notes[0]
    assert "0 to 255" in classifier.notes[1]
    own = tlkit.load_classifier(tmp_path / "model.keras", image_size=16)
    np.testing.assert_allclose(
        own.predict(images),
        own.model.predict(images, verbose=0),
        atol=1e-6,
    )
    assert not any("any size" in note for note in own.notes)


def test_a_resize_and_a_rescaling_in_a_model_say_what_it_takes(tmp_path):
    inner = keras.Sequential([layers.Rescaling(1 / 255), layers.ReLU()])
    model = of_any_size(layers.Resizing(20, 24), inner)
    classifier = load(model, tmp_path)
    assert classifier.image_size == (20, 24)
    assert classifier.notes == ()
    with pytest.raises(UsageError, match="20 x 24"):
        tlkit.load_classifier(tmp_path / "model.keras", image_size=96)


def test_a_division_of_the_pixels_is_a_rescaling(tmp_path):
    model = of_any_size(layers.Identity(), lambda pixels: pixels / 255)
    (note,) = load(model, tmp_path).notes
    assert "any size" in note


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_a_model_that_crops_or_pads_itself_gets_what_it_would_take(
    draw, tmp_path, fit
):
    # Images were stretched before the model saw them.
    keras.utils.set_random_seed(0)
    resizing = layers.Resizing(
        20, 20, antialias=True, **{f"{fit}_to_aspect_ratio": True}
    )
    model = of_any_size(resizing, layers.Rescaling(1 / 255))
    picture = draw(1, 20, 60)
    expected = np.asarray(model(picture[None].astype("float32")))[0]
    found = load(model, tmp_path).predict(picture)[0]
    other = np.asarray(model(resize_image(picture, 20)[None] * 1.0))[0]
    apart = np.abs(other - expected).max()
    # What is left is the rounding of pixels to whole numbers.
    assert np.abs(found - expected).max() < 0.1 * apart
