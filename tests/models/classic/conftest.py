"""What the tests of the classic networks compare with, in plain NumPy."""

import keras
import numpy as np
import pytest


def _convolve(x, kernel, bias=0.0, strides=1, padding="same"):
    """Cross-correlation summed window by window, in float64."""
    height, width = kernel.shape[:2]
    x = np.asarray(x, "float64")
    if padding == "same":
        above, left = (height - 1) // 2, (width - 1) // 2
        x = np.pad(
            x,
            (
                (0, 0),
                (above, height - 1 - above),
                (left, width - 1 - left),
                (0, 0),
            ),
        )
    rows = range(0, x.shape[1] - height + 1, strides)
    columns = range(0, x.shape[2] - width + 1, strides)
    out = np.empty((len(x), len(rows), len(columns), kernel.shape[-1]))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            window = x[:, row : row + height, column : column + width]
            out[:, i, j] = np.tensordot(window, kernel, 3)
    return out + bias


@pytest.fixture(scope="session")
def plain_convolve():
    """`plain_convolve(x, kernel, bias=0, strides=1, padding="same")`."""
    return _convolve


def _randomise(model, seed=0):
    """Moderate random weights; variances stay positive."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        fan_in = max(1, np.prod(weight.shape[:-1]))
        value = rng.normal(0, np.sqrt(1 / fan_in), weight.shape)
        if weight.name in ("gamma", "moving_variance"):
            value = rng.uniform(0.5, 1.5, weight.shape)
        elif len(weight.shape) == 1:
            value = rng.normal(0, 0.1, weight.shape)
        weight.assign(value)
    return model


@pytest.fixture(scope="session")
def randomise():
    """`randomise(model)`: moderate random weights, the same every time."""
    return _randomise


def _loss_falls(model, loss="sparse_categorical_crossentropy", rate=1e-3):
    """Whether ten steps on one batch lower the loss on that batch."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(16, *model.input_shape[1:])).astype("float32")
    y = rng.integers(0, model.output_shape[-1], 16)
    # Ten steps are over before a graph of them would be traced.
    model.compile(keras.optimizers.Adam(rate), loss, run_eagerly=True)
    before = model.test_on_batch(x, y)
    for _ in range(10):
        model.train_on_batch(x, y)
    return model.test_on_batch(x, y) < before


@pytest.fixture(scope="session")
def loss_falls():
    """`loss_falls(model, loss=..., rate=1e-3)`, in ten steps on one batch."""
    return _loss_falls


def _sizes(model, *names):
    """Output shapes of layers, without the batch."""
    return [tuple(model.get_layer(name).output.shape[1:]) for name in names]


@pytest.fixture(scope="session")
def sizes():
    """`sizes(model, *layer names)`: output shapes, without the batch."""
    return _sizes


def _trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


@pytest.fixture(scope="session")
def trainable():
    """`trainable(model)`: number of parameters that train."""
    return _trainable
