"""VGG and Network in Network against their papers and keras.applications."""

import keras
import numpy as np
import pytest

from tlkit.base.errors import UsageError
from tlkit.models.classic import mlpconv, nin, vgg11, vgg13, vgg16, vgg19

# One 3x3 convolution at each width, (9 c_in + 1) c_out.
FIRST = {64: 1_792, 128: 73_856, 256: 295_168, 512: 1_180_160}
AGAIN = {64: 36_928, 128: 147_584, 256: 590_080, 512: 2_359_808}


def test_vgg16_is_column_d_layer_by_layer(sizes):
    model = vgg16((224, 224, 3), 1000)
    assert model.count_params() == 138_357_544
    pools = [f"pool{block}" for block in range(1, 6)]
    assert sizes(model, *pools, "fc6", "fc7", "predictions") == [
        (112, 112, 64),
        (56, 56, 128),
        (28, 28, 256),
        (14, 14, 512),
        (7, 7, 512),
        (4096,),
        (4096,),
        (1000,),
    ]
    found = {
        layer.name: layer.count_params()
        for layer in model.layers
        if layer.count_params()
    }
    expected = {"conv1_1": 1_792, "conv1_2": AGAIN[64]}
    expected |= {"conv2_1": FIRST[128], "conv2_2": AGAIN[128]}
    expected |= {"conv3_1": FIRST[256]}
    expected |= {"conv3_2": AGAIN[256], "conv3_3": AGAIN[256]}
    expected |= {"conv4_1": FIRST[512]}
    expected |= {"conv4_2": AGAIN[512], "conv4_3": AGAIN[512]}
    expected |= {f"conv5_{number}": AGAIN[512] for number in (1, 2, 3)}
    expected |= {"fc6": 102_764_544, "fc7": 16_781_312}
    expected |= {"predictions": 4_097_000}
    assert found == expected


@pytest.mark.parametrize(
    ("build", "total"),
    [
        (vgg11, 132_863_336),
        (vgg13, 133_047_848),
        (vgg16, 138_357_544),
        (vgg19, 143_667_240),
    ],
)
def test_totals_are_those_of_table_2(build, total):
    # At 32 pixels fc6 sees 1x1 and not 7x7 maps of 512 channels, and two
    # classes need 998 outputs less.
    model = build((32, 32, 3), 2)
    at_224 = model.count_params() + 48 * 512 * 4096 + 998 * 4097
    assert at_224 == total


@pytest.mark.parametrize(
    ("ours", "theirs", "side"),
    [
        (vgg16, keras.applications.VGG16, 64),
        (vgg19, keras.applications.VGG19, 32),
    ],
)
def test_it_computes_what_keras_applications_computes(ours, theirs, side):
    published = theirs(weights=None, input_shape=(side, side, 3), classes=7)
    model = ours((side, side, 3), 7)
    model.set_weights(published.get_weights())
    x = np.random.default_rng(0).normal(size=(2, side, side, 3)) * 50
    np.testing.assert_allclose(
        np.asarray(model(x)), np.asarray(published(x)), atol=1e-5
    )


def test_nin_is_the_papers_layer_by_layer(sizes):
    model = nin((32, 32, 3), 10)
    found = [x.count_params() for x in model.layers if x.count_params()]
    assert found == [
        *(14_592, 30_880, 15_456),
        *(460_992, 37_056, 37_056),
        *(331_968, 37_056, 1_930),
    ]
    assert model.count_params() == 966_986
    names = ("mlpconv1_3", "pool1", "mlpconv2_3", "pool2", "mlpconv3_3")
    assert sizes(model, *names, "average", "predictions") == [
        (32, 32, 96),
        (16, 16, 96),
        (16, 16, 192),
        (8, 8, 192),
        (8, 8, 10),
        (10,),
        (10,),
    ]


def test_mlpconv_is_a_perceptron_at_every_place(randomise):
    inputs = keras.Input((5, 6, 3))
    model = randomise(keras.Model(inputs, mlpconv(inputs, (8, 6, 4), 3)))
    x = np.random.default_rng(1).normal(size=(2, 5, 6, 3))
    weights = [weight.astype("float64") for weight in model.get_weights()]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    expected = np.empty((2, 5, 6, 4))
    for row in range(5):
        for column in range(6):
            y = padded[:, row : row + 3, column : column + 3].reshape(2, -1)
            for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
                y = np.maximum(y @ kernel.reshape(y.shape[1], -1) + bias, 0)
            expected[:, row, column] = y
    assert expected.max() > 0
    np.testing.assert_allclose(np.asarray(model(x)), expected, atol=1e-5)


def test_nin_averages_one_map_for_each_class():
    model = nin((9, 7, 2), 4)
    maps = keras.Model(model.input, model.get_layer("mlpconv3_3").output)
    x = np.random.default_rng(2).normal(size=(2, 9, 7, 2)) * 5
    scores = np.asarray(maps(x)).mean((1, 2))
    expected = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    np.testing.assert_allclose(np.asarray(model(x)), expected, atol=1e-6)


def test_nin_learns(loss_falls):
    keras.utils.set_random_seed(0)
    assert loss_falls(nin((12, 12, 1), 3, dropout=0))


def test_mlpconv_wants_a_feature_map():
    with pytest.raises(UsageError, match="feature map"):
        mlpconv(keras.Input((8, 8)), (4, 4), 3)
