"""The judge of MiniVGG: what it writes, what it skips, what it tabulates."""

import csv
import runpy
import statistics
import sys
from pathlib import Path

import pytest
from scipy import stats

from tlkit.data.arrays import array_split
from tlkit.data.index import DatasetIndex
from tlkit.drawn.sample import draw_pets

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "judge_minivgg.py"
JUDGED = ROOT / "docs" / "minivgg_judged.csv"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


def test_the_table_is_that_of_the_published_runs(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["judge", str(JUDGED), "--table"])
    with pytest.raises(SystemExit) as done:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert not done.value.code
    shown = capsys.readouterr().out
    with JUDGED.open(newline="", encoding="utf-8") as file:
        shares = [
            int(line["right"]) / int(line["test"])
            for line in csv.DictReader(file)
            if (line["task"], line["train"]) == ("drawn pets", "200")
            and (line["way"], line["weights"]) == ("finetune", "tlkit")
        ]
    mean = statistics.mean(shares)
    low, _ = stats.t.interval(0.95, len(shares) - 1, mean, stats.sem(shares))
    assert f"{100 * mean:.1f} ±{100 * (mean - low):.1f}" in shown


def test_a_seed_draws_as_many_of_each_class(script):
    data = DatasetIndex(
        "pets",
        "drawn",
        ("cats", "dogs"),
        {"train": array_split(*draw_pets(40, 32)[:2])},
    )
    task = script["Task"]("pets", data, 10, 1)
    drawn = [
        script["draw_training_images"](task, seed).split("train")
        for seed in (0, 0, 1)
    ]
    assert [split.labels.sum() for split in drawn] == [5, 5, 5]
    assert drawn[0].digests == drawn[1].digests != drawn[2].digests


@pytest.mark.slow
def test_every_way_is_judged_once(script, tmp_path, monkeypatch):
    monkeypatch.setenv("TLKIT_STORE", str(tmp_path / "store"))
    splits = {
        name: array_split(*draw_pets(count, 96, seed)[:2])
        for seed, (name, count) in enumerate(
            {"train": 24, "validation": 8, "test": 8}.items()
        )
    }
    data = DatasetIndex("pets", "drawn", ("cats", "dogs"), splits)
    task = script["Task"]("pets", data, 8, 4)
    lines = list(script["judge"](task, 0, set()))
    done = {tuple(line[name] for name in script["KEY"]) for line in lines}
    assert len(done) == 9
    assert {line["test"] for line in lines} == {8}
    assert all(0 <= line["right"] <= 8 for line in lines)
    assert list(script["judge"](task, 0, done)) == []
