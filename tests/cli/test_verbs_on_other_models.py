"""Every verb takes models that are saved by plain Keras, or says why not."""

import json

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax
from typer.testing import CliRunner

import tlkit
from tlkit.cli import app

layers = keras.layers


def lenet5():
    """Gray, with a layer of tlkit's own, and distances for its output."""
    model = tlkit.build_classic("lenet5", (32, 32, 1), 2)
    return model, "C1", lambda pixels: softmax(-model.predict(pixels), axis=1)


def scores_and_a_box():
    """Two outputs, of which one classifies, by scores."""
    pixels = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 5, activation="relu", name="low")(pixels)
    x = layers.GlobalMaxPooling2D()(layers.Rescaling(1 / 99)(x))
    classes = layers.Dense(2, name="classes")(x)
    share = layers.Activation("softmax", name="share")(classes)
    model = keras.Model(pixels, [layers.Dense(4, name="box")(x), share])
    inside = keras.Model(pixels, classes)
    return model, "low", lambda image: softmax(inside.predict(image), axis=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory, draw_classes):
    counts = {"class 0": 3, "class 1": 2}
    return draw_classes(tmp_path_factory.mktemp("data") / "x", counts, 7, 40)


def call(*words):
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, (words, done.output, done.exception)
    return done


def pixels(path, channels):
    mode = "L" if channels == 1 else "RGB"
    image = Image.open(path).resize((32, 32), Image.Resampling.BILINEAR)
    return np.asarray(image.convert(mode)).reshape(1, 32, 32, channels)


@pytest.mark.parametrize("build", [lenet5, scores_and_a_box])
def test_every_verb_takes_it(build, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(2)
    model, layer, expected = build()
    model.save("theirs.keras")
    channels = model.inputs[0].shape[-1]
    rows = []
    done = call("predict", "theirs.keras", data, "--json")
    for line in done.stdout.splitlines():
        found = json.loads(line)
        row = expected(pixels(found["image"], channels))[0]
        shares = [found["probabilities"][f"class {n}"] for n in (0, 1)]
        assert shares == pytest.approx(row.tolist(), abs=1e-4)
        rows.append(row)
    right = np.mean(np.argmax(rows, axis=1) == [0, 0, 0, 1, 1])
    assert f"{right:.1%}" in call("evaluate", "theirs.keras", data).stdout
    first = data / "class 0" / "000.png"
    call("explain", "theirs.keras", first, "--method", "saliency")
    (record,) = json.loads(
        (tmp_path / "explained/theirs/regions.json").read_text()
    )
    assert record["probability"] == pytest.approx(max(rows[0]), abs=1e-4)
    call("describe", "theirs.keras")
    one = ["theirs.keras", "--layer", layer]
    call("activations", *one, first)
    call("filters", *one, "--count", 1, "--size", 32)
    assert (tmp_path / "layers/theirs/filters.png").exists()
