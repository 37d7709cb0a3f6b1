"""Conv bases against `keras.applications`, and what may be frozen in them."""

import functools
import subprocess
import sys
import warnings

import h5py
import keras
import numpy as np
import pytest

from tlkit.base.errors import TlkitError, UsageError
from tlkit.models.bases import BASES, build_base
from tlkit.models.freezing import (
    block_names,
    find_layer,
    freeze_all,
    freeze_below,
)
from tlkit.models.heads import HeadSpec, attach_head
from tlkit.models.inputs import without_resize
from tlkit.models.precision import with_precision

SLOW = {"densenet121", "efficientnetv2b0", "convnext_tiny"}
ALL_BASES = [
    pytest.param(name, marks=pytest.mark.slow if name in SLOW else [])
    for name in BASES
]
# MiniVGG has tests of its own.
KERAS_BASES = [base for base in ALL_BASES if base.values != ("minivgg",)]


def random_pixels(*shape):
    return np.random.default_rng(7).integers(0, 256, shape, dtype="uint8")


def size_of(name):
    return (max(64, BASES[name].smallest_size), 80)


def randomise(model, seed=0):
    """Weights as after training: batch normalisation is not the identity."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for weight in layer.weights:
                low = 0.5 if weight.name in ("gamma", "moving_variance") else 0
                values = rng.uniform(low, low + 1, weight.shape)
                weight.assign(values.astype("float32"))


@functools.cache
def base_of(name):
    keras.utils.set_random_seed(3)
    model = build_base(name, "none", size_of(name))
    randomise(model)
    return model


def weights_of(model):
    return {
        f"{layer.name}/{position}": values
        for layer in model.layers
        for position, values in enumerate(layer.get_weights())
    }


def changed_layers(before, after):
    assert before.keys() == after.keys()
    return {
        key.split("/")[0]
        for key in before
        if not np.array_equal(before[key], after[key])
    }


@pytest.fixture
def mixed_policy():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="module")
def tiny():
    """MobileNetV2, thin and small: the quickest of the bases."""
    keras.utils.set_random_seed(5)
    model = build_base("mobilenet_v2", "none", 96, alpha=0.35)
    randomise(model)
    return model


# The graph


@pytest.mark.parametrize("name", KERAS_BASES)
def test_features_equal_keras_applications_with_outside_preprocessing(name):
    spec, size = BASES[name], size_of(name)
    ours = base_of(name)
    reference = getattr(keras.applications, spec.builder)(
        include_top=False, weights=None, input_shape=(*size, 3)
    )
    reference.set_weights(ours.get_weights())
    pixels = random_pixels(2, *size, 3)
    module = getattr(keras.applications, spec.module)
    prepared = module.preprocess_input(pixels.astype("float32"))
    expected = np.asarray(reference(prepared))
    scale = np.abs(expected).max()
    assert expected.std() > 1e-3 * scale
    np.testing.assert_allclose(
        np.asarray(ours(pixels)), expected, rtol=0, atol=1e-5 * scale
    )


@pytest.mark.parametrize("name", ALL_BASES)
def test_bases_are_flat_and_reload_to_the_bit(name, tmp_path):
    model = base_of(name)
    model.save(tmp_path / "base.keras")
    again = keras.models.load_model(tmp_path / "base.keras", safe_mode=True)
    assert not any(isinstance(x, keras.Model) for x in again.layers)
    assert not any(isinstance(x, keras.layers.Lambda) for x in again.layers)
    assert [x.name for x in again.layers] == [x.name for x in model.layers]
    for height, width in (size_of(name), (50, 90), (120, 40)):
        pixels = random_pixels(1, height, width, 3)
        np.testing.assert_array_equal(
            np.asarray(again(pixels)), np.asarray(model(pixels))
        )


@pytest.mark.slow
def test_every_base_loads_with_plain_keras_in_a_fresh_process(tmp_path):
    for name in BASES:
        base_of(name).save(tmp_path / f"{name}.keras")
    program = (
        "import sys, pathlib, keras\n"
        "for path in sorted(pathlib.Path('.').glob('*.keras')):\n"
        "    keras.models.load_model(path, safe_mode=True)\n"
        "assert 'tlkit' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)


@pytest.mark.parametrize("name", ALL_BASES)
def test_precision_there_and_back_changes_no_bit(name):
    model = base_of(name)
    pixels = random_pixels(1, 70, 60, 3)
    mixed = with_precision(model, "mixed_bfloat16")
    features = np.asarray(mixed(pixels)).astype("float32")
    plain = np.asarray(model(pixels))
    assert 0 < np.abs(features - plain).max() < 0.1 * np.abs(plain).max()
    back = with_precision(mixed, "float32")
    np.testing.assert_array_equal(np.asarray(back(pixels)), plain)
    assert [x.name for x in mixed.layers] == [x.name for x in model.layers]
    assert changed_layers(weights_of(model), weights_of(back)) == set()


@pytest.mark.parametrize("name", KERAS_BASES)
def test_images_of_the_right_size_need_no_resize_to_the_bit(name):
    model, images = base_of(name), random_pixels(2, *size_of(name), 3)
    short = without_resize(model)
    assert "resize" not in [layer.name for layer in short.layers]
    np.testing.assert_array_equal(short(images), model(images))


def test_a_plain_call_neither_trains_nor_touches_moving_statistics(tiny):
    # Resizing defaults to training=True, and Keras 3.15 hands that on to the
    # layers after it: `model(x)` overwrote the statistics of every batch
    # normalisation, and so did every model cut out of its graph.
    before = weights_of(tiny)
    pixels = random_pixels(3, 96, 96, 3)
    part = keras.Model(tiny.input, tiny.get_layer("block_3_expand_BN").output)
    for model in (tiny, part):
        plain = np.asarray(model(pixels))
        inference = np.asarray(model(pixels, training=False))
        np.testing.assert_array_equal(plain, inference)
    assert changed_layers(before, weights_of(tiny)) == set()


def test_calling_a_base_on_an_array_warns_of_nothing(tiny):
    # The builders of keras.applications hold their input as a list of one.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tiny(random_pixels(1, 96, 96, 3))


def test_training_still_reaches_dropout_after_the_resize():
    model = attach_head(
        base_of("vgg16"), HeadSpec(classes=2, units=64, dropout=0.9)
    )
    pixels = random_pixels(1, 64, 64, 3)
    dropped = keras.Model(model.input, model.get_layer("head_dropout").output)
    assert (np.asarray(dropped(pixels, training=True)) == 0).mean() > 0.7
    assert (np.asarray(dropped(pixels)) == 0).mean() < 0.7


def test_precision_keeps_the_trainable_flags_and_frozen_statistics(tiny):
    freeze_below(tiny, "block_13")
    twin = with_precision(tiny, "mixed_bfloat16")
    flags = {x.name: x.trainable for x in tiny.layers}
    assert {x.name: x.trainable for x in twin.layers} == flags
    assert changed_layers(weights_of(tiny), weights_of(twin)) == set()


@pytest.mark.parametrize("name", ["vgg16", "xception", "efficientnetv2b0"])
def test_normalisation_is_float32_under_a_mixed_policy(name, mixed_policy):
    size = size_of(name)
    model = build_base(name, "none", size)
    first = next(layer for layer in model.layers if layer.weights)
    assert first.compute_dtype == "bfloat16"
    entry = keras.Model(model.input, first.input)
    pixels = random_pixels(1, *size, 3)
    module = getattr(keras.applications, BASES[name].module)
    expected = module.preprocess_input(pixels.astype("float32"))
    if name == "efficientnetv2b0":
        # What its own preprocessing layers do, by the ImageNet constants.
        mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        expected = (pixels / 255 - np.array(mean)) / np.array(deviation)
    given = np.asarray(entry(pixels))
    assert given.dtype == np.float32
    np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-5)


# The table


@pytest.mark.parametrize("name", ALL_BASES)
def test_the_table_of_blocks_agrees_with_the_graph(name):
    spec, model = BASES[name], base_of(name)
    positions = {layer.name: k for k, layer in enumerate(model.layers)}
    assert [find_layer(model, block).name for block, _ in spec.blocks] == [
        first for _, first in spec.blocks
    ]
    order = [positions[first] for _, first in spec.blocks]
    assert order == sorted(order)
    assert spec.fine_tune_from in dict(spec.blocks)
    assert block_names(model) == tuple(block for block, _ in spec.blocks)


def test_parameters_are_those_of_the_papers_networks():
    # As listed in the documentation of keras.applications, less the top.
    assert base_of("vgg16").count_params() == 138_357_544 - (
        (7 * 7 * 512 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * 1000
    )
    assert base_of("mobilenet").count_params() == 4_253_864 - 1025 * 1000


def test_a_base_works_at_its_default_size():
    assert build_base("vgg16", "none").output.shape[1:] == (4, 4, 512)
    thin = build_base("mobilenet", "none", alpha=0.25)
    assert thin.output.shape[1:] == (7, 7, 256)


def test_errors_of_arguments_say_what_would_be_right():
    with pytest.raises(UsageError, match="Did you mean vgg16"):
        build_base("vgg-16")
    with pytest.raises(UsageError, match="71 pixels or more"):
        build_base("xception", "none", 70)
    with pytest.raises(UsageError, match=r"0\.35 or 0\.5"):
        build_base("mobilenet_v2", "none", alpha=0.25)
    with pytest.raises(UsageError, match="does not come in this width"):
        build_base("vgg16", "none", alpha=0.5)
    with pytest.raises(UsageError, match=r"expected: +tlkit, the path"):
        build_base("minivgg", "imagenet")
    with pytest.raises(UsageError, match=r"expected: +imagenet, the path"):
        build_base("vgg16", "tlkit")


# Finding and freezing


def test_near_names_and_blocks_are_named_when_a_layer_is_not_found():
    model = base_of("vgg16")
    with pytest.raises(UsageError) as caught:
        find_layer(model, "block5_conv4")
    assert "block1, block2, block3, block4, block5" in str(caught.value)
    assert "Did you mean block5_conv" in str(caught.value)
    with pytest.raises(UsageError):
        find_layer(model, "")


def test_an_exact_name_comes_before_a_block_and_blocks_end_at_underscores():
    inputs = x = keras.Input((4,))
    for name in ("block_10_a", "block_1_a", "block_1", "block_1_b"):
        x = keras.layers.Dense(4, name=name)(x)
    model = keras.Model(inputs, x)
    assert find_layer(model, "block_1").name == "block_1"
    assert find_layer(model, "block").name == "block_10_a"
    model = keras.Model(inputs, model.get_layer("block_1_a").output)
    assert find_layer(model, "block_1").name == "block_1_a"


def test_below_is_told_by_the_graph_and_not_by_the_order_of_layers():
    # In ResNet50V2 the shortcut conv5_block1_0_conv is listed before
    # conv5_block1_3_conv, but the latter is not computed from it.
    model = base_of("resnet50v2")
    names = [layer.name for layer in model.layers]
    shortcut, cut = "conv5_block1_0_conv", "conv5_block1_3_conv"
    assert names.index(shortcut) < names.index(cut)
    trained = freeze_below(model, cut)
    assert {shortcut, cut} <= set(trained)
    assert not {"conv5_block1_1_conv", "conv5_block1_2_conv"} & set(trained)
    # Cut at the block, all of the block trains, and nothing before it.
    trained = freeze_below(model, "conv5_block1")
    assert all(name.startswith("conv5_") for name in trained)
    assert sum(name.startswith("conv5_block1_") for name in trained) == 4


def test_the_unnamed_shortcut_of_xception_trains_with_its_block():
    model = base_of("xception")
    trained = freeze_below(model, "block13")
    shortcuts = [name for name in trained if name.startswith("conv2d")]
    assert len(shortcuts) == 1
    assert len(trained) == 5


def test_cutting_at_the_input_trains_everything_but_normalisation(tiny):
    trained = freeze_below(tiny, "pixels")
    convolutions = [
        layer.name
        for layer in tiny.layers
        if layer.weights
        and not isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert list(trained) == convolutions


def test_flags_set_earlier_on_the_model_do_not_overrule(tiny):
    freeze_all(tiny)
    assert tiny.trainable_weights == []
    trained = freeze_below(tiny, "Conv_1")
    assert trained == ("Conv_1",)
    assert len(tiny.trainable_weights) == 1


def test_one_step_changes_exactly_what_stands_from_the_cut_up():
    keras.utils.set_random_seed(0)
    base = build_base("vgg16", "none", 48)
    model = attach_head(base, HeadSpec(classes=2, units=8, dropout=0.0))
    trained = freeze_below(model, "block5")
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = weights_of(model)
    model.train_on_batch(random_pixels(4, 48, 48, 3), np.array([0, 1, 0, 1]))
    changed = changed_layers(before, weights_of(model))
    assert changed == set(trained)
    assert changed == {
        *("block5_conv1", "block5_conv2", "block5_conv3"),
        *("head_dense", "predictions"),
    }


def test_moving_statistics_stay_when_a_base_is_fine_tuned(tiny):
    keras.utils.set_random_seed(0)
    model = attach_head(tiny, HeadSpec(classes=2, pooling="average", units=0))
    trained = freeze_below(model, BASES["mobilenet_v2"].fine_tune_from)
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = weights_of(model)
    model.fit(
        random_pixels(8, 96, 96, 3),
        np.arange(8) % 2,
        batch_size=4,
        verbose=0,
    )
    changed = changed_layers(before, weights_of(model))
    assert changed == set(trained)
    assert not any("BN" in name or "bn" in name for name in changed)
    assert "block_13_expand" in changed
    assert "block_12_project" not in changed


# Weights from files


@pytest.fixture(scope="module")
def mobilenet_files(tmp_path_factory):
    """The same thin MobileNet in every form its weights come in."""
    folder = tmp_path_factory.mktemp("weights")
    keras.utils.set_random_seed(11)
    network = keras.applications.MobileNet(
        alpha=0.25, weights=None, input_shape=(32, 32, 3), classes=10
    )
    randomise(network, seed=4)
    network.save(folder / "with_top.h5")
    network.save_weights(folder / "with_top.weights.h5")
    bare = keras.applications.MobileNet(
        alpha=0.25, weights=None, input_shape=(32, 32, 3), include_top=False
    )
    bare.set_weights(network.get_weights()[: len(bare.weights)])
    bare.save(folder / "no_top.h5")
    bare.save_weights(folder / "no_top.weights.h5")
    write_layers(folder / "distributed_no_top.h5", layers_of(bare))
    return folder, weights_of(bare)


def layers_of(model):
    return [(x.name, x.get_weights()) for x in model.layers]


def write_layers(path, layers, part=20):
    """Writes the form keras.applications distributes: layers in order.

    Long lists of names are spread over layer_names0, layer_names1, ... there,
    which this does for every list.
    """
    with h5py.File(path, "w") as file:
        names = [name.encode() for name, _ in layers]
        for k in range(0, len(names), part):
            file.attrs[f"layer_names{k // part}"] = names[k : k + part]
        for name, arrays in layers:
            group = file.create_group(name)
            paths = [f"{name}/weight_{k}" for k in range(len(arrays))]
            group.attrs["weight_names"] = [path.encode() for path in paths]
            for path_in_group, array in zip(paths, arrays, strict=True):
                group[path_in_group] = array


@pytest.mark.parametrize(
    "file",
    [
        "with_top.h5",
        "no_top.h5",
        "with_top.weights.h5",
        "no_top.weights.h5",
        "distributed_no_top.h5",
    ],
)
@pytest.mark.parametrize("image_size", [(40, 56)])
def test_weights_load_from_every_form_of_file(
    mobilenet_files, file, image_size
):
    folder, expected = mobilenet_files
    model = build_base("mobilenet", folder / file, image_size, alpha=0.25)
    assert changed_layers(expected, weights_of(model)) == set()


@pytest.mark.parametrize("file", ["no_top.h5", "no_top.weights.h5"])
@pytest.mark.parametrize(
    ("name", "alpha"), [("mobilenet", 0.5), ("mobilenet_v2", 0.35)]
)
def test_weights_of_another_width_or_network_are_refused(
    mobilenet_files, file, name, alpha
):
    path = mobilenet_files[0] / file
    with pytest.raises(TlkitError) as caught:
        build_base(name, path, 64, alpha=alpha)
    message = str(caught.value)
    assert f"not the weights of {name} with alpha={alpha}" in message
    assert str(path) in message
    assert "expected:" in message
    assert "received:" in message
    assert "Choose the conv base and the width" in message
    assert len(message) < 1000


def test_a_file_that_lacks_the_last_layers_is_refused(tmp_path):
    layers = layers_of(build_base("mobilenet", "none", 32, alpha=0.25))
    write_layers(tmp_path / "short.h5", layers[:-3])
    with pytest.raises(TlkitError, match="no such layer"):
        build_base("mobilenet", tmp_path / "short.h5", 32, alpha=0.25)


def test_a_file_with_more_layers_than_a_top_has_is_refused(tmp_path):
    layers = layers_of(build_base("mobilenet", "none", 32, alpha=0.25))
    more = [(f"more_{k}", [np.ones((2, 2))]) for k in range(4)]
    write_layers(tmp_path / "three.h5", layers + more[:3])
    build_base("mobilenet", tmp_path / "three.h5", 32, alpha=0.25)
    write_layers(tmp_path / "four.h5", layers + more)
    with pytest.raises(TlkitError, match="4 more, from more_0 on"):
        build_base("mobilenet", tmp_path / "four.h5", 32, alpha=0.25)


def test_keras_3_files_that_lack_a_layer_are_refused(mobilenet_files, tmp_path):
    # Pins that Keras is strict here: tlkit relies on it.
    whole = mobilenet_files[0] / "no_top.weights.h5"
    lacking = tmp_path / "lacking.weights.h5"
    lacking.write_bytes(whole.read_bytes())
    with h5py.File(lacking, "a") as file:
        del file["layers/batch_normalization_7"]
    with pytest.raises(TlkitError, match="not the weights of"):
        build_base("mobilenet", lacking, 32, alpha=0.25)


def test_a_keras_3_file_under_another_name_says_so(mobilenet_files, tmp_path):
    whole = mobilenet_files[0] / "no_top.weights.h5"
    renamed = tmp_path / "renamed.h5"
    renamed.write_bytes(whole.read_bytes())
    with pytest.raises(UsageError, match=r"ends in \.weights\.h5"):
        build_base("mobilenet", renamed, 32, alpha=0.25)


@pytest.mark.parametrize("file", ["no_top.h5", "no_top.weights.h5"])
def test_files_that_are_cut_off_or_no_hdf5_are_refused(
    mobilenet_files, tmp_path, file
):
    whole = (mobilenet_files[0] / file).read_bytes()
    for contents in (b"", b"<html>404</html>", whole[: len(whole) // 2]):
        path = tmp_path / file
        path.write_bytes(contents)
        with pytest.raises(TlkitError, match="Cannot read the weights"):
            build_base("mobilenet", path, 32, alpha=0.25)


def test_an_hdf5_file_of_something_else_is_refused(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["measurements"] = np.arange(3)
    with pytest.raises(TlkitError, match="not the weights of vgg16"):
        build_base("vgg16", tmp_path / "other.h5", 32)


def test_a_missing_file_is_an_error_of_usage(tmp_path):
    with pytest.raises(UsageError, match="no such weights file"):
        build_base("vgg16", tmp_path / "missing.h5", 32)


@pytest.mark.slow
def test_convnext_takes_weights_although_its_layers_are_nested(tmp_path):
    keras.utils.set_random_seed(2)
    network = keras.applications.ConvNeXtTiny(
        include_top=False, weights=None, input_shape=(64, 64, 3)
    )
    network.save(tmp_path / "convnext.h5")
    ours = build_base("convnext_tiny", tmp_path / "convnext.h5", 64)
    pixels = random_pixels(1, 64, 64, 3)
    expected = np.asarray(network(pixels))
    np.testing.assert_allclose(np.asarray(ours(pixels)), expected, atol=1e-5)


def test_a_failed_download_names_the_file_and_the_way_round(monkeypatch):
    address = "https://example.org/vgg16/vgg16_weights_notop.h5"

    def refuse(**arguments):
        assert arguments["weights"] == "imagenet"
        raise Exception(f"URL fetch failure on {address}: None -- [Errno -2]")

    monkeypatch.setattr(keras.applications, "VGG16", refuse)
    with pytest.raises(TlkitError) as caught:
        build_base("vgg16")
    assert f"where:     {address}\n" in str(caught.value)
    assert "--weights PATH" in str(caught.value)
