"""The tables of scripts/judge_explanations.py."""

import runpy
from pathlib import Path

import keras
import numpy as np
import pytest

from tlkit.explain.methods.registry import METHODS

SCRIPT = Path(__file__).parents[2] / "scripts" / "judge_explanations.py"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


def test_a_line_counts_hits_and_overlaps(script):
    masks = np.zeros((4, 2, 2), bool)
    masks[:, 0, 0] = True
    maps = masks.astype(float)
    maps[3] = 1 - maps[3]
    row = script["score"]("A", None, "trained", maps, masks)
    assert row["pointing"] == "75.0%"
    # Wilson's interval of 3 in 4, from its published closed form.
    z, p, n = 1.959964, 0.75, 4
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    expected = f"{middle - half:.1%} to {middle + half:.1%}"
    assert row["95 % interval"] == expected
    assert row["overlap"].startswith("0.750 ")


def test_every_method_is_judged_at_both_layers(script):
    ways = list(script["ways_to_look"]())
    assert {name for name, _ in ways} == set(METHODS)
    deep = {name for name, layer in ways if layer}
    assert deep == {
        name for name, method in METHODS.items() if method.has_layer
    } - {"cam"}


def test_tables_are_written_twice(script, tmp_path, capsys):
    rows = [{"method": "A", "images": 3}, {"method": "B", "images": 4}]
    script["write"](rows, tmp_path / "new" / "table")
    text = (tmp_path / "new" / "table.md").read_text()
    assert text.splitlines() == [
        "| method | images |",
        "| --- | --- |",
        "| A | 3 |",
        "| B | 4 |",
    ]
    assert text.strip() in capsys.readouterr().out
    rows = (tmp_path / "new" / "table.csv").read_text().splitlines()
    assert rows == ["method,images", "A,3", "B,4"]


@pytest.mark.filterwarnings("ignore:Nothing speaks for the class")
def test_quick_methods_and_lots_are_judged_by_removal(script):
    pixels = keras.Input((12, 12, 3))
    x = keras.layers.Rescaling(1 / 255)(pixels)
    x = keras.layers.Conv2D(4, 3, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(pixels, keras.layers.Dense(2, activation="softmax")(x))
    images = np.random.default_rng(0).integers(0, 256, (2, 12, 12, 3), "uint8")
    script["remove"].__globals__["SIZE"] = 12
    rows = list(script["remove"](model, images))
    judged = {row["method"] for row in rows}
    assert {"Grad-CAM", "gradients", "random pixels"} <= judged
    assert "Score-CAM" not in judged
    by_lot = {row["method"]: row for row in rows}["random pixels"]
    for row in rows:
        if row["lots"] == "pixels":
            gain = float(row["deletion"]) - float(by_lot["deletion"])
            shown = float(row["deletion against lots"].split()[0])
            assert shown == pytest.approx(gain, abs=0.0011)
