"""All classic networks: by name, at any size, through a file, and refused."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import tlkit
from tlkit.base.errors import UsageError
from tlkit.models import classic
from tlkit.models.classic.sizes import fit

NAMES = [
    *("lenet1", "lenet4", "lenet5", "lenet", "alexnet"),
    *("vgg11", "vgg13", "vgg16", "vgg19", "nin", "googlenet"),
    *("resnet18", "resnet34", "resnet50", "densenet121"),
    *("inception_mnist", "resnet_mnist"),
]

# By (W - F + 2P) / S + 1, solved backwards from one pixel by hand.
SMALLEST = {
    "lenet1": (16, "S4_mean"),
    "lenet4": (16, "S4_mean"),
    "lenet5": (16, "S4_mean"),
    "lenet": (12, "S4"),
    "alexnet": (67, "pool5"),
    "vgg16": (32, "pool5"),
    "densenet121": (29, "transition3"),
    "inception_mnist": (16, "pool2"),
    "resnet_mnist": (16, "pool2"),
}


def test_every_network_is_there_by_name():
    assert sorted(classic.NETWORKS) == sorted(NAMES)
    for name, network in classic.NETWORKS.items():
        assert network.build is getattr(classic, name)


@pytest.mark.parametrize(
    "name", ["lenet1", "lenet5", "nin", "inception_mnist", "resnet_mnist"]
)
def test_by_name_it_is_the_published_one(name):
    network = classic.NETWORKS[name]
    model = tlkit.build_classic(name)
    assert model.name == name
    assert model.input_shape == (None, *network.input_shape)
    assert model.output_shape == (None, network.classes)


def test_by_name_it_may_have_another_input_and_other_classes():
    model = tlkit.build_classic("resnet18", (20, 31, 5), 3)
    assert model.input_shape == (None, 20, 31, 5)
    rows = np.asarray(model(np.ones((2, 20, 31, 5))))
    np.testing.assert_allclose(rows.sum(1), 1, atol=1e-6)


def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(UsageError, match="Did you mean lenet5"):
        tlkit.build_classic("lenet-5")


@pytest.mark.parametrize("name", SMALLEST)
def test_the_smallest_image_is_taken_and_a_smaller_one_explained(name):
    build = classic.NETWORKS[name].build
    side, layer = SMALLEST[name]
    assert build((side, side, 3), 2).output_shape == (None, 2)
    with pytest.raises(UsageError) as caught:
        build((side, side - 1, 3), 2)
    said = str(caught.value)
    assert f"layer {layer}" in said
    assert f"{side}x{side} pixels or more" in said


def test_the_error_tells_what_arrives_and_what_is_needed():
    with pytest.raises(UsageError) as caught:
        classic.lenet5((28, 14, 1), 10)
    # 14 - 4 = 10, halved 5, 5 - 4 = 1: two are needed to halve.
    assert "layer S4_mean" in str(caught.value)
    assert "a feature map of 2x2 or more" in str(caught.value)
    assert "8x1" in str(caught.value)


def test_a_block_alone_takes_maps_of_unknown_size():
    layer = keras.layers.MaxPooling2D(2)
    assert fit(layer, keras.Input((None, None, 3))).shape[-1] == 3
    block = classic.inception(
        keras.Input((None, None, 3)), 1, (1, 2), (1, 3), 4
    )
    assert block.shape == (None, None, None, 10)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "shape", [(28, 28), (28, 28, 0), (28.5, 28, 1), 28, None, "abc"]
)
def test_what_is_no_shape_of_an_image_is_refused(name, shape):
    with pytest.raises(UsageError, match="height, width, channels"):
        classic.NETWORKS[name].build(shape, 10)


@pytest.mark.parametrize("name", NAMES)
def test_a_classifier_has_two_classes_or_more(name):
    with pytest.raises(UsageError, match="two classes"):
        tlkit.build_classic(name, classes=1)


def blocks():
    """One small model of everything that is not a whole network."""
    inputs = x = keras.Input((9, 9, 4))
    x = classic.local_response_normalisation(x, name="norm")
    x = classic.overlapping_pool(x, "pool")
    x = classic.residual(x, 6, strides=2, shortcut="identity", name="a")
    x = classic.residual(x, 2, bottleneck=True, name="b")
    x = classic.inception(x, 1, (1, 2), (1, 2), 1)
    x = classic.dense_block(x, 2, 3)
    return keras.Model(inputs, classic.transition(x, 5))


PORTABLE = {
    "blocks": blocks,
    "lenet": lambda: classic.lenet((28, 28, 1), 10),
    "lenet5": lambda: classic.lenet5((28, 28, 1), 10, connection_table=False),
    "nin": lambda: classic.nin((12, 12, 3), 3),
    "inception_mnist": lambda: classic.inception_mnist((20, 20, 1), 3),
    "resnet_mnist": lambda: classic.resnet_mnist((20, 20, 1), 3),
}


def test_saved_models_need_nothing_but_keras(tmp_path):
    expected = {}
    for name, build in PORTABLE.items():
        model = build()
        x = np.random.default_rng(0).normal(size=(2, *model.input_shape[1:]))
        model.save(tmp_path / f"{name}.keras")
        np.save(tmp_path / f"{name}.npy", x)
        expected[name] = np.asarray(model(x))
    program = (
        "import sys, keras, numpy as np\n"
        "for name in sys.argv[1:]:\n"
        "    model = keras.models.load_model(name + '.keras')\n"
        "    np.save(name, np.asarray(model(np.load(name + '.npy'))))\n"
        "assert 'tlkit' not in sys.modules\n"
    )
    subprocess.run(
        [sys.executable, "-c", program, *PORTABLE], cwd=tmp_path, check=True
    )
    for name, rows in expected.items():
        found = np.load(tmp_path / f"{name}.npy")
        np.testing.assert_allclose(found, rows, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("build", [classic.lenet1, classic.lenet4])
def test_networks_with_tables_come_back_from_a_file(build, tmp_path):
    model = build((28, 28, 1), 10)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(1).normal(size=(2, 28, 28, 1))
    np.testing.assert_array_equal(np.asarray(loaded(x)), np.asarray(model(x)))
