"""LeNet-1, LeNet-4, LeNet-5 and the modern LeNet against their papers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tlkit.base.errors import UsageError
from tlkit.models.classic import (
    MAPLoss,
    TableConv2D,
    lenet,
    lenet1,
    lenet4,
    lenet5,
    nearest_accuracy,
)
from tlkit.models.classic.radial_basis import class_codes, rbf_distances

# Table I of LeCun et al., 1998, row by row as printed: maps of S2 downwards,
# maps of C3 across.
PRINTED_TABLE_I = """
X . . . X X X . . X X X X . X X
X X . . . X X X . . X X X X . X
X X X . . . X X X . . X . X X X
. X X X . . X X X X . . X . X X
. . X X X . . X X X X . X X . X
. . . X X X . . X X X X . X X X
"""


def parameters(model, *names):
    return [model.get_layer(name).count_params() for name in names]


def influence(layer, maps, side=7):
    """Which input maps have a gradient in which output maps."""
    x = tf.random.stateless_normal((1, side, side, maps), (1, 2))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = layer(x)
        totals = [tf.reduce_sum(y[..., j]) for j in range(y.shape[-1])]
    gradients = [np.asarray(tape.gradient(total, x)) for total in totals]
    return np.stack([np.abs(g).sum((0, 1, 2)) > 0 for g in gradients], axis=1)


def test_lenet1_is_the_papers_layer_by_layer(sizes, trainable):
    model = lenet1((28, 28, 1), 10)
    names = ("C1", "S2", "C3", "S4")
    assert sizes(model, *names) == [
        (24, 24, 4),
        (12, 12, 4),
        (8, 8, 12),
        (4, 4, 12),
    ]
    assert parameters(model, *names) == [104, 8, 512, 24]
    assert trainable(model) == model.count_params() == 2_578
    # Every unit of a map is connected once a weight, a pooling unit to its
    # four pixels and its bias.
    connections = 24**2 * 104 + 12**2 * 4 * 5 + 8**2 * 512 + 4**2 * 12 * 5
    assert connections + 1_930 == 98_442  # what the paper of 1990 gives


def test_lenet4_comes_to_the_papers_totals(sizes, trainable):
    model = lenet4((32, 32, 1), 10)
    names = ("C1", "S2", "C3", "S4", "F5")
    assert sizes(model, *names) == [
        (28, 28, 4),
        (14, 14, 8),
        (10, 10, 16),
        (5, 5, 16),
        (1, 1, 120),
    ]
    assert parameters(model, *names) == [104, 16, 1_516, 32, 14_120]
    assert trainable(model) == 16_998
    assert round(trainable(model), -3) == 17_000  # "about 17,000"
    connections = 28**2 * 104 + 14**2 * 8 * 5 + 10**2 * 1_516 + 5**2 * 16 * 5
    connections += 14_120 + 1_210
    assert round(connections, -4) == 260_000  # "about 260,000"


def test_lenet4_leaves_no_map_out():
    model = lenet4((32, 32, 1), 10)
    for name, maps in (("C3", 8), ("F5", 16)):
        rows = model.get_layer(name).table
        assert {source for row in rows for source in row} == set(range(maps))


def test_lenet4_pools_each_map_twice(randomise):
    model = randomise(lenet4((32, 32, 1), 10))
    pool = keras.Model(
        model.get_layer("C1_squashed").output, model.get_layer("S2").output
    )
    x = np.random.default_rng(0).normal(size=(1, 28, 28, 4)).astype("float32")
    means = x.reshape(1, 14, 2, 14, 2, 4).mean((2, 4))
    kernel, bias = model.get_layer("S2").get_weights()
    for source in range(4):
        for copy in range(2):
            place = 2 * source + copy
            np.testing.assert_allclose(
                np.asarray(pool(x))[..., place],
                means[..., source] * kernel[0, 0, source, copy] + bias[place],
                atol=1e-5,
            )


def test_lenet5_is_the_papers_layer_by_layer(sizes, trainable):
    model = lenet5((32, 32, 1), 10)
    names = ("C1", "S2", "C3", "S4", "C5", "F6")
    assert sizes(model, *names) == [
        (28, 28, 6),
        (14, 14, 6),
        (10, 10, 16),
        (5, 5, 16),
        (1, 1, 120),
        (84,),
    ]
    assert parameters(model, *names) == [156, 12, 1_516, 32, 48_120, 10_164]
    assert trainable(model) == 60_000
    assert model.count_params() - trainable(model) == 850
    assert model.output_shape == (None, 10)


def test_c3_sees_what_table_i_prints():
    printed = np.array(
        [
            [mark == "X" for mark in row.split()]
            for row in PRINTED_TABLE_I.strip().splitlines()
        ]
    )
    assert printed.sum() == 60
    c3 = lenet5((32, 32, 1), 10).get_layer("C3")
    np.testing.assert_array_equal(influence(c3, 6), printed)


def test_without_the_table_c3_sees_everything():
    model = lenet5((32, 32, 1), 10, connection_table=False)
    c3 = model.get_layer("C3")
    assert c3.count_params() == (5 * 5 * 6 + 1) * 16
    assert influence(c3, 6).all()
    assert type(c3) is keras.layers.Conv2D


def test_a_table_is_a_convolution_with_zeros_in_it(plain_convolve):
    table = [(0, 2), (1,), (0, 1, 2)]
    layer = TableConv2D(table, (3, 2))
    x = np.random.default_rng(1).normal(size=(2, 6, 5, 3)).astype("float32")
    layer.build(x.shape)
    kernel, bias = (
        np.random.default_rng(2).normal(size=w.shape) for w in layer.weights
    )
    layer.set_weights([kernel, bias])
    full, place = np.zeros((3, 2, 3, 3)), 0
    for target, row in enumerate(table):
        for source in row:
            full[:, :, source, target] = kernel[place]
            place += 1
    expected = plain_convolve(x, full, bias, padding="valid")
    np.testing.assert_allclose(np.asarray(layer(x)), expected, atol=1e-5)
    assert layer.compute_output_shape(x.shape) == expected.shape


def test_first_weights_lie_within_the_papers_limits():
    keras.utils.set_random_seed(3)
    model = lenet5((32, 32, 1), 10)
    for name, inputs in (("C1", 25), ("C5", 400), ("F6", 120)):
        kernel = np.abs(np.asarray(model.get_layer(name).kernel))
        assert 0.9 * 2.4 / inputs < kernel.max() <= 2.4 / inputs
    c3 = model.get_layer("C3")
    rows = np.repeat([len(row) for row in c3.table], [*map(len, c3.table)])
    for inputs in (3, 4, 6):
        kernel = np.abs(np.asarray(c3.kernel))[rows == inputs]
        limit = 2.4 / (25 * inputs)
        assert 0.9 * limit < kernel.max() <= limit * (1 + 1e-6)


@pytest.mark.parametrize("table", [[(0,), ()], [(0, 0)]])
def test_a_table_without_sense_is_refused(table):
    with pytest.raises(UsageError, match="each once"):
        TableConv2D(table, (5, 5))


def test_a_table_of_maps_that_do_not_arrive_is_refused():
    with pytest.raises(UsageError, match="4 channels or more"):
        TableConv2D([(0, 3)], (5, 5), name="C3")(np.zeros((1, 8, 8, 3)))


@pytest.mark.parametrize("activation", ["scaled_tanh", "sigmoid"])
def test_pooling_is_the_papers_sum_written_out(activation, randomise):
    model = randomise(lenet5((32, 32, 1), 10, activation=activation))
    pool = keras.Model(
        model.get_layer("C1_squashed").output,
        model.get_layer("S2_squashed").output,
    )
    x = np.random.default_rng(3).normal(size=(2, 28, 28, 6))
    kernel, bias = model.get_layer("S2").get_weights()
    expected = np.empty((2, 14, 14, 6))
    for row in range(14):
        for column in range(14):
            for channel in range(6):
                top, left = 2 * row, 2 * column
                four = (
                    x[:, top, left, channel]
                    + x[:, top, left + 1, channel]
                    + x[:, top + 1, left, channel]
                    + x[:, top + 1, left + 1, channel]
                )
                # The paper's coefficient belongs to the sum.
                coefficient = kernel[0, 0, channel, 0] / 4
                value = four * coefficient + bias[channel]
                if activation == "sigmoid":
                    value = 1 / (1 + np.exp(-value))
                else:
                    value = 1.7159 * np.tanh(2 / 3 * value)
                expected[:, row, column, channel] = value
    np.testing.assert_allclose(np.asarray(pool(x)), expected, atol=1e-5)


def test_the_scaled_tanh_gives_one_for_one():
    """The reason that the paper gives for its constants."""
    model = lenet5((32, 32, 1), 10)
    squash = keras.Model(
        model.get_layer("F6").output, model.get_layer("F6_squashed").output
    )
    x = np.zeros((1, 84))
    x[0, :4] = (1, -1, 0, 100)
    found = np.asarray(squash(x))[0, :4]
    np.testing.assert_allclose(found, (1, -1, 0, 1.7159), atol=1e-4)


def test_distances_are_squares_summed_one_by_one():
    inputs = keras.Input((84,))
    model = keras.Model(inputs, rbf_distances(inputs, 10))
    x = np.random.default_rng(4).normal(size=(3, 84)).astype("float32")
    codes = class_codes(10)
    expected = [
        [
            sum((a - b) ** 2 for a, b in zip(row, code, strict=True))
            for code in codes
        ]
        for row in x
    ]
    np.testing.assert_allclose(np.asarray(model(x)), expected, rtol=1e-5)
    np.testing.assert_allclose(np.diag(np.asarray(model(codes))), 0, atol=1e-4)
    assert model.trainable_weights == []


@pytest.mark.parametrize("classes", [2, 10, 26])
def test_codes_are_signs_and_far_apart(classes):
    codes = class_codes(classes)
    assert codes.shape == (classes, 84)
    assert set(np.unique(codes)) == {-1, 1}
    apart = np.square(codes[:, None] - codes[None]).sum(-1)
    assert apart[~np.eye(classes, dtype=bool)].min() >= 4 * 10


def test_the_loss_is_equation_9_written_out():
    distances = np.random.default_rng(5).uniform(0, 9, (4, 10))
    labels = np.array([3, 0, 9, 3])
    for j in (0.5, 5.0):
        losses = []
        for row, label in zip(distances, labels, strict=True):
            rubbish = np.exp(-j) + sum(np.exp(-y) for y in row)
            losses.append(row[label] + np.log(rubbish))
        found = MAPLoss(j)(labels, distances)
        np.testing.assert_allclose(float(found), np.mean(losses), rtol=1e-5)


def test_without_a_rubbish_class_the_loss_is_cross_entropy():
    distances = np.random.default_rng(6).uniform(0, 200, (5, 7))
    labels = np.arange(5)
    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    np.testing.assert_allclose(
        float(MAPLoss(1e9)(labels, distances)),
        float(entropy(labels, -distances)),
        rtol=1e-5,
    )


def test_the_nearest_code_is_the_answer():
    distances = np.array([[3.0, 1.0, 2.0], [0.5, 0.1, 0.2], [9.0, 8.0, 1.0]])
    found = nearest_accuracy(np.array([[1], [0], [2]]), distances)
    np.testing.assert_array_equal(np.asarray(found), [1, 0, 1])


def test_lenet_is_that_of_the_book_layer_by_layer(sizes):
    model = lenet((28, 28, 1), 10)
    names = ("C1", "S2", "C3", "S4", "F5", "F6", "predictions")
    assert sizes(model, *names) == [
        (28, 28, 6),
        (14, 14, 6),
        (10, 10, 16),
        (5, 5, 16),
        (120,),
        (84,),
        (10,),
    ]
    counts = [156, 0, 2_416, 0, 48_120, 10_164, 850]
    assert parameters(model, *names) == counts
    assert model.count_params() == 61_706


@pytest.mark.parametrize(
    ("options", "s4"),
    [
        ({"kernel_size": 4}, (5, 5, 16)),
        ({"kernel_size": 3}, (6, 6, 16)),
        ({"pool_stride": 1}, (22, 22, 16)),
        ({"pool_size": 1}, (24, 24, 16)),
        ({"pool_size": 3}, (1, 1, 16)),
    ],
)
def test_lenet_in_the_studys_variants(options, s4, sizes):
    # By (W - F) / S + 1, from the 28x28 that C1 keeps.
    assert sizes(lenet((28, 28, 1), 10, **options), "S4") == [s4]


def test_lenet_does_what_its_options_say():
    image = np.random.default_rng(7).normal(size=(1, 28, 28, 1))
    image = image.astype("float32")
    for activation, squash in (
        ("tanh", np.tanh),
        ("relu", lambda x: np.maximum(x, 0)),
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
    ):
        for pooling, join in (("max", np.max), ("average", np.mean)):
            model = lenet(
                (28, 28, 1), 10, activation=activation, pooling=pooling
            )
            c1 = model.get_layer("C1")
            linear = keras.ops.conv(image, c1.kernel, padding="same") + c1.bias
            maps = squash(np.asarray(linear)).reshape(1, 14, 2, 14, 2, 6)
            s2 = keras.Model(model.input, model.get_layer("S2").output)
            np.testing.assert_allclose(
                np.asarray(s2(image)), join(maps, axis=(2, 4)), atol=1e-5
            )


@pytest.mark.parametrize(
    ("build", "wrong", "said"),
    [
        (lenet5, {"activation": "scaled"}, "scaled_tanh"),
        (lenet5, {"pooling": "mean"}, "trainable or average or max"),
        (lenet5, {"output": "sigmoid"}, "rbf or softmax"),
        (lenet1, {"activation": "no_such"}, "scaled_tanh"),
        (lenet, {"activation": "scaled_tanh"}, "relu"),
        (lenet, {"pooling": "trainable"}, "average or max"),
        (lenet, {"kernel_size": 0}, "kernel_size"),
        (lenet, {"pool_size": 0}, "pool_size"),
        (lenet, {"pool_stride": 1.5}, "pool_stride"),
    ],
)
def test_options_that_are_not_listed_are_refused(build, wrong, said):
    with pytest.raises(UsageError, match=said):
        build((32, 32, 1), 10, **wrong)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"activation": "sigmoid"},
        {"pooling": "max", "connection_table": False},
    ],
    ids=str,
)
def test_lenet5_learns_distances(options, loss_falls):
    keras.utils.set_random_seed(1)
    assert loss_falls(lenet5((32, 32, 1), 10, **options), MAPLoss())


@pytest.mark.parametrize(
    ("build", "options"),
    [
        (lenet1, {}),
        (lenet4, {}),
        (lenet5, {"output": "softmax", "pooling": "average"}),
        (lenet, {"activation": "relu", "kernel_size": 3}),
    ],
)
def test_the_others_learn_probabilities(build, options, loss_falls):
    keras.utils.set_random_seed(1)
    assert loss_falls(build((28, 28, 2), 7, **options))


def test_lenet5_comes_back_from_a_file_with_its_loss(tmp_path):
    model = lenet5((28, 28, 1), 12)
    model.compile("sgd", MAPLoss(3.0), metrics=[nearest_accuracy])
    model.save(tmp_path / "lenet5.keras")
    loaded = keras.models.load_model(tmp_path / "lenet5.keras")
    x = np.random.default_rng(8).normal(size=(3, 28, 28, 1))
    np.testing.assert_array_equal(np.asarray(loaded(x)), np.asarray(model(x)))
    assert loaded.get_layer("C3").table == model.get_layer("C3").table
    assert loaded.loss.rubbish_distance == 3.0
    assert not loaded.get_layer("RBF_codes").trainable
