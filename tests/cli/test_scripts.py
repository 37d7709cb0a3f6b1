"""The scripts are the verbs: same flags, same results."""

import json
import re
import runpy
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

import tlkit
from tlkit.cli import app
from tlkit.drawn.make import write_sample
from tlkit.plans.files import plan_to_dict

SCRIPTS = Path(__file__).parents[2] / "scripts"
VERBS = {
    "scratch": "train_from_scratch.py",
    "features": "fast_feature_extraction.py",
    "augmented": "augmented_extraction.py",
    "finetune": "fine_tuning.py",
}
EVERY = {**VERBS, "explain": "explain.py", "study": "lenet_study.py"}
MINIVGG = ["--base", "minivgg", "--image-size", "64"]
FLAGS = {
    "scratch": ["--image-size", "64"],
    "features": MINIVGG,
    "augmented": MINIVGG,
    "finetune": ["--start", "augmented"],
}


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "pets"
    counts = {"train": 16, "validation": 8, "test": 8}
    return write_sample(folder, counts, image_size=48)


@pytest.fixture(scope="module", autouse=True)
def workplace(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("here"))
        patch.setenv("TLKIT_STORE", str(tmp_path_factory.mktemp("store")))
        yield


def run_script(name, *arguments):
    """Runs a script as `python` would and returns its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [name, *map(str, arguments)])
        with pytest.raises(SystemExit) as done:
            runpy.run_path(str(SCRIPTS / name), run_name="__main__")
    return done.value.code or 0


@pytest.mark.parametrize("verb", EVERY)
def test_a_script_is_short(verb):
    lines = (SCRIPTS / EVERY[verb]).read_text().splitlines()
    assert len(lines) < 40


@pytest.mark.parametrize("verb", EVERY)
def test_a_script_has_the_flags_of_its_verb(verb, capsys):
    assert run_script(EVERY[verb], "--help") == 0
    own = re.findall(r"--[a-z0-9-]+", capsys.readouterr().out)
    helped = CliRunner().invoke(app, [verb, "--help"]).stdout
    assert own == re.findall(r"--[a-z0-9-]+", helped)
    assert len(own) > 3


@pytest.mark.parametrize("verb", VERBS)
def test_a_script_does_what_its_verb_does(verb, pets):
    common = [str(pets), *FLAGS[verb], "--epochs", "1"]
    if verb == "finetune":
        first = [pets, *MINIVGG, "--epochs", 1, "--run", "augmented"]
        run_script(VERBS["augmented"], *first)
    assert run_script(VERBS[verb], *common, "--run", f"{verb}-script") == 0
    done = CliRunner().invoke(app, [verb, *common, "--run", f"{verb}-verb"])
    assert done.exit_code == 0, done.output
    script, command = (
        tlkit.open_run(f"{verb}-{how}") for how in ("script", "verb")
    )
    assert plan_to_dict(script.plan) == plan_to_dict(command.plan)
    assert script.history["val_loss"] == command.history["val_loss"]
    assert script.metrics["log_loss"] == command.metrics["log_loss"]


@pytest.mark.parametrize("flags", [[], ["--through", "epochs"]])
def test_the_explaining_script_does_what_its_verb_does(
    pets, tmp_path, monkeypatch, flags
):
    monkeypatch.chdir(tmp_path)
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    model.save(tmp_path / "small.keras")
    Path("epochs").mkdir()
    for name in ("1.weights.h5", "2.weights.h5"):
        model.save_weights(Path("epochs") / name)
    told = [tmp_path / "small.keras", pets / "test", "--class", 1, *flags]
    assert run_script(EVERY["explain"], *told, "--output", "by-script") == 0
    texts = [str(one) for one in [*told, "--output", "by-verb"]]
    done = CliRunner().invoke(app, ["explain", *texts])
    assert done.exit_code == 0, done.output
    script, command = (
        {path.name: path.read_bytes() for path in Path(folder).iterdir()}
        for folder in ("by-script", "by-verb")
    )
    assert script == command


def test_the_studying_script_does_what_its_verb_does(tmp_path, capsys):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (60, 14, 14), np.uint8)
    labels = np.arange(60) % 2
    file = tmp_path / "drawn.npz"
    shown = {"x_train": images[:40], "y_train": labels[:40]}
    np.savez(file, **shown, x_test=images[40:], y_test=labels[40:])
    sweep = tmp_path / "sweep.json"
    base = {"epochs": 1, "kernel_size": 3}
    sweep.write_text(json.dumps({"network": "lenet", "base": base}))
    told = [sweep, "--data", file, "--output"]
    assert run_script(EVERY["study"], *told, tmp_path / "script") == 0
    shown = capsys.readouterr().out
    texts = [str(one) for one in [*told, tmp_path / "verb"]]
    done = CliRunner().invoke(app, ["study", *texts])
    assert done.exit_code == 0, done.output
    pages = [tmp_path / how / "summary.md" for how in ("script", "verb")]
    assert pages[0].read_text() == pages[1].read_text()
    assert pages[0].read_text() in shown


def test_a_script_speaks_of_mistakes_in_words(capsys):
    assert run_script(VERBS["scratch"], "nowhere") == 2
    assert "Error: No such data" in capsys.readouterr().err
    assert run_script(VERBS["scratch"], "nowhere", "--bogus") == 2


@pytest.mark.slow
def test_the_demo_runs(capsys):
    script = runpy.run_path(str(SCRIPTS / "demo.py"))
    script["main"].__globals__["EPOCHS"] = 1
    script["main"]()
    shown = capsys.readouterr().out
    assert "400 test images" in shown
    ways = (
        "scratch, augmented",
        "fast features",
        "frozen base, augmented",
        "fine-tuned",
    )
    for way in ways:
        low, high = re.search(
            rf"{way} .*?([\d.]+)% to ([\d.]+)%", shown
        ).groups()
        assert 0 < float(low) < float(high) < 100
    picture = re.search(r"picture: (\S+)", shown).group(1)
    assert Path(picture).stat().st_size > 100_000
