"""Metrics against formulas written out by hand."""

import math

import numpy as np
import pytest

from tlkit.base.errors import UsageError
from tlkit.evaluation.intervals import wilson_interval
from tlkit.evaluation.metrics import measure


@pytest.mark.parametrize(
    ("correct", "count"), [(0, 10), (10, 10), (490, 500), (1, 3), (50, 100)]
)
def test_wilson_interval_solves_its_equation(correct, count):
    # The bounds p are where |share - p| = z sqrt(p (1 - p) / n).
    z, share = 1.959963984540054, correct / count
    for bound in wilson_interval(correct, count):
        deviation = z * math.sqrt(bound * (1 - bound) / count)
        assert abs(share - bound) == pytest.approx(deviation, abs=1e-9)


def test_measure_by_hand():
    labels = np.array([0, 0, 0, 1, 1, 2])
    probabilities = np.array(
        [
            [0.8, 0.1, 0.1],  # right
            [0.6, 0.3, 0.1],  # right
            [0.2, 0.7, 0.1],  # a taken for b
            [0.1, 0.8, 0.1],  # right
            [0.5, 0.4, 0.1],  # b taken for a
            [0.2, 0.2, 0.6],  # right
        ]
    )
    measured = measure(labels, probabilities, ["a", "b", "c"])
    assert measured["count"] == 6
    assert measured["correct"] == 4
    assert measured["accuracy"] == pytest.approx(4 / 6)
    assert measured["confusion_matrix"] == [[2, 1, 0], [1, 1, 0], [0, 0, 1]]
    true_shares = [0.8, 0.6, 0.2, 0.8, 0.4, 0.6]
    assert measured["log_loss"] == pytest.approx(
        -sum(map(math.log, true_shares)) / 6
    )
    first = measured["per_class"]["a"]
    assert first["precision"] == pytest.approx(2 / 3)
    assert first["recall"] == pytest.approx(2 / 3)
    assert first["recall_interval"] == pytest.approx(wilson_interval(2, 3))
    assert first["count"] == 3


def test_a_class_without_images_is_measured_without_dividing_by_zero():
    measured = measure(
        np.array([0, 0]), np.array([[0.9, 0.1], [0.2, 0.8]]), ["a", "b"]
    )
    assert measured["per_class"]["b"]["recall_interval"] is None
    assert measured["log_loss"] == pytest.approx(
        -(math.log(0.9) + math.log(0.2)) / 2
    )


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match="do not fit"):
        measure(np.array([0, 1]), np.ones((2, 3)) / 3, ["a", "b"])
