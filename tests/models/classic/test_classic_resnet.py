"""ResNet: counts, both shortcuts, and keras.applications as a reference."""

import keras
import numpy as np
import pytest

from tlkit.base.errors import UsageError
from tlkit.models.classic import residual, resnet18, resnet34, resnet50


@pytest.mark.parametrize(
    ("build", "total", "blocks", "channels"),
    [
        (resnet18, 11_689_512, (2, 2, 2, 2), (64, 128, 256, 512)),
        (resnet34, 21_797_672, (3, 4, 6, 3), (64, 128, 256, 512)),
        (resnet50, 25_557_032, (3, 4, 6, 3), (256, 512, 1024, 2048)),
    ],
)
def test_sizes_are_those_of_table_1(
    build, total, blocks, channels, sizes, trainable
):
    model = build((224, 224, 3), 1000)
    assert trainable(model) == total
    names = [f"conv{stage}_{n}" for stage, n in enumerate(blocks, start=2)]
    sides = (56, 28, 14, 7)
    assert sizes(model, "conv1", "pool1", *names, "average") == [
        (112, 112, 64),
        (56, 56, 64),
        *((s, s, c) for s, c in zip(sides, channels, strict=True)),
        (channels[-1],),
    ]
    for stage, n in enumerate(blocks, start=2):
        with pytest.raises(ValueError, match="No such layer"):
            model.get_layer(f"conv{stage}_{n + 1}")


def test_identity_shortcuts_have_no_parameters(trainable):
    # Three projections, each with a batch normalisation.
    projections = sum(c * 2 * c + 2 * 2 * c for c in (64, 128, 256))
    plain = trainable(resnet18((32, 32, 3), 10, shortcut="identity"))
    assert trainable(resnet18((32, 32, 3), 10)) == plain + projections


def copy_by_name(published, model):
    """From `conv3_block1_2_conv` and its like to our names."""
    for layer in published.layers:
        if not layer.weights:
            continue
        parts = layer.name.split("_")
        if "block" not in layer.name:
            name = {"conv1_conv": "conv1", "conv1_bn": "conv1_bn"}.get(
                layer.name, "predictions"
            )
        else:
            stage, block, number, kind = parts
            name = f"{stage}_{block.removeprefix('block')}"
            name += "_shortcut" if number == "0" else f"_conv{number}"
            name += "_bn" if kind == "bn" else ""
        weights = layer.get_weights()
        if isinstance(layer, keras.layers.Conv2D):
            weights = weights[:1]
        model.get_layer(name).set_weights(weights)


def test_resnet50_computes_what_keras_applications_computes(randomise):
    """Whose convolutions have biases besides: those are zero here."""
    published = keras.applications.ResNet50(
        weights=None, input_shape=(64, 64, 3), classes=7
    )
    randomise(published)
    biases = 0
    for layer in published.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.bias.assign(np.zeros(layer.bias.shape))
            biases += layer.bias.shape[0]
    model = resnet50((64, 64, 3), 7)
    assert published.count_params() - model.count_params() == biases == 26_560
    copy_by_name(published, model)
    x = np.random.default_rng(0).normal(size=(2, 64, 64, 3))
    ours = keras.Model(model.input, model.get_layer("average").output)
    theirs = keras.Model(
        published.input, published.get_layer("avg_pool").output
    )
    expected = np.asarray(theirs(x))
    np.testing.assert_allclose(
        np.asarray(ours(x)) / expected.max(),
        expected / expected.max(),
        atol=1e-4,
    )
    np.testing.assert_allclose(
        np.asarray(model(x)), np.asarray(published(x)), atol=1e-4
    )


def block(shape, filters, **options):
    inputs = keras.Input(shape)
    return keras.Model(inputs, residual(inputs, filters, name="b", **options))


def silence(model, last):
    """A last gamma of zero: nothing is added to the shortcut."""
    layer = model.get_layer(last)
    layer.set_weights(
        [0 * w for w in layer.get_weights()[:2]] + layer.get_weights()[2:]
    )


@pytest.mark.parametrize("bottleneck", [False, True])
def test_a_block_begins_as_the_identity_when_its_last_gamma_is_zero(
    bottleneck, randomise
):
    model = randomise(
        block((4, 5, 8), 2 if bottleneck else 8, bottleneck=bottleneck)
    )
    silence(model, "b_conv3_bn" if bottleneck else "b_conv2_bn")
    x = np.random.default_rng(1).normal(size=(2, 4, 5, 8)).astype("float32")
    np.testing.assert_array_equal(np.asarray(model(x)), np.maximum(x, 0))


def test_an_identity_shortcut_skips_pixels_and_adds_zeros(randomise):
    model = randomise(block((5, 6, 3), 8, strides=2, shortcut="identity"))
    silence(model, "b_conv2_bn")
    x = np.abs(np.random.default_rng(2).normal(size=(2, 5, 6, 3)))
    x = x.astype("float32")
    found = np.asarray(model(x))
    np.testing.assert_array_equal(found[..., :3], x[:, ::2, ::2])
    np.testing.assert_array_equal(found[..., 3:], 0)


def plain_bn(x, model, name):
    gamma, beta, mean, variance = model.get_layer(name).get_weights()
    return gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta


def test_a_block_with_a_projection_is_equation_2(plain_convolve, randomise):
    model = randomise(block((5, 6, 3), 4, strides=2))
    x = np.random.default_rng(3).normal(size=(2, 5, 6, 3))
    border = ((0, 0), (1, 1), (1, 1), (0, 0))

    def kernel(name):
        return model.get_layer(name).get_weights()[0]

    y = plain_convolve(
        np.pad(x, border), kernel("b_conv1"), strides=2, padding="valid"
    )
    y = np.maximum(plain_bn(y, model, "b_conv1_bn"), 0)
    y = plain_bn(plain_convolve(y, kernel("b_conv2")), model, "b_conv2_bn")
    skip = plain_convolve(x, kernel("b_shortcut"), strides=2)
    skip = plain_bn(skip, model, "b_shortcut_bn")
    expected = np.maximum(y + skip, 0)
    np.testing.assert_allclose(np.asarray(model(x)), expected, atol=1e-5)


def test_without_normalisation_convolutions_have_biases(
    plain_convolve, randomise
):
    model = randomise(block((4, 4, 3), 3, batch_normalisation=False))
    x = np.random.default_rng(4).normal(size=(1, 4, 4, 3))
    first, second = (model.get_layer(f"b_conv{n}") for n in (1, 2))
    y = np.maximum(plain_convolve(x, *first.get_weights()), 0)
    y = plain_convolve(y, *second.get_weights())
    found = np.asarray(model(x))
    np.testing.assert_allclose(found, np.maximum(x + y, 0), atol=1e-5)


def test_what_cannot_be_is_refused():
    with pytest.raises(UsageError, match="not remove any"):
        block((4, 4, 8), 4, shortcut="identity")
    with pytest.raises(UsageError, match="projection or identity"):
        resnet18((32, 32, 3), 10, shortcut="zero")
    with pytest.raises(UsageError, match="feature map"):
        residual(keras.Input((8,)), 8)
