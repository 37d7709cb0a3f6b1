"""Replicas together see the batches that one device sees, and each once."""

import itertools

import numpy as np
import pytest

from tlkit.data.augment import AUGMENTATIONS, View
from tlkit.data.index import Split
from tlkit.tensor.pipeline import make_epochs, make_view_batches
from tlkit.tensor.row_batches import make_row_batches
from tlkit.tensor.shares import EVERYTHING, Portion, Share, share_of

COUNT = 23


@pytest.fixture(scope="module")
def images():
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (COUNT, 8, 8, 3), np.uint8)
    digests = tuple(f"{number:032x}" for number in range(COUNT))
    return Split(pixels, np.arange(COUNT) % 3, digests)


@pytest.mark.parametrize("replicas", [2, 3, 5])
@pytest.mark.parametrize("batch_size", [1, 2, 7, 16, 64])
@pytest.mark.parametrize("count", [1, 7, 23])
def test_all_rows_count_once_in_the_batch_they_belong_to(
    count, batch_size, replicas
):
    rows = np.random.default_rng(1).permutation(count)
    parts = [
        Share(replicas, (number,)).of_epoch(rows, batch_size)
        for number in range(replicas)
    ]
    steps = -(-count // batch_size)
    for step in range(steps):
        expected = rows[step * batch_size : (step + 1) * batch_size]
        each = Share(replicas, (0,)).each(batch_size)
        here = slice(step * each, (step + 1) * each)
        seen = np.concatenate([own[here] for own, _ in parts])
        counts = np.concatenate([counts[here] for _, counts in parts])
        # In their order, in front of all that counts nothing.
        assert seen[: len(expected)].tolist() == expected.tolist()
        assert (counts[len(expected) :] == 0).all()
        np.testing.assert_allclose(counts.sum(), 1, rtol=1e-6)
        assert set(seen) <= set(expected)


def test_a_process_of_two_devices_gets_both_parts_in_turn():
    rows = np.arange(10)
    both, counts = Share(4, (2, 3)).of_epoch(rows, 8)
    # Of images 0 to 7 the last four; of 8 and 9 nothing that counts.
    assert both.tolist() == [4, 5, 6, 7, 8, 8, 8, 8]
    assert counts.tolist() == [0.125] * 4 + [0] * 4


def together(make, replicas):
    """Puts the batches of all replicas together again."""
    parts = [
        list(make(Portion(share=Share(replicas, (number,)))))
        for number in range(replicas)
    ]
    for step in zip(*parts, strict=True):
        images, labels, counts = (
            np.concatenate([part[n] for part in step]) for n in range(3)
        )
        yield images[counts > 0], labels[counts > 0]


def equal(found, expected):
    pairs = list(itertools.zip_longest(found, expected))
    for one, other in pairs:
        for n in range(2):
            np.testing.assert_array_equal(one[n], other[n])
    return len(pairs)


def sources(images):
    view = View(AUGMENTATIONS["book"], 4, 2)
    rows = np.random.default_rng(0).normal(size=(COUNT, 4)).astype("float32")
    return {
        "pixels": lambda portion: make_epochs(
            images, 8, 7, view, portion=portion
        ),
        "one view": lambda portion: make_view_batches(
            images, 8, 7, portion=portion
        ),
        "stored rows": lambda portion: make_row_batches(
            [rows, rows + 1], images.labels, 7, 4, 2, portion
        ),
    }


@pytest.mark.parametrize("source", ["pixels", "one view", "stored rows"])
def test_replicas_together_see_what_one_device_sees(images, source):
    make = sources(images)[source]
    for replicas in (2, 3):
        assert equal(together(make, replicas), make(EVERYTHING)) == 4


@pytest.mark.parametrize("source", ["pixels", "stored rows"])
def test_what_is_left_of_an_epoch_is_its_end(images, source):
    make = sources(images)[source]
    whole = list(make(EVERYTHING))
    rest = make(Portion(skipped=3))
    assert len(rest) == 1
    assert equal(rest, whole[3:]) == 1
    left = Portion(2, Share(2, (0,)))
    assert [part[1].shape[0] for part in make(left)] == [4, 4]


def test_one_device_has_no_share():
    import tensorflow as tf

    assert share_of(tf.distribute.get_strategy()) is None
