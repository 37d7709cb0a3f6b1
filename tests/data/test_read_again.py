"""Data are read again as they were read before."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

import tlkit
from tlkit.base.errors import UsageError
from tlkit.data.load import load_again, what_is_unusual


def as_a_file_gives_it_back(data):
    return json.loads(json.dumps(dict(data.read_as)))


def test_a_folder_is_divided_as_before(drawn_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(drawn_folder.parent)
    data = tlkit.load_dataset(
        drawn_folder.name, validation_fraction=0.3, test_fraction=0.1, seed=7
    )
    read_as = as_a_file_gives_it_back(data)
    monkeypatch.chdir(tmp_path)  # a relative path would not be found
    again = load_again(read_as)
    assert again.fingerprint() == data.fingerprint()
    usual = tlkit.load_dataset(drawn_folder)
    assert usual.fingerprint() != data.fingerprint()


def test_it_may_lie_elsewhere_now(drawn_folder, tmp_path):
    data = tlkit.load_dataset(drawn_folder, test_fraction=0.3, seed=2)
    moved = tmp_path / "moved"
    moved.symlink_to(drawn_folder)
    again = load_again(as_a_file_gives_it_back(data), moved)
    assert again.fingerprint() == data.fingerprint()
    assert again.source == str(moved)


def test_labels_are_found_where_they_were(draw, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flat").mkdir()
    lines = ["file,label"]
    for number in range(20):
        Image.fromarray(draw(number)).save(tmp_path / f"flat/{number}.png")
        lines.append(f"{number}.png,{'ab'[number % 2]}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    reading = tlkit.Reading(labels="labels.csv", group_by=r"(\d+)")
    data = tlkit.load_dataset("flat", reading=reading)
    read_as = as_a_file_gives_it_back(data)
    assert asdict(reading).keys() <= read_as.keys()
    monkeypatch.chdir("/")
    assert load_again(read_as).fingerprint() == data.fingerprint()


def test_arrays_have_to_be_given_again():
    pictures = np.random.default_rng(0).integers(
        0, 256, (20, 8, 8, 3), np.uint8
    )
    arrays = (pictures, np.arange(20) % 2)
    data = tlkit.load_dataset(arrays)
    assert data.read_as == {}
    with pytest.raises(UsageError, match="not known where the data lie"):
        load_again(data.read_as)
    again = load_again(data.read_as, arrays)
    assert again.fingerprint() == data.fingerprint()


def test_what_was_told_is_said_in_words(drawn_folder):
    usual = tlkit.load_dataset(drawn_folder)
    assert what_is_unusual(usual.read_as) == ""
    told = tlkit.load_dataset(
        drawn_folder,
        test_fraction=0.3,
        reading=tlkit.Reading(group_by=r"(\d)\.png"),
    )
    assert what_is_unusual(told.read_as) == (
        r"test_fraction 0.3, group_by (\d)\.png"
    )
