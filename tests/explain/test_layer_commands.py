"""`tlkit activations` and `tlkit filters` as a person meets them."""

import keras
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tlkit.cli import app
from tlkit.models.saving import save_classifier

layers = keras.layers


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Four filters in `low`, of which the last is dead by its bias."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 255)(pixels)
    x = layers.Conv2D(4, 3, activation="relu", name="low")(x)
    x = layers.Conv2D(6, 3, activation="relu", name="high")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    made = keras.Model(pixels, layers.Dense(2, activation="softmax")(x))
    kernel, _ = made.get_layer("low").get_weights()
    bias = np.array([1, 1, 1, -100], "float32")
    made.get_layer("low").set_weights([kernel, bias])
    path = tmp_path_factory.mktemp("models") / "small.keras"
    save_classifier(made, path, ("a", "b"), (32, 32))
    return path


@pytest.fixture(autouse=True)
def _workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_activations_are_drawn_and_dead_channels_counted(
    model, drawn_folder, tmp_path
):
    done = call("activations", model, drawn_folder)
    assert done.exit_code == 0, done.output
    assert "dead over 40 images" in done.output
    assert "1 (25%)" in done.output
    for name in ("low", "high"):
        with Image.open(tmp_path / "layers" / "small" / f"{name}.png") as file:
            assert file.info["Software"] == "tlkit"
    one = call("activations", model, drawn_folder, "--layer", "high")
    assert "low" not in one.output


def test_filters_are_drawn(model, tmp_path):
    done = call("filters", model, "--count", 2, "--size", 32)
    assert done.exit_code == 0, done.output
    assert "filters.png: low, high" in done.output
    own = ["--layer", "low", "--size", 32, "--output", "low.png"]
    assert call("filters", model, *own).exit_code == 0
    with Image.open(tmp_path / "low.png") as file:
        pixels = np.asarray(file.convert("RGB"))
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 100


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["filters", "MODEL", "--layer", "hihg"], "Did you mean high"),
        (["filters", "MODEL", "--layer", "pool"], "no height and width"),
        (["filters", "MODEL", "--count", "0"], "1 or more"),
        (["filters", "MODEL", "--size", "4"], "16 or more"),
        (["activations", "MODEL", "nowhere"], "No such image"),
        (["activations", "MODEL", "PICTURES", "--layer", "lw"], "Did you mean"),
    ],
)
def test_mistakes_are_one_error(model, drawn_folder, tmp_path, arguments, said):
    named = {"MODEL": model, "PICTURES": drawn_folder}
    done = call(*(named.get(word, word) for word in arguments))
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert not (tmp_path / "layers").exists()
