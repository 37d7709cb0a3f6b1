"""`tlkit describe` and `tlkit facts` as a person meets them."""

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image
from typer.testing import CliRunner

from tlkit.cli import app
from tlkit.sums.describe import describe_network
from tlkit.sums.facts import bottleneck
from tlkit.sums.names import describe
from tlkit.sums.picture import boxes_of

MOBILENET = ["describe", "mobilenet", "--input", "64x64x3"]


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    image = keras.Input((12, 16, 1), name="image")
    x = layers.Conv2D(4, 3, name="conv")(image)
    x = layers.MaxPooling2D(2, name="pool")(x)
    x = layers.Dense(10, name="dense")(layers.Flatten()(x))
    path = tmp_path_factory.mktemp("models") / "small.keras"
    keras.Model(image, x, name="small").save(path)
    return path


def test_a_file_is_described_layer_by_layer(model_file):
    done = call("describe", model_file, "--batch", 5)
    assert done.exit_code == 0, done.output
    total = (9 * 1 + 1) * 4 + (5 * 7 * 4 + 1) * 10
    sums = 10 * 14 * 9 * 4 + 5 * 7 * 4 * 10
    assert f"small: {total:,} parameters, {sums:,} multiply-adds" in done.stdout
    lines = [line.split("│")[1:-1] for line in done.stdout.splitlines()]
    cells = {
        line[0].strip(): [c.strip() for c in line[1:]] for line in lines if line
    }
    assert cells["conv"] == [
        "Conv2D", "3x3 valid", "(12 - 3 + 0)/1 + 1, (16 - 3 + 0)/1 + 1",
        "10x14x4", "40", "5,040", "2.2", "3", "1", "1",
    ]  # fmt: skip
    assert cells["pool"][-3:] == ["4", "2", "1.5"]
    assert cells["dense"][-3:] == ["all", "", ""]
    assert "Training with Adam, 5 images a step" in done.stdout


def test_a_network_is_a_record(model_file):
    network = describe(str(model_file))
    rows = {row["layer"]: row for row in network.table().to_records()}
    assert rows["conv"]["output"] == [10, 14, 4]
    assert rows["conv"]["parameters"] == (9 * 1 + 1) * 4
    assert rows["conv"]["multiply-adds"] == 10 * 14 * 9 * 4
    assert rows["conv"]["kB"] == 10 * 14 * 4 * 4 / 1e3
    assert rows["pool"]["sees"] == [4, 4]
    assert rows["pool"]["centre"] == [1.5, 1.5]
    assert rows["dense"]["sees"] == "all"
    assert rows["dense"]["jump"] is rows["dense"]["centre"] is None
    assert "<td" in network._repr_html_()
    total = (9 * 1 + 1) * 4 + (5 * 7 * 4 + 1) * 10
    assert repr(network) == (
        f"NetworkArithmetic('small': 5 layers, {total:,} parameters)"
    )


def test_what_is_not_known_is_said():
    image = keras.Input((6, 6, 1))
    odd = layers.Lambda(lambda x: x, name="odd", output_shape=(6, 6, 1))
    network = describe_network(keras.Model(image, odd(image)))
    row = network.table().to_records()[-1]
    assert row["multiply-adds"] is row["sees"] is None
    cells = network.table().cells()[-1]
    assert "not counted" in cells
    assert "not known" in cells
    assert "Not counted: odd." in network.table().notes


def test_facts_are_records():
    table = bottleneck().table()
    dear, cheap = (row["multiply-adds"] for row in table.to_records())
    # Szegedy et al.: 120 million come down to 12.4 million.
    assert (dear, cheap) == (28 * 28 * 32 * 25 * 192, 12_443_648)
    assert table.notes == (bottleneck().lesson,)


def test_a_run_folder_stands_for_its_model(model_file):
    named = model_file.rename(model_file.with_name("model.keras"))
    done = call("describe", named.parent)
    named.rename(model_file)
    assert done.exit_code == 0, done.output
    assert "small: " in done.stdout


def test_pictures_are_drawn(tmp_path):
    white = tmp_path / "white.png"
    Image.new("RGB", (128, 128), "white").save(white)
    done = call(
        *MOBILENET, "--out", tmp_path / "new",
        "--unit", "conv1_relu:10,20", "--image", white,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    # 3x3 with stride 2; nothing is padded in front.
    seen = "(10, 20) of conv1_relu sees rows 20 to 22 and columns 40 to 42"
    assert seen in done.stdout
    for name in ("network.png", "receptive_field.png"):
        assert name in done.stdout
        with Image.open(tmp_path / "new" / name) as picture:
            assert min(picture.size) > 300
    with Image.open(tmp_path / "new" / "receptive_field.png") as picture:
        pixels = np.asarray(picture.convert("L")).astype(int)
    # Dimmed to a third but for 3 x 3 of 64 x 64 pixels, less their frame.
    dimmed = pixels == 85
    rows, columns = (np.flatnonzero(dimmed.sum(axis) > 200) for axis in (1, 0))
    shown = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    middle = np.argwhere(shown == 255).mean(axis=0) / shown.shape * 64
    assert middle == pytest.approx([21.5, 41.5], abs=0.3)


def test_the_boxes_are_the_maps_on_the_way():
    labels = [label for label, _ in boxes_of(describe("vgg16", (32, 32, 3)))]
    assert labels[0] == "input\n32x32x3"
    assert labels[1] == "block1_conv2\n32x32x64"
    assert labels[-2:] == ["fc2\n4096", "predictions\n1000"]
    deep = boxes_of(describe("densenet121", (64, 64, 3)))
    sides = [shape[0] for _, shape in deep if len(shape) == 3]
    assert sides == [64, 32, 16, 8, 4, 2]


def test_the_facts_are_printed(tmp_path):
    done = call("facts", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    for words in ("120,422,400", "12,443,648", "25 C^2", "18 C^2"):
        assert words in done.stdout
    assert (tmp_path / "activations.png").exists()
    assert (tmp_path / "losses.png").exists()


def test_mistakes_end_with_2(model_file, tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("no model")
    draw = [*MOBILENET, "--unit", "conv1:0,0", "--out", tmp_path / "new"]
    for arguments, words in [
        (["describe", "vgg61"], ["There is no network", "vgg16"]),
        (["describe", "gone.keras"], ["No such model", "gone.keras"]),
        (["describe", text], ["not in Keras's own form", "a .txt file"]),
        (["describe", tmp_path], ["No such model", "model.keras"]),
        (["describe", "vgg16", "--input", "224"], ["--input", "224x224x3"]),
        (["describe", "vgg16", "--input", "9x9x3"], ["vgg16", "32x32", "9x9"]),
        (["describe", "mobilenetv3small"], ["any size", "--input"]),
        (["describe", model_file, "--input", "9x9x3"], ["12x16x1", "9x9x3"]),
        (["describe", model_file, "--batch", "0"], ["1 or more"]),
        ([*MOBILENET, "--unit", "conv1"], ["LAYER:row,column"]),
        ([*MOBILENET, "--unit", "conv_1:0,0"], ["conv_1", "Did you mean"]),
        ([*MOBILENET, "--unit", "conv1:99,0"], ["row 0 to 31"]),
        ([*MOBILENET, "--image", "a.png"], ["--unit", "--out"]),
        ([*draw, "--image", "gone.png"], ["No such image", "gone.png"]),
    ]:
        done = call(*arguments)
        assert done.exit_code == 2, done.output
        assert "Traceback" not in done.output
        assert done.output.count("Error: ") == 1
        for word in words:
            assert word in done.output
        assert done.stdout == ""
    assert not (tmp_path / "new").exists()
