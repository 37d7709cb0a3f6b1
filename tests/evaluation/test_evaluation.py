"""An evaluation is its dictionary, and shows itself."""

import copy
import json

import numpy as np
import pytest

from tlkit.evaluation import intervals
from tlkit.evaluation.evaluation import Evaluation
from tlkit.evaluation.metrics import measure

LABELS = np.array([0, 0, 0, 1, 1])
SHARES = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6], [0.6, 0.4]])


@pytest.fixture
def measured():
    return measure(LABELS, SHARES, ["<b>", "dogs"])


def test_it_is_a_dictionary(measured):
    assert isinstance(measured, dict)
    assert measured["accuracy"] == 3 / 5
    assert {"split": "test", **measured}["count"] == 5
    assert copy.deepcopy(measured) == measured == dict(measured)
    kept = json.loads(json.dumps(measured))
    assert kept == measured.to_dict()
    again = Evaluation(kept).table()
    assert again.to_records() == measured.table().to_records()


def test_the_table_has_the_figures(measured):
    whole = Evaluation({"split": "test", **measured, "notes": ["Beware."]})
    table = whole.table()
    assert table.title.startswith("5 test images, log loss 0.")
    assert table.notes == ("Beware.",)
    everything, first, second = table.to_records()
    assert everything == {
        "class": "all",
        "images": 5,
        "accuracy": 3 / 5,
        "95 % interval": list(intervals.wilson_interval(3, 5)),
        "precision": None,
    }
    assert (first["class"], first["images"]) == ("<b>", 3)
    assert (first["accuracy"], first["precision"]) == (2 / 3, 2 / 3)
    assert second["95 % interval"] == list(intervals.wilson_interval(1, 2))
    assert "&lt;b&gt;" in whole._repr_html_()
    assert "<b>" not in whole._repr_html_()


def test_it_is_told_in_short(measured):
    whole = Evaluation({"split": "test", **measured})
    assert repr(whole) == "Evaluation(60.0% of 5 test images)"
    assert repr(measured) == "Evaluation(60.0% of 5 images)"
    low, high = intervals.wilson_interval(3, 5)
    assert whole.summary() == (
        "60.0% of 5 test images right "
        f"(95 % interval {100 * low:.1f}% to {100 * high:.1f}%)"
    )


def test_nothing_measured_is_told_too():
    nothing = Evaluation()
    assert repr(nothing) == "Evaluation(nothing measured)"
    assert nothing.summary() == "nothing measured"
    assert nothing.table().to_records() == []
    assert "nothing measured" in nothing._repr_html_()


def test_another_interval_is_a_change_of_one_place(monkeypatch):
    """Each accuracy that is measured has the interval of one function."""
    from tlkit.search.heads import Head, HeadScore

    def other(correct, count):
        return correct / count / 2, 1.0

    monkeypatch.setattr(intervals, "wilson_interval", other)
    measured = measure(LABELS, SHARES, ["cats", "dogs"])
    assert measured["accuracy_interval"] == (0.3, 1.0)
    assert measured["per_class"]["dogs"]["recall_interval"] == (0.25, 1.0)
    score = HeadScore(Head(0, 0.0, 1e-3, 0.0), 10, 4, 1.0, 1.0)
    assert score.interval == (0.2, 1.0)
