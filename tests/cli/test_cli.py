"""The command as a person meets it: tables, errors in words, exit codes."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from importlib import metadata

import keras
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import tlkit
from tlkit.cli import app
from tlkit.data import decode
from tlkit.drawn.make import write_sample

COUNTS = {"train": 24, "validation": 12, "test": 12}


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "pets"
    return write_sample(folder, COUNTS, image_size=64)


@pytest.fixture(scope="module", autouse=True)
def workplace(tmp_path_factory):
    """Runs and features go to folders of the test's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("here"))
        patch.setenv("TLKIT_STORE", str(tmp_path_factory.mktemp("store")))
        yield


@pytest.fixture(scope="module")
def run(pets, workplace):
    """A run of `tlkit scratch`, made by the command."""
    done = call("scratch", pets, "--image-size", 64, "--epochs", 2)
    assert done.exit_code == 0, done.output
    return tlkit.find_runs()[0]


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_views_go_into_the_store_that_is_named(
    pets, workplace, tmp_path, monkeypatch
):
    monkeypatch.setenv("TLKIT_STORE", "unused")  # and put back afterwards
    place = tmp_path / "features"
    base = ["--base", "minivgg", "--image-size", 32, "--epochs", 2]
    few = ["--views", 2, "--store", place]
    done = call("augmented", pets, *base, *few, "--run", tmp_path / "views")
    assert done.exit_code == 0, done.output
    assert "view 2: computing the features of 24 images" in done.output
    listed = call("store", "ls", "--store", place)
    assert "flatten, views" in listed.output
    book = ["--views", 0, "--store", tmp_path / "other"]
    done = call("augmented", pets, *base, *book, "--run", tmp_path / "book")
    assert done.exit_code == 0, done.output
    assert "train, view" not in done.output
    listed = call("store", "ls", "--store", tmp_path / "other")
    assert "minivgg" not in listed.output  # only pixels


def test_the_version_is_that_of_the_installed_package():
    done = call("--version")
    assert done.exit_code == 0
    assert done.output == f"tlkit {metadata.version('tlkit')}\n"
    assert tlkit.__version__ == metadata.version("tlkit")
    assert "__version__" in dir(tlkit)


def assert_one_clear_error(done, code, *words):
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    assert done.output.count("Error: ") == 1
    for word in words:
        assert word in done.output


def test_scratch_prints_what_it_is_worth(pets, run):
    done = call(
        "scratch", pets, "--image-size", 64, "--epochs", 1, "--augment", "book"
    )
    assert done.exit_code == 0, done.output
    assert "of 12 test images right (95 % interval" in done.output
    assert "24 train, 12 validation, 12 test images" in done.output


def test_the_transfer_verbs_run(pets):
    for verb in ("features", "augmented"):
        base = ["--base", "minivgg", "--epochs", 1, "--run", verb]
        done = call(verb, pets, *base)
        assert done.exit_code == 0, done.output
        assert "random weights" not in done.output
    done = call("finetune", pets, "--start", "augmented", "--epochs", 1)
    assert done.exit_code == 0, done.output
    assert "finetune-pets" in done.output


MINIVGG = ["--base", "minivgg", "--image-size", 32]
TWO_BASES = [
    *("--base", "minivgg,mobilenet_v2", "--weights", "tlkit, none"),
    *("--image-size", 32, "--epochs", 1),
]


def test_bases_are_compared_in_one_table(pets, tmp_path):
    folder = tmp_path / "bases"
    done = call("features", pets, *TWO_BASES, "--run", folder)
    assert done.exit_code == 0, done.output
    best, other = (
        tlkit.open_run(folder / name) for name in ("minivgg", "mobilenet_v2")
    )
    if f"Best by validation: {other.path.name}" in done.output:
        best, other = other, best
    assert f"Best by validation: {best.path.name}" in done.output
    assert done.output.count("Best by validation") == 1
    for run in (best, other):
        assert f"{run.metrics['validation']['accuracy']:.1%}" in done.output
    assert best.summary() in done.output
    assert other.summary() not in done.output
    assert done.output.count("test images right") == 1


def test_a_head_grid_prints_what_it_tried(pets, tmp_path):
    run = tmp_path / "run"
    kept = ["--units", 0, "--l2", "1e-3", "--epochs", 1, "--run", run]
    done = call("features", pets, *MINIVGG, "--head-grid", *kept)
    assert done.exit_code == 0, done.output
    assert "24 training images, 3-fold cross-validation" in done.output
    assert "Chosen: 0 units" in done.output
    tried = (run / "heads.csv").read_text().splitlines()
    assert len(tried) == 3  # a heading, and both learning rates
    assert tlkit.open_run(run).plan.network.l2 == 1e-3
    rates = {line.split(",")[2] for line in tried[1:]}
    assert rates == {"0.001", "0.0003"}
    assert "test images right" in done.output


def test_l2_is_an_option_of_the_frozen_ways(pets, tmp_path):
    for verb in ("features", "augmented"):
        flags = ["--l2", 0.01, "--epochs", 1, "--run", tmp_path / verb]
        done = call(verb, pets, *MINIVGG, *flags)
        assert done.exit_code == 0, done.output
        model = keras.models.load_model(tmp_path / verb / "model.keras")
        penalty = model.get_layer("predictions").kernel_regularizer
        assert float(penalty.l2) == pytest.approx(0.01)


PLAN = """
way = "augmented"
seed = 2
[network]
base = "minivgg"
image_size = 32
units = 8
[augmentation]
preset = "mild"
rotation = 5
[views]
count = 1
[recipe]
epochs = 1
schedule = "cosine"
"""


def test_a_plan_is_trained_and_a_run_is_made_again(pets, tmp_path):
    """By file, by the flags that say the same, and by the run's config."""
    (tmp_path / "plan.toml").write_text(PLAN)
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    done = call("train", tmp_path / "plan.toml", pets, "--run", one)
    assert done.exit_code == 0, done.output
    flags = [
        *MINIVGG, "--units", 8, "--augment", "mild", "--rotation", 5,
        "--views", 1, "--epochs", 1, "--schedule", "cosine", "--seed", 2,
    ]  # fmt: skip
    done = call("augmented", pets, *flags, "--run", two)
    assert done.exit_code == 0, done.output
    done = call("train", one / "config.json", pets, "--run", three)
    assert done.exit_code == 0, done.output
    runs = [tlkit.open_run(path) for path in (one, two, three)]
    assert runs[0].plan == runs[1].plan == runs[2].plan
    assert runs[0].plan.augmentation.rotation == 5
    assert not runs[0].plan.augmentation.flip
    weights = [
        keras.models.load_model(run.model_path).get_weights() for run in runs
    ]
    for several in zip(*weights, strict=True):
        for other in several[1:]:
            np.testing.assert_array_equal(several[0], other)


def test_a_file_of_an_augmentation_is_changed_further(pets, tmp_path):
    file = tmp_path / "own.json"
    file.write_text('{"preset": "none", "rotation": 5, "zoom": [0.9, 1.1]}')
    done = call(
        "scratch", pets, "--image-size", 64, "--epochs", 1, "--augment", file,
        "--rotation", 7, "--flip", "--run", tmp_path / "run",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    augmentation = tlkit.open_run(tmp_path / "run").plan.augmentation
    assert (augmentation.rotation, augmentation.zoom) == (7, (0.9, 1.1))
    assert augmentation.flip
    assert augmentation.width_shift == 0


def test_random_weights_are_spoken_of(pets):
    base = ["--base", "minivgg", "--weights", "none", "--image-size", 32]
    done = call("features", pets, *base, "--epochs", 1)
    assert done.exit_code == 0, done.output
    assert "random weights" in done.output


def test_evaluate_says_what_the_run_says(pets, run):
    done = call("evaluate", run.path, pets)
    assert done.exit_code == 0, done.output
    assert f"{run.metrics['accuracy']:.1%}" in done.output
    assert f"log loss {run.metrics['log_loss']:.3f}" in done.output
    done = call("evaluate", run.path, pets, "--split", "train")
    assert "24 of these 24 images trained the model" in done.output


def test_evaluate_judges_all_images_of_a_flat_folder(pets, run, tmp_path):
    """It judged the fifth that would have been the test split."""
    shutil.copytree(pets / "test", tmp_path / "new")
    done = call("evaluate", run.path, tmp_path / "new")
    assert done.exit_code == 0, done.output
    count = len(list((tmp_path / "new").rglob("*.png")))
    assert re.search(rf"all +│ +{count} │", done.stdout)
    done = call("evaluate", run.path, tmp_path / "new", "--test-fraction", 0.5)
    assert_one_clear_error(done, 2, "--split", "--test-fraction")


def test_evaluate_finds_a_split_that_is_there_without_the_others(
    pets, run, tmp_path
):
    shutil.copytree(pets / "test", tmp_path / "new" / "test")
    done = call("evaluate", run.path, tmp_path / "new", "--split", "test")
    assert done.exit_code == 0, done.output
    assert f"log loss {run.metrics['log_loss']:.3f}" in done.output


def test_predict_classifies_files_and_folders(pets, run):
    folder = pets / "test" / "cats"
    done = call("predict", run.path, folder, "--json")
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 6
    model = keras.models.load_model(run.model_path)
    for line in lines:
        image = np.asarray(Image.open(line["image"]))[None]
        share = model.predict(image, verbose=0)[0]
        assert line["probabilities"]["cats"] == pytest.approx(
            share[0], abs=1e-5
        )
        assert line["class"] == ["cats", "dogs"][share.argmax()]
    table = call("predict", run.path, folder / "00000.png").stdout
    assert "next most likely" in table
    assert "00000.png" in table
    assert "%" in table


def test_predict_passes_over_what_systems_leave_behind(pets, run, tmp_path):
    """A `.git` was classified, and `Thumbs.db` ended with exit code 1."""
    picture = pets / "test" / "cats" / "00000.png"
    for folder in (".git", "__MACOSX", "inside"):
        (tmp_path / folder).mkdir()
        shutil.copy(picture, tmp_path / folder / "one.png")
    (tmp_path / "Thumbs.db").write_bytes(b"no picture")
    done = call("predict", run.path, tmp_path, picture, picture, "--json")
    assert done.exit_code == 0, done.output
    named = [json.loads(line)["image"] for line in done.stdout.splitlines()]
    inside = tmp_path / "inside" / "one.png"
    assert named == [str(inside), str(picture), str(picture)]
    # A folder that leads back into itself is named, and not entered.
    (tmp_path / "inside" / "again").symlink_to(tmp_path)
    done = call("predict", run.path, tmp_path, "--json")
    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == 1
    assert "again: a link back to its own folder" in done.stderr


def test_predict_names_the_files_it_cannot_read(pets, run, tmp_path):
    (tmp_path / "notes.jpg").write_text("not a picture")
    shutil.copy(pets / "test" / "cats" / "00000.png", tmp_path)
    done = call("predict", run.path, tmp_path)
    assert done.exit_code == 1
    assert "00000.png" in done.stdout
    assert "notes.jpg: not a JPEG, PNG" in done.stderr


def test_predict_takes_a_model_of_another_house(pets, tmp_path):
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.save(tmp_path / "other.keras")
    picture = pets / "test" / "dogs" / "00001.png"
    done = call("predict", tmp_path / "other.keras", picture, "--json")
    assert done.exit_code == 0, done.output
    shares = json.loads(done.stdout)["probabilities"]
    assert sum(shares.values()) == pytest.approx(1)
    assert set(shares) == {"class 0", "class 1"}
    assert call("evaluate", tmp_path / "other.keras", pets).exit_code == 0


def test_runs_lists_them(run):
    done = call("runs")
    assert done.exit_code == 0
    assert run.path.name in done.stdout
    assert "finished" in done.stdout
    assert "No runs in" in call("runs", "elsewhere").stdout


def test_notes_are_lines_and_no_places_in_code(tmp_path):
    """Pictures of 12 bits in 16 are read as they are, and this is said."""
    for name in ("cats", "dogs"):
        (tmp_path / "dark" / name).mkdir(parents=True)
        for number in range(3):
            pixels = np.full((8, 8), 4000 + number, np.uint16)
            pixels[0, 0] = name == "cats"
            Image.fromarray(pixels).save(
                tmp_path / "dark" / name / f"{number}.png"
            )
    decode._note_dark.cache_clear()  # it is said once a process
    place = ["--output", tmp_path / "sheets"]
    done = call("data", "show", tmp_path / "dark", *place)
    assert done.exit_code == 0, done.output
    assert "note: At least one picture of 16 bits" in done.stderr
    assert ".py" not in done.stderr


def test_data_make_and_show(tmp_path):
    done = call(
        "data", "make", tmp_path / "new", "--train", 10, "--test", 4,
        "--validation", 4, "--image-size", 32,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert len(list(tmp_path.rglob("*.png"))) == 18
    done = call(
        "data", "show", tmp_path / "new", "--output", tmp_path / "sheets"
    )
    assert done.exit_code == 0, done.output
    for name in ("images.png", "augmented.png"):
        with Image.open(tmp_path / "sheets" / name) as sheet:
            sheet.load()
            assert sheet.width > 1000
    again = call("data", "make", tmp_path / "new")
    assert_one_clear_error(again, 2, "exists already")


def one_class(folder):
    (folder / "cats").mkdir(parents=True)
    Image.new("RGB", (40, 40)).save(folder / "cats" / "a.png")


def all_unreadable(folder):
    for name in ("cats", "dogs"):
        (folder / name).mkdir(parents=True)
        (folder / name / "a.jpg").write_bytes(b"\xff\xd8\xff broken")


def one_split_only(folder):
    for split, names in (("train", "ab"), ("test", "abc"), ("val", "ab")):
        for name in names:
            (folder / split / name).mkdir(parents=True)
            image = Image.new("RGB", (40, 40), (ord(name), len(split), 0))
            image.save(folder / split / name / "x.png")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder.mkdir(), ["No usable images"]),
        (one_class, ["Only one class", "cats"]),
        (all_unreadable, ["No usable images", "a.jpg"]),
        (one_split_only, ["no training images of c", "test"]),
    ],
    ids=["no images", "one class", "unreadable", "one split only"],
)
def test_data_that_cannot_be_trained_on(tmp_path, make, words):
    make(tmp_path / "data")
    done = call("scratch", tmp_path / "data", "--run", tmp_path / "run")
    assert_one_clear_error(done, 1, "where:", "expected:", *words)
    assert not (tmp_path / "run").exists()


def fill_with_rubbish(folder):
    """Adds one file of each bad kind; returns what must be named."""
    cats = folder / "cats"
    picture = next(cats.glob("*.png"))
    Image.open(picture).save(folder / "whole.jpg")
    jpeg = (folder / "whole.jpg").read_bytes()
    (folder / "whole.jpg").unlink()
    for name, content in {
        "empty.jpg": b"",
        "text.jpg": b"a letter",
        "page.png": b"<html></html>",
        "cut.jpg": jpeg[: len(jpeg) // 2],
        "cut.png": picture.read_bytes()[:-900],
        "archive.jpg": b"PK\x03\x04" + bytes(50),
        "report.jpg": b"%PDF-1.7",
        "._ghost.jpg": b"\0" * 99,
        "Thumbs.db": b"\0" * 99,
        ".DS_Store": b"\0" * 99,
    }.items():
        (cats / name).write_bytes(content)
    Image.new("RGB", (9, 9)).save(cats / "scan.jpg", format="PCX")
    os.mkfifo(cats / "pipe.jpg")
    (cats / "broken link.jpg").symlink_to("nowhere.jpg")
    (folder / "__MACOSX").mkdir()
    (folder / "birds").mkdir()
    (folder / "loose.png").write_bytes(picture.read_bytes())
    return [path.name for path in cats.iterdir() if path.suffix != ".png"] + [
        "page.png",
        "cut.png",
        "__MACOSX",
        "birds",
        "loose.png",
    ]


@pytest.mark.skipif(os.name != "posix", reason="makes a named pipe")
def test_forty_images_with_bad_files_among_them_train(tmp_path):
    counts = {"train": 40}
    drawn = write_sample(tmp_path / "drawn", counts, image_size=64)
    folder = drawn / "train"
    bad = fill_with_rubbish(folder)
    assert len(bad) >= 12
    before = {
        path: path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    done = call(
        "scratch", folder, "--image-size", 64, "--epochs", 1,
        "--run", tmp_path / "run",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    for name in bad:
        assert f"{name}: " in done.output
    counted = tlkit.open_run(tmp_path / "run").data["counts"]
    assert sum(sum(split.values()) for split in counted.values()) == 40
    assert before == {
        path: path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_mistakes_in_the_command_end_with_2(pets, run, tmp_path):
    new = ["--run", tmp_path / "run"]
    vgg = ["features", pets, "--base", "vgg16", "--image-size", 32]
    two = ["features", pets, "--base", "minivgg,vgg16", *new]
    (tmp_path / "mine").mkdir()
    for arguments, words in [
        (["scratch", "nowhere", *new], ["No such data", "nowhere"]),
        (["scratch", pets, "--image-size", 20, *new], ["20", "46"]),
        (["scratch", pets, "--run", tmp_path / "mine"], ["exists"]),
        (["scratch", pets, "--epochs", 0, *new], ["epochs"]),
        (["scratch", pets, "--devices", 64, *new], ["devices"]),
        (["scratch", pets, "--devices", "x", *new], ["devices"]),
        (["scratch", pets, "--bogus"], ["--bogus"]),
        ([*vgg, "--weights", "gone.h5", *new], ["gone.h5"]),
        (["features", pets, "--base", "vgg61", *new], ["vgg16"]),
        ([*two, "--weights", "none,none,none"], ["expected:", "1 or 2", "3"]),
        ([*two, "--weights", "none,gone.h5"], ["gone.h5"]),
        ([*two, "--weights", "imagenet"], ["minivgg", "tlkit"]),
        (["features", pets, "--base", "minivgg,", *new], ["vgg16"]),
        (["features", pets, "--base", "vgg16,vgg16", *new], ["itself"]),
        (["features", pets, "--l2", -1, *new], ["l2", "0 or more"]),
        (["features", pets, "--head-grid", "--dropout", 1, *new], ["dropout"]),
        (["finetune", pets, "--start", run.path, *new], ["no conv base"]),
        (["finetune", pets, "--start", "gone", *new], ["No such run"]),
        (["augmented", pets, "--views", -1, *new], ["count", "0 or more"]),
        (["scratch", pets, "--views", 2, *new], ["--views"]),
        (["augmented", pets, "--augment", "strong"], ["book, mild, none"]),
        (["augmented", pets, "--augment", "gone.toml"], ["gone.toml"]),
        (["augmented", pets, "--rotation", -1], ["rotation", "0 or more"]),
        (["augmented", pets, "--zoom", "much"], ["--zoom"]),
        (["features", pets, "--optimizer", "adma"], ["Did you mean adam"]),
        (["features", pets, "--schedule", "cosin"], ["Did you mean cosine"]),
        (["train", "gone.toml", pets], ["No such plan"]),
        (["train", "featuers", pets], ["Did you mean features"]),
        (["train", run.path / "metrics.json", pets], ["field of a plan"]),
        (["evaluate", run.path, pets, "--split", "exam"], ["no exam split"]),
        (["evaluate", "gone", pets], ["No such model"]),
        (["predict", run.path, "gone.jpg"], ["No such image"]),
        (["predict", run.path / "config.json", pets], ["own form", ".json"]),
        (["data", "fetch", "birds"], ["birds", "mnist"]),
    ]:
        assert_one_clear_error(call(*arguments), 2, *words)
    assert not (tmp_path / "run").exists()
    assert not list((tmp_path / "mine").iterdir())


def test_weights_of_another_network_end_with_1(pets, tmp_path):
    wrong = tmp_path / "wrong.weights.h5"
    tlkit.build_base("mobilenet_v2", "none", 64, 0.35).save_weights(wrong)
    done = call(
        "features", pets, "--weights", wrong, "--image-size", 32,
        "--run", tmp_path / "run",
    )  # fmt: skip
    assert_one_clear_error(done, 1, "wrong.weights.h5", "vgg16")
    assert not (tmp_path / "run").exists()


def test_other_classes_are_refused(run, tmp_path):
    for name in ("cars", "ships"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (40, 40), (number, 0, len(name))).save(
                tmp_path / "data" / name / f"{number}.png"
            )
    done = call("evaluate", run.path, tmp_path / "data")
    assert_one_clear_error(done, 2, "not have all classes", "cats", "cars")


def test_a_damaged_model_is_named(run, tmp_path):
    broken = tmp_path / "broken.keras"
    broken.write_bytes(run.model_path.read_bytes()[:-1000])
    done = call("predict", broken, run.path / "plots")
    assert_one_clear_error(done, 1, "Cannot load this model", "broken.keras")


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX")
def test_a_name_that_is_not_utf_8_can_be_printed(tmp_path):
    one_class(tmp_path / "data")
    name = tmp_path / "data" / "cats" / os.fsdecode(b"caf\xe9.jpg")
    name.write_bytes(b"no picture")
    process = start(
        "data", "show", tmp_path / "data",
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
    )  # fmt: skip
    _, errors = process.communicate(timeout=180)
    assert process.returncode == 1
    assert r"caf\udce9.jpg: not a JPEG" in errors


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux alone")
@pytest.mark.parametrize("arguments", [("facts",), ("--help",)])
def test_output_to_a_full_disk_is_one_clear_error(arguments):
    command = [sys.executable, "-m", "tlkit", *arguments]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert done.stderr == "Error: Cannot print: the disk is full.\n"


def start(*arguments, **options):
    command = [sys.executable, "-m", "tlkit", *map(str, arguments)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,
    )


def wait_for(path, seconds=120):
    for _ in range(seconds * 10):
        if path.exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} did not appear")


def test_an_interrupted_run_says_so_and_keeps_its_best_weights(pets, tmp_path):
    folder = tmp_path / "run"
    process = start(
        "scratch", pets, "--image-size", 64, "--epochs", 10_000,
        "--patience", 10_000, "--run", folder,
    )  # fmt: skip
    wait_for(folder / "model.keras")
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=180)
    assert process.returncode == 130
    assert f"is kept: {folder / 'model.keras'}" in errors
    assert "Interrupted." in errors
    assert "Traceback" not in errors
    run = tlkit.open_run(folder)
    assert run.status["state"] == "interrupted"
    model = keras.models.load_model(run.model_path)
    model.compile(loss="sparse_categorical_crossentropy")
    data = tlkit.load_dataset(pets)
    batches = tlkit.make_batches(data, "validation", 64, 12)
    loss = model.evaluate(batches, verbose=0)
    assert loss == pytest.approx(min(run.history["val_loss"]), abs=0.05)
    assert "interrupted" in call("runs", tmp_path).stdout
    assert not [p for p in folder.rglob("*") if "partial" in p.name]


def test_sigterm_ends_with_143_and_the_command_goes_on(pets, tmp_path):
    flags = ["--image-size", 64, "--patience", 10_000, "--run", "again"]
    long = ["scratch", pets, *flags, "--epochs", 10_000]
    process = start(*long, cwd=tmp_path)
    wait_for(tmp_path / "again" / "checkpoint.npz")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=180)
    assert process.returncode == 143
    assert "To go on: tlkit resume again" in errors
    assert "Traceback" not in errors
    run = tlkit.open_run(tmp_path / "again")
    assert run.status["state"] == "interrupted"
    # What is asked of the run is made what one can wait for.
    config = json.loads((run.path / "config.json").read_text())
    config["recipe"]["epochs"] = 1 + len(run.history["epoch"])
    (run.path / "config.json").write_text(json.dumps(config))
    process = start("resume", "again", cwd=tmp_path)
    told, errors = process.communicate(timeout=180)
    assert process.returncode == 0, errors
    assert "goes on after epoch" in errors
    assert "test images" in told
    assert len(run.history["epoch"]) == config["recipe"]["epochs"]


def test_an_interrupted_head_grid_leaves_nothing_half_done(pets, tmp_path):
    """The features stay, so the next try begins with the heads."""
    flags = [*MINIVGG, "--head-grid", "--run", tmp_path / "run"]
    process = start("features", pets, *flags)
    for line in process.stderr:
        if line.startswith("head 1/12"):
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=180)
    assert process.returncode == 130
    assert "Interrupted." in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "run").exists()


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
from tlkit.cli import main
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX file limit")
def test_a_full_disk_is_one_clear_error(pets, run, tmp_path):
    """No file may grow beyond 200 kB: the model cannot be saved.

    The images are in the store already, by an earlier run.
    """
    process = subprocess.run(
        [
            sys.executable, "-c", LIMITED, "scratch", str(pets),
            "--image-size", "64", "--epochs", "1",
            "--run", str(tmp_path / "run"),
        ],
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert process.returncode == 1, process.stderr
    assert "Cannot write model.keras" in process.stderr
    assert "Traceback" not in process.stderr
    assert not (tmp_path / "run").exists()
