"""Networks that are not square, and images that are cropped or padded."""

import json

import keras
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import tlkit
from tlkit.base.errors import UsageError
from tlkit.cli import app
from tlkit.data.decode import read_image
from tlkit.reuse.classifier import Classifier
from tlkit.store.housekeeping import list_store
from tlkit.store.store import Store

SIZE = (64, 48)
SHAPES = [(40, 90), (90, 40), (64, 48), (300, 200), (57, 58)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, draw):
    """Pictures of five shapes; those of 300 x 200 pixels are JPEG files."""
    root = tmp_path_factory.mktemp("shapes") / "waves"
    for label, name in enumerate(("alpha", "beta")):
        (root / name).mkdir(parents=True)
        for place in range(15):
            shape = SHAPES[place % len(SHAPES)]
            picture = draw(100 * label + place, *shape)
            suffix = "jpg" if shape == (300, 200) else "png"
            path = root / name / f"{place:02d}.{suffix}"
            Image.fromarray(picture).save(path)
    return root


@pytest.fixture(scope="module")
def data(folder):
    return tlkit.load_dataset(folder)


def network(fit, base=None):
    if base is None:
        return tlkit.Network(image_size=SIZE, fit=fit)
    return tlkit.Network(
        base, image_size=SIZE, fit=fit, pooling="average", units=8
    )


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory):
    """A run of each way, one epoch each, by crop or by pad."""
    folder = tmp_path_factory.mktemp("runs")
    one = tlkit.Recipe(epochs=1, batch_size=8)
    plans = {
        "scratch": tlkit.Plan("scratch", network("pad"), recipe=one),
        "features": tlkit.Plan(
            "features", network("crop", "minivgg"), recipe=one
        ),
        "augmented": tlkit.Plan(
            "augmented",
            network("pad", "minivgg"),
            recipe=one,
            views=tlkit.Views(2),
        ),
    }
    found = {
        way: tlkit.train(plan, data, folder / way)
        for way, plan in plans.items()
    }
    gently = tlkit.Plan(
        "finetune", recipe=one, start=found["augmented"], from_layer="block5"
    )
    found["finetune"] = tlkit.train(gently, data, folder / "finetune")
    return found


FITS = {"scratch": "pad", "features": "crop", "augmented": "pad"}


def test_the_saved_model_alone_says_what_tlkit_says(runs, data):
    split = data.splits["train"]
    for way, run in runs.items():
        fit = FITS.get(way, "pad")
        assert run.plan.network.fit == fit
        assert run.plan.network.image_size == SIZE
        classifier = tlkit.load_classifier(run.path)
        assert classifier.frame == run.plan.network.resolved().frame
        files = [split.images[row] for row in range(6)]
        ours = classifier.predict(files)
        plain = keras.models.load_model(run.model_path)
        for file, row in zip(files, ours, strict=True):
            pixels = read_image(file)[None].astype("float32")
            alone = np.asarray(plain(pixels, training=False))[0]
            # The decoder rounds its pixels to whole numbers, and decodes a
            # large JPEG at a fraction of its size.
            assert np.abs(alone - row).max() < 0.02


def test_another_fit_gives_other_answers(runs, data):
    """Else the test before could not tell one from the other."""
    classifier = tlkit.load_classifier(runs["features"].path)
    stretched = Classifier(
        classifier.model, None, SIZE, frozenset(), classifier.source
    )
    wide = [
        path
        for path in data.splits["train"].images
        if read_image(path).shape[:2] == (40, 90)
    ]
    apart = np.abs(classifier.predict(wide) - stretched.predict(wide))
    assert apart.max() > 0.1


def test_evaluating_again_gives_the_figures_of_the_run(runs, data):
    for run in runs.values():
        measured = tlkit.evaluate(
            tlkit.load_classifier(run.path), data, run.metrics["split"]
        )
        assert measured["accuracy"] == run.metrics["accuracy"]


def test_rows_of_each_fit_are_kept_apart(runs):
    fits = {
        entry.identity.get("fit", "stretch")
        for entry in list_store()
        if entry.identity["image_size"] == list(SIZE)
    }
    assert fits == {"crop", "pad"}


def test_the_keys_of_stretched_images_are_those_of_earlier_versions():
    # The key of this identity, computed when there was no fit.
    identity = {"kind": "pixels", "format": 2, "image_size": [150, 150]}
    stretched = tlkit.Network(image_size=150).resolved().frame
    made = {"kind": "pixels", "format": 2, **stretched.settings()}
    assert made == identity
    assert Store(made).key == "2e42f4ce85b3414a4446a1a6c76c5b60"
    cropped = tlkit.Network(image_size=150, fit="crop").resolved().frame
    assert Store({**made, **cropped.settings()}).key != Store(made).key


def test_fine_tuning_keeps_the_fit_of_its_start(runs, data, tmp_path):
    plan = tlkit.Plan(
        "finetune",
        tlkit.Network(fit="crop"),
        start=runs["augmented"],
        from_layer="block5",
    )
    with pytest.raises(UsageError, match="another network"):
        tlkit.train(plan, data, tmp_path / "run")


def test_the_command_crops_and_explains(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["--base", "minivgg", "--image-size", "64x96", "--fit", "crop"]
    arguments += ["--epochs", "1", "--units", "8", "--run", "run"]
    done = CliRunner().invoke(app, ["features", str(folder), *arguments])
    assert done.exit_code == 0, done.output
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["network"]["fit"] == "crop"
    assert config["network"]["image_size"] == [64, 96]
    picture = str(folder / "alpha" / "00.png")
    done = CliRunner().invoke(app, ["explain", "run", picture])
    assert done.exit_code == 0, done.output
    wrong = [*arguments[:-4], "--fit", "shrink"]
    done = CliRunner().invoke(app, ["features", str(folder), *wrong])
    assert done.exit_code == 2
    assert "stretch" in done.output
