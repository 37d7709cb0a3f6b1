"""The drawn sample as files: whole or not there."""

import errno

import numpy as np
import pytest
from PIL import Image

import tlkit
from tlkit.base.errors import TlkitError, UsageError
from tlkit.drawn import sample
from tlkit.drawn.make import write_sample
from tlkit.drawn.sample import draw_pets


def test_the_files_are_the_drawn_images(tmp_path):
    counts = {"train": 6, "validation": 4, "test": 4}
    folder = write_sample(tmp_path / "pets", counts, image_size=32, seed=5)
    data = tlkit.load_dataset(folder)
    assert data.class_names == ("cats", "dogs")
    for number, (split, count) in enumerate(counts.items()):
        assert data.counts()[split] == {
            "cats": count // 2,
            "dogs": count // 2,
        }
        images, labels, _ = draw_pets(count, size=32, seed=15 + number)
        for label in (0, 1):
            rows = np.flatnonzero(data.split(split).labels == label)
            found = [data.split(split).read(int(row)) for row in rows]
            np.testing.assert_array_equal(found, images[labels == label])


def test_an_existing_folder_is_not_touched(tmp_path):
    (tmp_path / "mine.txt").write_text("42")
    with pytest.raises(UsageError, match="exists"):
        write_sample(tmp_path, {"train": 4})
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_fails_in_the_middle_leaves_nothing(tmp_path):
    with pytest.raises(UsageError):
        write_sample(tmp_path / "pets", {"train": 4, "test": 0}, image_size=32)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing_and_is_named(tmp_path, monkeypatch):
    really_save, saved = Image.Image.save, []

    def save(image, path):
        if len(saved) == 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        saved.append(path)
        really_save(image, path)

    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(TlkitError, match="No space left on device") as caught:
        write_sample(tmp_path / "pets", {"train": 4, "test": 4}, image_size=32)
    assert caught.value.exit_code == 1
    assert str(tmp_path / "pets") in str(caught.value)
    assert len(saved) == 5
    assert not list(tmp_path.iterdir())


def test_what_is_interrupted_leaves_nothing(tmp_path, monkeypatch):
    really_draw, drawn = sample.draw_pets, []

    def draw(*arguments, **options):
        if drawn:
            raise KeyboardInterrupt
        drawn.append(arguments)
        return really_draw(*arguments, **options)

    monkeypatch.setattr(sample, "draw_pets", draw)
    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path / "pets", {"train": 4, "test": 4}, image_size=32)
    assert not list(tmp_path.iterdir())


def test_an_animal_is_in_one_split_alone_and_another_seed_draws_others(
    tmp_path,
):
    digests = []
    for seed in (0, 1):
        folder = tmp_path / f"pets {seed}"
        counts = {"train": 6, "validation": 6, "test": 6}
        data = tlkit.load_dataset(write_sample(folder, counts, 32, seed))
        # Of so few images little can be said.
        assert all(note.startswith("Few ") for note in data.notes)
        assert data.left_out == ()
        for split in data.splits.values():
            digests += split.digests
    assert len(set(digests)) == 36
