"""An evaluation is its dictionary, and shows itself."""

import copy
import json

import numpy as np
import pytest

from tlkit.data.index import Split
from tlkit.data.sizes import notes_on_sizes
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
    assert repr(whole) == (
        "Evaluation(60.0% of 5 test images, balanced accuracy 58.3%)"
    )
    low, high = intervals.wilson_interval(3, 5)
    assert whole.summary() == (
        "60.0% of 5 test images right "
        f"(95 % interval {100 * low:.1f}% to {100 * high:.1f}%), "
        "balanced accuracy 58.3%"
    )


def test_balanced_accuracy_is_named_where_classes_differ_in_size(measured):
    # Recalls of 2/3 and 1/2; three images and two, so one is half as large
    # again.
    assert measured.in_short().endswith("5 images, balanced accuracy 58.3%")
    alike = measure(LABELS[1:], SHARES[1:], ["cats", "dogs"])
    assert alike.in_short() == "50.0% of 4 images"
    assert "balanced accuracy 50.0%" in alike.table().title


def test_what_is_not_judged_is_said():
    """Of 33 test images none was a dog, and "100.0%" was all one read."""
    cats = measure(np.zeros(33, int), np.eye(2)[[0] * 33], ["cats", "dogs"])
    measured = Evaluation({"split": "test", **cats, "notes": ["Beware."]})
    assert measured.in_short() == (
        "100.0% of 33 test images, balanced accuracy 100.0%"
    )
    absent = "There are no test images of dogs: not judged."
    assert measured.table().notes == ("Beware.", absent)
    dogs = measured.table().to_records()[-1]
    assert dogs == {
        "class": "dogs",
        "images": 0,
        "accuracy": None,
        "95 % interval": None,
        "precision": None,
    }
    # The note of the data set says the same, once.
    split = Split(np.zeros((33, 1, 1, 3), "uint8"), np.zeros(33, int), ("",))
    (note, _) = notes_on_sizes(
        ["cats", "dogs"], {"test": split, "train": split}
    )
    assert note == absent
    measured["notes"] = [note]
    assert measured.table().notes == (absent,)


def test_data_without_splits_are_called_images(measured):
    whole = Evaluation({"split": "all", **measured})
    assert whole.in_short().startswith("60.0% of 5 images, ")


def test_a_run_of_an_earlier_version_is_shown(measured):
    del measured["balanced_accuracy"]
    assert "balanced accuracy 58.3%" in measured.table().title
    assert "balanced accuracy 58.3%" in measured.summary()
    measured["per_class"]["owls"] = {
        **measured["per_class"]["dogs"],
        "count": 0,
        "recall": 0.0,
        "recall_interval": None,
    }
    assert "balanced accuracy 58.3%" in measured.table().title


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
