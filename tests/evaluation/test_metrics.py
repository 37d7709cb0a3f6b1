"""Metrics against formulas written out by hand."""

import math
import warnings

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

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


def test_rare_classes_count_like_common_ones():
    """120 roses, 12 daisies, 6 tulips: a model may forget the tulips."""
    labels = np.repeat([0, 1, 2], [120, 12, 6])
    predicted = labels.copy()
    predicted[[-1, -2, -3]] = 0
    predicted[0] = 1
    shares = np.eye(3)[predicted] * 0.9 + 0.1 / 3
    measured = measure(labels, shares, ["roses", "daisies", "tulips"])
    assert measured["accuracy"] == 134 / 138
    by_hand = (119 / 120 + 12 / 12 + 3 / 6) / 3
    assert measured["balanced_accuracy"] == pytest.approx(by_hand)
    assert measured["balanced_accuracy"] == pytest.approx(
        balanced_accuracy_score(labels, predicted)
    )


@pytest.mark.parametrize("seed", range(10))
def test_balanced_accuracy_is_that_of_scikit_learn(seed):
    random = np.random.default_rng(seed)
    labels = random.choice(4, 50, p=[0.7, 0.2, 0.1, 0])  # class 3 is absent
    shares = random.dirichlet(np.ones(4) / 2, 50)
    measured = measure(labels, shares, list("abcd"))
    with warnings.catch_warnings():
        # Class 3 is predicted and not there, of which scikit-learn warns.
        warnings.simplefilter("ignore")
        expected = balanced_accuracy_score(labels, shares.argmax(axis=1))
    assert measured["balanced_accuracy"] == pytest.approx(expected)


@pytest.mark.parametrize("correct", [(37, 36), (1, 2), (39, 12), (40, 0)])
def test_classes_of_one_size_have_the_accuracy_for_balanced_accuracy(correct):
    """91.2 % of 80 images were shown beside 91.3 %, balanced."""
    labels = np.repeat([0, 1], 40)
    right = np.arange(80) % 40 < np.repeat(correct, 40)
    shares = np.eye(2)[np.where(right, labels, 1 - labels)]
    measured = measure(labels, shares * 0.8 + 0.1, ["cats", "dogs"])
    assert measured["balanced_accuracy"] == measured["accuracy"]
    assert measured["accuracy"] == sum(correct) / 80


def test_a_split_of_one_class_alone_is_measured():
    labels = np.array([1, 1, 1])
    shares = np.array([[0.2, 0.8], [0.6, 0.4], [0.1, 0.9]])
    measured = measure(labels, shares, ["cats", "dogs"])
    assert measured["balanced_accuracy"] == measured["accuracy"] == 2 / 3
    assert measured["confusion_matrix"] == [[0, 0], [1, 2]]
    assert measured["log_loss"] == pytest.approx(-math.log(0.8 * 0.4 * 0.9) / 3)
    assert measured["per_class"]["cats"] == {
        "count": 0,
        "precision": None,
        "recall": None,
        "recall_interval": None,
        "f1_score": None,
    }
