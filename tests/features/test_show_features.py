"""Features show themselves in short and in a notebook."""

import numpy as np

import tlkit
from tlkit.data.index import DatasetIndex, Split
from tlkit.features.extract import Features
from tlkit.plans.plan import ResolvedPlan


def test_features_are_told_in_short():
    split = Split(
        np.zeros((5, 8, 8, 3), np.uint8), np.arange(5) % 2, tuple("abcde")
    )
    data = DatasetIndex("<i>", "memory", ("a", "b"), {"train": split})
    rows = {"train": np.zeros((5, 1024), np.float16)}
    network = tlkit.Network("minivgg", weights="none").resolved()
    plan = ResolvedPlan("features", network)
    features = Features(data, plan, None, rows, 5)
    assert repr(features) == (
        "Features('minivgg' of '<i>': 5 train, 5 computed just now)"
    )
    assert features.table().to_records() == [
        {"split": "train", "images": 5, "numbers an image": 1024}
    ]
    assert "&lt;i&gt;" in features._repr_html_()
    assert "1,024" in features._repr_html_()
