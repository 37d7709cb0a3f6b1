"""A network's arithmetic against papers, Keras, a profiler and loops."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import tlkit
from tlkit.base.errors import UsageError
from tlkit.models.saving import save_classifier
from tlkit.sums.describe import describe_network
from tlkit.sums.facts import bottleneck, two_small_kernels
from tlkit.sums.names import NAMES, build_by_name, describe, read_input_shape

# Millions of parameters and thousand millions of multiply-adds at 224 pixels:
# VGG16 as it is counted everywhere; ResNet-50 "3.8" in He et
# al., table 1; DenseNet-121 2.87 with its batch normalisations; MobileNetV2
# "300M" in Sandler et al., table 4; MobileNet "569" and "4.2" in Howard et
# al., table 8.
PUBLISHED = {
    "vgg16": (138.4, 15.5),
    "resnet50": (25.6, 3.86),
    "densenet121": (8.0, 2.85),
    "mobilenet_v2": (3.5, 0.300),
    "mobilenet": (4.2, 0.569),
}
# Side and jump of the last map's field: Araujo, Norris and Sim, "Computing
# Receptive Fields of Convolutional Neural Networks", table of networks.
SEEN = {"vgg16": 212, "resnet50": 483, "mobilenet": 315}


@pytest.fixture(scope="module")
def described():
    return {name: describe(name, (224, 224, 3)) for name in PUBLISHED}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_totals_are_those_that_are_published(described, name):
    parameters, multiply_adds = PUBLISHED[name]
    network = described[name]
    assert network.parameters / 1e6 == pytest.approx(parameters, rel=0.015)
    assert network.multiply_adds / 1e9 == pytest.approx(multiply_adds, rel=0.01)
    assert not network.not_counted


@pytest.mark.parametrize("name", SEEN)
def test_the_last_map_sees_what_is_published(described, name):
    maps = [x for x in described[name].layers if x.output[:2] == (7, 7)]
    for field in maps[-1].fields:
        assert (field.size, field.jump) == (SEEN[name], 32)


def test_vgg16_layer_by_layer_as_everybody_counts_it(described):
    """From the CS231n notes: 3x3x3x64 = 1,728, FC1 102,760,448 weights."""
    network = described["vgg16"]
    first, dense = network.layer("block1_conv1"), network.layer("fc1")
    assert first.parameters == 1_728 + 64
    assert first.output == (224, 224, 64)
    assert first.activation_bytes == 4 * 3_211_264  # "3.2M" numbers
    assert dense.parameters == 102_760_448 + 4096
    assert dense.multiply_adds == 102_760_448
    assert network.layer("block5_pool").output == (7, 7, 512)


def test_a_model_that_is_only_described_leaves_nothing_behind(described):
    """Keras once drew the 138 million weights when it next traced a layer."""
    from keras.src.backend.common import global_state

    assert not global_state.get_global_attribute("uninitialized_variables")


def small_network():
    """Every kind of counted layer, strides, groups, dilation, a branch."""
    image = keras.Input((17, 14, 4))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(image)
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(x)
    y = layers.Conv2D(16, 3, groups=4, dilation_rate=2, padding="same")(x)
    x = layers.BatchNormalization()(layers.Add()([x, y]))
    x = layers.SeparableConv2D(6, 3, strides=2)(x)
    x = layers.Conv2DTranspose(5, 3, strides=2, use_bias=False)(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Dense(7)(x)
    x = layers.Flatten()(x)
    return keras.Model(image, layers.Dense(3, activation="softmax")(x))


def test_parameters_and_shapes_are_keras_own():
    model = small_network()
    model.layers[1].trainable = False
    network = describe_network(model)
    assert network.parameters == model.count_params()
    trainable = sum(np.prod(w.shape) for w in model.trainable_weights)
    assert network.trainable == trainable
    by_name = {layer.name: layer for layer in network.layers}
    for layer in model.layers[1:]:
        assert by_name[layer.name].output == tuple(layer.output.shape[1:])
        assert by_name[layer.name].parameters == layer.count_params()


def test_size_sums_come_to_the_size():
    for layer in describe_network(small_network()).layers:
        if layer.size_sum:
            sums = layer.size_sum.split(", ") * 2
            sizes = tuple(int(eval(text)) for text in sums[:2])
            assert sizes == layer.output[:2]


def profiled(model):
    """Operations of convolutions and dense layers, from TensorFlow's count."""
    run = tf.function(lambda x: model(x, training=False))
    shape = (1, *model.input_shape[1:])
    graph = run.get_concrete_function(tf.TensorSpec(shape)).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    profile = tf.compat.v1.profiler.profile(graph, options=options)
    kinds = {x.name: x.type for x in graph.get_operations()}
    counted = ("Conv2D", "DepthwiseConv2dNative", "MatMul")

    def add_up(node):
        own = node.float_ops if kinds.get(node.name) in counted else 0
        return own + sum(map(add_up, node.children))

    return add_up(profile)


def test_multiply_adds_are_those_of_a_profiled_forward_pass():
    """TensorFlow counts two operations for a multiply-add."""
    image = keras.Input((17, 14, 4))
    x = layers.Conv2D(8, 3, strides=2, padding="same")(image)
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(x)
    x = layers.Add()([x, layers.Conv2D(16, 5, padding="same")(x)])
    x = layers.SeparableConv2D(6, 3, strides=2)(layers.ReLU()(x))
    x = layers.Dense(7)(x)
    x = layers.Dense(3, activation="softmax")(layers.Flatten()(x))
    model = keras.Model(image, x)
    operations = profiled(model)
    assert operations > 100_000
    assert describe_network(model).multiply_adds == operations / 2


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(6, (3, 2), strides=2, kernel_initializer="ones"),
        layers.Conv2D(6, 3, dilation_rate=2, kernel_initializer="ones"),
        layers.Conv2D(6, 3, groups=3, kernel_initializer="ones"),
        layers.Conv2DTranspose(5, 3, strides=2, kernel_initializer="ones"),
        layers.DepthwiseConv2D(3, depthwise_initializer="ones"),
        layers.Dense(5, kernel_initializer="ones"),
    ],
    ids=["stride", "dilation", "groups", "transposed", "depthwise", "dense"],
)
def test_multiply_adds_are_the_products_that_are_summed(layer):
    """Of ones every product is 1: the outputs add up to their number."""
    model = keras.Sequential([keras.Input((9, 10, 3)), layer])
    products = float(keras.ops.sum(model(np.ones((1, 9, 10, 3), "float32"))))
    network = describe_network(model)
    assert network.layers[1].multiply_adds == products == network.multiply_adds


def test_training_memory_is_what_it_says():
    """One dense layer: 6 weights and 2 biases of 4 bytes, 3 + 3 + 2 outputs."""
    image = keras.Input((1, 1, 3))
    x = layers.Dense(2)(layers.Flatten()(layers.ReLU()(image)))
    network = describe_network(keras.Model(image, x))
    assert network.training_memory(10) == {
        "weights": 8 * 4,
        "gradients": 8 * 4,
        "optimizer": 2 * 8 * 4,
        "activations": 10 * (3 + 3 + 2) * 4,
    }
    assert network.training_memory(1, slots=0)["optimizer"] == 0
    with pytest.raises(UsageError, match="1 or more"):
        network.training_memory(0)


def test_frozen_weights_need_no_gradient_and_bfloat16_half_the_room():
    image = keras.Input((8, 8, 1))
    base = layers.Conv2D(4, 3, dtype="mixed_bfloat16")
    model = keras.Model(image, layers.Conv2D(2, 1)(base(image)))
    base.trainable = False
    network = describe_network(model)
    assert network.training_memory(1)["gradients"] == (4 + 1) * 2 * 4
    assert network.layers[2].activation_bytes == 6 * 6 * 4 * 2
    assert network.weight_bytes == model.count_params() * 4


class Halve(layers.Layer):
    """Made of operations of Keras, and a weight of its own."""

    def build(self, shape):
        self.scale = self.add_weight((shape[-1],), name="scale")

    def call(self, x):
        return keras.ops.relu(keras.ops.average_pool(x, 2, 2) * self.scale)


class Block(layers.Layer):
    """Made of layers of Keras, as a residual block is."""

    def __init__(self):
        super().__init__(name="block")
        self.first = layers.Conv2D(4, 3, padding="same", name="first")
        self.second = layers.Conv2D(4, 3, padding="same", name="second")

    def call(self, x):
        return x + self.second(keras.ops.relu(self.first(x)))


class Closed(layers.Layer):
    """Does what no graph of Keras shows."""

    def call(self, x):
        return tf.raw_ops.Roll(input=x, shift=[1], axis=[1])

    def compute_output_shape(self, shape):
        return shape


class Sideways(Closed):
    place_by_place = True


def test_layers_of_ones_own_are_opened_as_far_as_they_go():
    image = keras.Input((8, 8, 4))
    nested = keras.Sequential([keras.Input((8, 8, 4)), Block()], name="nested")
    x = Halve(name="halve")(nested(image))
    model = keras.Model(image, layers.Conv2D(2, 1, name="last")(x))
    network = describe_network(model)
    assert network.parameters == model.count_params()
    assert not network.not_counted
    first, halve = network.layer("nested/block/first"), network.layer("halve")
    assert first.multiply_adds == 64 * 9 * 4 * 4
    assert (halve.parameters, halve.output) == (4, (4, 4, 4))
    assert halve.window == "2x2 /2 valid"
    # Two 3x3 see 5, the pooling one pixel more; the shortcut changes nothing.
    assert (halve.fields[0].size, halve.fields[0].jump) == (6, 2)


def test_what_is_not_known_is_not_called_nothing():
    image = keras.Input((8, 8, 4))
    x = layers.Conv2D(4, 3)(Closed(name="closed")(image))
    model = keras.Model(image, layers.GlobalAveragePooling2D()(x))
    network = describe_network(model)
    assert network.not_counted == ["closed"]
    assert [x.fields is None for x in network.layers] == [False] + [True] * 3
    assert network.multiply_adds == 36 * 9 * 4 * 4
    own = describe_network(keras.Model(image, Sideways()(image)))
    assert own.not_counted == []
    assert own.layers[1].fields[0].size == 1


def test_a_layer_used_twice_has_its_weights_once():
    image = keras.Input((8, 8, 4))
    shared = layers.Conv2D(4, 3, padding="same", name="shared")
    model = keras.Model(image, shared(shared(image)))
    network = describe_network(model)
    assert network.parameters == model.count_params()
    assert network.layer("shared (2)").parameters == 0
    assert network.layer("shared (2)").multiply_adds == 64 * 9 * 16


def test_the_model_is_as_it_was():
    model = small_network()
    outputs = [layer.output for layer in model.layers]
    describe_network(model)
    assert all(
        layer.output is output
        for layer, output in zip(model.layers, outputs, strict=True)
    )


def test_sizes_that_are_open_are_filled_in():
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 5, name="wide")(image)
    x = layers.MaxPooling2D(2, name="pool")(x)
    x = layers.Conv2D(4, 5, name="narrow")(x)
    model = keras.Model(image, layers.GlobalMaxPooling2D()(x), name="open")
    network = describe_network(model, (14, 20, 3))
    assert network.layer("narrow").output == (1, 4, 4)
    for shape, words in (
        (None, ["any size"]),
        (
            (13, 20, 3),
            ["layer narrow (Conv2D)", "4x8x4", "negative"],
        ),
        ((14, 20, 1), ["anyxanyx3", "14x20x1"]),
        ((14, 20), ["14x20"]),
    ):
        with pytest.raises(UsageError) as error:
            describe_network(model, shape)
        for word in words:
            assert word in str(error.value)


def test_a_classifier_of_tlkit_is_described_at_the_size_it_works_at(tmp_path):
    model = tlkit.build_convnet(2, 64)
    save_classifier(model, tmp_path / "model.keras", ["cats", "dogs"], (64, 64))
    network = describe(str(tmp_path))
    assert network.layers[0].output == (64, 64, 3)
    assert network.parameters == model.count_params()
    assert not network.not_counted
    assert all(layer.fields for layer in network.layers)


def test_only_one_image_can_be_described():
    first, second = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    both = keras.Model([first, second], layers.Add()([first, second]))
    with pytest.raises(UsageError, match="one image"):
        describe_network(both)
    line = keras.Input((8,))
    with pytest.raises(UsageError, match="one image"):
        describe_network(keras.Model(line, layers.Dense(1)(line)))


def test_names_are_found_however_they_are_written():
    assert describe("MobileNet_V2", (32, 32, 3)).parameters == 3_538_984
    assert describe("minivgg").layers[-1].output == (3, 3, 128)
    with pytest.raises(UsageError, match=r"Did you mean .*vgg16"):
        describe("vgg61")
    assert {"vgg16", "resnet50", "minivgg"} <= set(NAMES)
    assert build_by_name("mobilenet", (32, 32, 3)).input_shape[1:] == (
        32,
        32,
        3,
    )


def test_a_network_too_large_for_any_memory_is_described():
    """VGG16's first dense layer at 2,000 pixels: 32 GB of weights."""
    network = describe("vgg16", (2000, 2000, 3))
    assert network.layer("fc1").parameters == (62 * 62 * 512 + 1) * 4096


@pytest.mark.parametrize(
    "text",
    [
        "224",
        "224x224",
        "224x224x3x1",
        "0x5x3",
        "ax5x3",
        "-1x5x3",
        "9x1000000x3",
        "",
    ],
)
def test_inputs_that_are_written_otherwise(text):
    with pytest.raises(UsageError, match="--input"):
        read_input_shape(text)


def test_the_bottleneck_of_the_inception_discussion():
    dear, cheap = bottleneck().ways.values()
    assert dear.multiply_adds == 28 * 28 * 32 * 5 * 5 * 192 == 120_422_400
    assert cheap.multiply_adds == 2_408_448 + 10_035_200 == 12_443_648
    assert "120.4 million" in bottleneck().lesson
    assert "12.4 million" in bottleneck().lesson


@pytest.mark.parametrize("channels", [3, 64])
def test_two_3x3_see_what_one_5x5_sees_for_18_against_25(channels):
    fact = two_small_kernels(channels)
    large, small = fact.ways.values()
    assert large.parameters == 25 * channels**2
    assert small.parameters == 18 * channels**2
    for network in (large, small):
        assert [field.size for field in network.layers[-1].fields] == [5, 5]
    assert "5 x 5 pixels; 25 C^2 weights come down to 18 C^2" in fact.lesson
