"""Who goes on from a run need not say again how its data are read."""

import json

import pytest
from PIL import Image
from typer.testing import CliRunner

import tlkit
from tlkit.cli import app

NETWORK = ("--base", "minivgg", "--image-size", "32")


def call(*words):
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 0, done.output
    return done.output


def groups_in(run):
    """The plants of each split, by the names of the files."""
    found = {}
    for line in (run / "images.csv").read_text().splitlines()[1:]:
        split, *_, image = line.split(",")
        found.setdefault(split, set()).add(image.rsplit("/", 1)[1][:7])
    return found


@pytest.fixture(scope="module")
def trained(draw, tmp_path_factory):
    """A folder of six plants a class, labels and plants in their names."""
    root = tmp_path_factory.mktemp("plants")
    (root / "photos").mkdir()
    for number in range(48):
        name = f"{'ab'[number % 2]}_{number % 12:02}_{number:02}"
        plant = f"{number % 12:02}"
        path = root / "photos" / f"plant{plant}-{name}.png"
        Image.fromarray(draw(number, 40, 40)).save(path)
    call(
        "features", root / "photos", *NETWORK, "--epochs", 1,
        "--run", root / "head",
        "--label-from", "-([ab])_", "--group-by", r"(plant\d+)",
    )  # fmt: skip
    return root


def test_fine_tuning_has_the_splits_of_the_run_it_goes_on_from(trained):
    # Without the flags it had others, or was refused.
    said = call(
        "finetune", trained / "photos", "--start", trained / "head",
        "--epochs", 1, "--run", trained / "tuned",
    )  # fmt: skip
    assert groups_in(trained / "tuned") == groups_in(trained / "head")
    parts = list(groups_in(trained / "tuned").values())
    assert sum(map(len, parts)) == len(set.union(*parts)) == 12
    assert "Read as for the run head: label_from -([ab])_, group_by" in said


def test_a_run_is_made_again_from_its_config(trained):
    config = trained / "head" / "config.json"
    again = tlkit.train(config, trained / "photos", trained / "again")
    assert groups_in(again.path) == groups_in(trained / "head")
    data = [
        json.loads((trained / name / "config.json").read_text())["data"]
        for name in ("head", "again")
    ]
    assert data[0]["fingerprint"] == data[1]["fingerprint"]


def test_evaluation_finds_the_labels_where_they_were(trained):
    said = call("evaluate", trained / "head", trained / "photos")
    assert "48 images" in said
