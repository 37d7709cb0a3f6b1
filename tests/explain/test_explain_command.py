"""`tlkit explain` as a person meets it: pages, pictures, boxes, errors."""

import json
import os
import re
from urllib.parse import unquote

import keras
import numpy as np
import pytest
from PIL import ExifTags, Image
from typer.testing import CliRunner

from tlkit.cli import app
from tlkit.data.decode import resize_image
from tlkit.explain.files import Panel, explain_files
from tlkit.explain.methods.gradcam import grad_cam
from tlkit.explain.sheets import draw_sheet, regions_table
from tlkit.models.saving import save_classifier
from tlkit.plots import overlay
from tlkit.reuse.classifier import load_classifier

layers = keras.layers


def build(seed):
    keras.utils.set_random_seed(seed)
    pixels = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 255)(pixels)
    x = layers.Conv2D(8, 3, activation="relu", name="low")(x)
    x = layers.Conv2D(8, 3, strides=2, activation="relu", name="high")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(pixels, layers.Dense(2, activation="softmax")(x))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("first", "second")):
        save_classifier(
            build(seed), folder / f"{name}.keras", ("sun", "<moon>"), (32, 32)
        )
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, draw):
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(4):
        picture = Image.fromarray(draw(number, 40, 60))
        picture.save(folder / f"wave <{number}>.png")
    return folder


@pytest.fixture(autouse=True)
def _workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def call(*arguments):
    texts = [str(argument) for argument in arguments]
    return CliRunner().invoke(app, ["explain", *texts])


def test_every_picture_gets_its_map(models, pictures, tmp_path):
    done = call(models / "first.keras", pictures, "--class", "<moon>")
    assert done.exit_code == 0, done.output
    folder = tmp_path / "explained" / "first"
    page = (folder / "sheet.html").read_text()
    links = re.findall('<img src="([^"]+)"', page)
    assert len(links) == 8
    # Names with angle brackets are escaped, in links and in captions.
    assert "<moon>" not in page
    assert "&lt;moon&gt;" in page
    model = keras.models.load_model(models / "first.keras")
    for record in json.loads((folder / "regions.json").read_text()):
        number = int(re.search(r"<(\d)>", record["image"])[1])
        with Image.open(record["image"]) as file:
            image = np.asarray(file)
        drawn = folder / f"{number + 1:03d}_wave <{number}>.1_gradcam.png"
        with Image.open(drawn) as file:
            assert file.size == (60, 40)
            found = np.asarray(file)
        small = resize_image(image, 32)
        heat = grad_cam(model, small[None], 1)
        large = keras.ops.image.resize(heat[..., None], (40, 60))
        expected = overlay(image, np.asarray(large)[0, ..., 0])
        assert np.abs(found.astype(int) - expected).max() <= 1
        share = model.predict(small[None].astype("float32"), verbose=0)[0, 1]
        assert record["probability"] == pytest.approx(share, abs=1e-5)
        assert record["class"] == "<moon>"
    with Image.open(folder / "sheet.png") as sheet:
        assert min(sheet.size) > 200
    # Once more: the older pictures are replaced.
    assert call(models / "first.keras", pictures).exit_code == 0


def test_methods_and_models_side_by_side(models, pictures, tmp_path):
    done = call(
        models / "first.keras",
        pictures / "wave <0>.png",
        *("--compare", "gradcam,cam,saliency", "--layer", "high"),
        *("--beside", models / "second.keras", "--output", "both"),
    )
    assert done.exit_code == 0, done.output
    records = json.loads((tmp_path / "both" / "regions.json").read_text())
    assert [(x["model"], x["method"]) for x in records] == [
        (model, method)
        for model in ("first", "second")
        for method in ("gradcam", "cam", "saliency")
    ]
    table = regions_table(records)
    assert [row["model"] for row in table.to_records()] == [
        record["model"] for record in records
    ]
    for cells, record in zip(table.cells(), records, strict=True):
        box = list((record["box"] or {}).values())
        assert cells[-1] == (str(box)[1:-1] or "none")
        assert cells[-1] in done.output
    alone = regions_table(records[:3])
    assert "model" not in alone.to_records()[0]
    assert "&lt;0&gt;" in alone._repr_html_()


def test_a_large_picture_is_shown_smaller_and_its_box_is_its_own(
    models, tmp_path, draw
):
    """One of 88 megapixels took two minutes and 6.7 gigabytes."""
    picture, exif = tmp_path / "large.jpg", Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # turned: rows become columns
    Image.fromarray(draw(1, 2000, 4000)).save(picture, exif=exif)
    done = call(models / "first.keras", picture, "--output", "out")
    assert done.exit_code == 0, done.output
    with Image.open(tmp_path / "out" / "001_large.1_gradcam.png") as shown:
        assert shown.size == (800, 1600)
    page = (tmp_path / "out" / "sheet.html").read_text()
    assert "shown at 800 x 1,600 of 2,000 x 4,000 pixels" in page
    heat = np.zeros((1600, 800), np.float32)
    heat[160:480, 80:400] = 1
    panel = Panel("m", "gradcam", "sun", 1.0, heat, (4000, 2000))
    assert panel.box == (200, 400, 1000, 1200)


def test_names_of_any_form_are_explained(models, tmp_path, draw):
    """Bytes that are not UTF-8 had no link; long names could not be written."""
    folder = tmp_path / "odd"
    folder.mkdir()
    names = [
        b"a\xb9\xb7.png",
        b"[red] $0_$50 :smile:.png",
        *(b"x" * 249 + end + b".png" for end in (b"a", b"b")),
        "猫".encode() * 83 + b".png",
    ]
    for number, name in enumerate(names):
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:
            Image.fromarray(draw(number)).save(file, "png")
    done = call(models / "first.keras", folder, "--output", "out")
    assert done.exit_code == 0, done.output
    page = (tmp_path / "out" / "sheet.html").read_text("utf-8")
    links = re.findall('<img src="([^"]+)"', page)
    assert len(set(links)) == 2 * len(names)
    assert all((tmp_path / "out" / unquote(link)).exists() for link in links)
    assert "[red] $0_$50 :smile:.png" in page
    assert all(word in done.stdout for word in ("[red]", ":smile:"))
    records = json.loads((tmp_path / "out" / "regions.json").read_text())
    told = {os.fsencode(record["image"]).split(b"/")[-1] for record in records}
    assert told == set(names)


def test_the_sheet_says_that_it_is_not_all(models, pictures, tmp_path):
    classifier = load_classifier(models / "first.keras")
    some = list(explain_files([classifier], sorted(pictures.iterdir())))
    assert draw_sheet(some, 120).get_suptitle() == "the first 4 of 120 pictures"
    assert draw_sheet(some, 4).get_suptitle() == ""


def test_the_surest_pictures_of_a_class(models, pictures, tmp_path):
    sun = ["--class", "sun", "--top", 2, "--output", "top"]
    assert call(models / "first.keras", pictures, *sun).exit_code == 0
    records = json.loads((tmp_path / "top" / "regions.json").read_text())
    call(models / "first.keras", pictures, "--class", "0", "--output", "all")
    shares = json.loads((tmp_path / "all" / "regions.json").read_text())
    surest = sorted(shares, key=lambda x: -x["probability"])[:2]
    assert [x["image"] for x in records] == [x["image"] for x in surest]


@pytest.mark.parametrize("ending", [".weights.h5", ".keras"])
def test_a_map_moves_through_the_epochs(models, pictures, tmp_path, ending):
    (tmp_path / "epochs").mkdir()
    for seed in range(3):
        path = tmp_path / "epochs" / f"{seed}{ending}"
        if ending == ".keras":
            build(seed).save(path)
        else:
            build(seed).save_weights(path)
    done = call(
        models / "first.keras",
        pictures / "wave <1>.png",
        *("--through", "epochs", "--class", "sun", "--output", "moving"),
    )
    assert done.exit_code == 0, done.output
    with Image.open(tmp_path / "moving" / "001_wave <1>.gradcam.gif") as film:
        assert film.size == (60, 40)
        assert film.n_frames == 3
        first = np.asarray(film.convert("RGB")).astype(int)
        film.seek(2)
        last = np.asarray(film.convert("RGB")).astype(int)
    assert np.abs(first - last).max() > 20
    again = call(
        models / "first.keras",
        pictures / "wave <1>.png",
        *("--through", "epochs", "--class", "sun", "--output", "moving"),
    )
    assert again.exit_code == 0, again.output
    empty = call(models / "first.keras", pictures, "--through", pictures)
    assert empty.exit_code == 2
    assert "two .keras or .weights.h5 files" in empty.output


def test_unreadable_files_are_left_out_and_named(models, pictures, tmp_path):
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    (mixed / "notes.txt").write_text("no picture")
    alone = call(models / "first.keras", mixed)
    assert alone.exit_code == 2
    assert "None of these files is a picture" in alone.output
    done = call(models / "first.keras", mixed, pictures)
    assert done.exit_code == 1
    assert "left out" in done.output
    assert (tmp_path / "explained" / "first" / "sheet.html").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--class", "mars"], "sun, <moon>"),
        (["--class", "2"], "no class '2'"),
        (["--method", "gradcan"], "Did you mean gradcam"),
        (["--layer", "hihg"], "Did you mean high"),
        (["--method", "gradcam,"], "no method ''"),
        (["--top", "2"], "--class with it"),
        (["--top", "0", "--class", "sun"], "1 or more"),
        (["--through", "nowhere"], "no such files"),
        (["--through", "x", "--beside", "SECOND"], "those of one model"),
        (["--method", "saliency", "--layer", "high"], "looks at a layer"),
    ],
)
def test_mistakes_are_one_error_and_leave_nothing(
    models, pictures, tmp_path, flags, said
):
    other = models / "second.keras"
    told = [other if flag == "SECOND" else flag for flag in flags]
    done = call(models / "first.keras", pictures, *told)
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "explained").exists()


def test_folders_with_other_things_are_not_touched(models, pictures, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "sheet.html").write_text("my own page")
    done = call(models / "first.keras", pictures, "--output", "mine")
    assert done.exit_code == 2
    assert "other than explanations" in done.output
    assert (tmp_path / "mine" / "sheet.html").read_text() == "my own page"
    assert len(list((tmp_path / "mine").iterdir())) == 1


def test_an_empty_map_is_noted(models, pictures, tmp_path):
    model = build(0)
    kernel = np.array([[-1, 1]] * 8, "float32")
    model.layers[-1].set_weights([kernel, np.zeros(2, "float32")])
    save_classifier(model, tmp_path / "one.keras", ("a", "b"), (32, 32))
    done = call(tmp_path / "one.keras", pictures, "--class", "a")
    assert done.exit_code == 0
    assert "note: Nothing speaks for the class in 4 of 4" in done.output
    assert "none" in done.stdout
