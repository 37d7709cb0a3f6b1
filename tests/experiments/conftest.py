"""Random images in memory, for trainings of a second."""

import numpy as np
import pytest

from tlkit.experiments.images import ImageArrays


def _draw_data(shape=(14, 14, 1), count=90, classes=3):
    """Random images whose brightness tells the class a little."""
    random = np.random.default_rng(0)
    labels = (np.arange(count + 30) % classes).astype(np.int32)
    noise = random.integers(0, 150, (count + 30, *shape))
    images = (noise + 50 * labels[:, None, None, None]).astype(np.uint8)
    names = tuple("abcdefghij"[:classes])
    return ImageArrays(
        "drawn",
        names,
        images[:count],
        labels[:count],
        images[count:],
        labels[count:],
    )


@pytest.fixture(scope="session")
def draw_data():
    """`draw_data(shape=(14, 14, 1), count=90, classes=3)`: arrays."""
    return _draw_data


@pytest.fixture(scope="session")
def arrays_file(tmp_path_factory):
    """The drawn images as a .npz file in Keras's form."""
    data = _draw_data()
    path = tmp_path_factory.mktemp("arrays") / "drawn.npz"
    np.savez(
        path,
        x_train=data.train_images,
        y_train=data.train_labels,
        x_test=data.test_images,
        y_test=data.test_labels,
    )
    return path
