"""Writes docs/folders.md: what tlkit says of what people bring.

    python scripts/try_folders.py

Draws every folder, saves every model, and writes down what the command
prints. The tests compare the page with what is printed there and then.
"""

import contextlib
import json
import os
import re
import shutil
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from typer.testing import CliRunner

import tlkit
from tlkit.base.outputs import make_output_folder
from tlkit.cli import app
from tlkit.tensor.starting import start_tensorflow

PAGE = Path(__file__).parents[1] / "docs" / "folders.md"
HEAD = """# Folders, names and models as people bring them

What tlkit says of each, written by `python scripts/try_folders.py`, which
draws all of them. Folders are named `photos`; of a folder the page shows what
every command prints before it computes anything.
"""


@dataclass(frozen=True)
class Case:
    """Something that people bring.

    Attributes:
        heading: The part of the page that it belongs to.
        what: What it is, as the page shows it.
        draw: Function that makes it in the working folder.
        say: Function that returns what tlkit says.
    """

    heading: str
    what: str
    draw: Callable[[], None]
    say: Callable[[], str]


def picture(number: int, side: int = 16) -> np.ndarray:
    """Smooth colour waves; every number is another picture."""
    random = np.random.default_rng(number)
    y, x = np.mgrid[:side, :side] / side
    waves = random.uniform(2, 7, (3, 2))
    phases = random.uniform(0, 6, 3)
    channels = [
        128 + 110 * np.sin(wave @ [y.ravel(), x.ravel()] + phase)
        for wave, phase in zip(waves, phases, strict=True)
    ]
    flat = np.stack(channels, -1).reshape(side, side, 3)
    return flat.round().astype(np.uint8)


def put(
    folder: str, count: int = 50, name: str = "{}.png", first: int = 0
) -> None:
    """Draws pictures into a folder; others in every folder."""
    path = Path("photos", folder)
    path.mkdir(parents=True, exist_ok=True)
    # A checksum of the name, so that no two folders have equal pictures.
    start = 1000 * (sum(map(ord, folder + name)) + 7 * len(folder)) + first
    for place in range(count):
        Image.fromarray(picture(start + place)).save(path / name.format(place))


def classes(*names: str, count: int = 50) -> Callable[[], None]:
    """Returns a function that draws a folder of pictures for each name."""

    def draw() -> None:
        for name in names:
            put(name, count)

    return draw


def read(**reading: str) -> Callable[[], str]:
    """Returns a function that reads `photos` as training does."""

    def say() -> str:
        return in_words(
            lambda: tlkit.load_dataset(
                "photos", reading=tlkit.Reading(**reading)
            ).summary(4)
        )

    return say


def in_words(act: Callable[[], str]) -> str:
    """Returns what is printed, whether it is a result or an error."""
    try:
        return act()
    except tlkit.TlkitError as error:
        return f"Error: {error}\nexit code {error.exit_code}"


@contextlib.contextmanager
def working_folder() -> Iterator[Path]:
    """A new folder to work in, which is removed afterwards."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            os.chdir(before)


def kaggle() -> None:
    """The images of Kaggle's dogs against cats, as they are unpacked."""
    put("train", 60, "cat.{}.jpg")
    put("train", 60, "dog.{}.jpg")
    put("test1", 6, "{}.jpg")


def table(head: str, line: str) -> Callable[[], None]:
    """Returns a function that draws twelve pictures and a table of them."""

    def draw() -> None:
        put(".", 120, "scan{}.png")
        lines = [
            line.format(
                number=number,
                label=("benign", "malignant")[number % 2],
                split=("train", "train", "valid", "test")[number // 30],
                patient=number // 4,
            )
            for number in range(120)
        ]
        Path("labels.csv").write_text("\n".join([head, *lines]) + "\n")

    return draw


def plants() -> None:
    """Three images of each plant."""
    for name in ("healthy", "rusty"):
        for number in range(20):
            put(name, 3, f"plant{number}-{{}}.png", 10 * number)


def copies() -> None:
    """The same pictures under two labels, in one class, and in two splits."""
    classes("train/cats", "train/dogs", "test/cats", "test/dogs")()
    cats, dogs = Path("photos/train/cats"), Path("photos/train/dogs")
    shutil.copy(cats / "0.png", dogs / "cat or dog.png")
    shutil.copy(cats / "1.png", cats / "again.png")
    shutil.copy(cats / "2.png", "photos/test/cats/seen before.png")


def resized() -> None:
    """Smaller copies of training images among the test images."""
    classes("train/cats", "train/dogs", "test/cats", "test/dogs")()
    for number in range(4):
        big = Image.fromarray(picture(number, 160))
        big.save(f"photos/train/cats/big{number}.jpg")
        big.resize((96, 96)).save(f"photos/test/cats/small{number}.jpg")


def forms() -> None:
    """Names of classes that differ in form only."""
    composed = unicodedata.normalize("NFC", "re\N{COMBINING ACUTE ACCENT}ne")
    apart = unicodedata.normalize("NFD", composed)
    classes("Cat", "cat", "cat ", composed, apart, count=20)()


def other_encoding() -> None:
    """A folder that was named under Chinese Windows."""
    gbk = "\N{CJK UNIFIED IDEOGRAPH-72D7}".encode("gbk")
    classes("cats", os.fsdecode(gbk))()


def litter() -> None:
    """What systems, network drives and tlkit itself leave behind."""
    classes("cats", "dogs", "cats/@eaDir", "$RECYCLE.BIN", "#recycle")()
    classes("lost+found", "System Volume Information", ".git")()
    Path("photos/cats/Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    make_output_folder(Path("photos/runs"))
    put("runs", 1, "curves.png")


def broken() -> None:
    """Files that are no images, or no whole ones."""
    classes("cats", "dogs")()
    cats = Path("photos/cats")
    (cats / "empty.jpg").touch()
    (cats / "page.jpg").write_text("<!DOCTYPE html><title>404</title>")
    (cats / "report.pdf").write_bytes(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3")
    Image.fromarray(picture(1)).save(cats / "cut.jpg", quality=95)
    whole = (cats / "cut.jpg").read_bytes()
    (cats / "cut.jpg").write_bytes(whole[: len(whole) // 2])


def formats() -> None:
    """Formats other than JPEG and PNG, and 16 bits a channel."""
    classes("cats", "dogs", count=20)()
    for suffix in ("tiff", "ppm", "bmp", "gif", "webp", "avif"):
        image = Image.fromarray(picture(ord(suffix[0])))
        image.save(f"photos/cats/one.{suffix}")
    deep = picture(3)[..., 0].astype(np.uint16) * 257
    Image.fromarray(deep).save("photos/dogs/deep.png")


SPLITS, LABELS, CLASSES, FILES = (
    "Splits and folders around them",
    "Labels in names and tables, groups",
    "Classes, their size and their names",
    "Copies, litter and files",
)
FOLDERS = [
    Case(SPLITS, "`cats/ dogs/`", classes("cats", "dogs"), read()),
    Case(
        SPLITS,
        "`train/ validation/ test/`, each with `cats/ dogs/`",
        classes(
            *(
                f"{split}/{name}"
                for split in ("train", "validation", "test")
                for name in ("cats", "dogs")
            )
        ),
        read(),
    ),
    *(
        Case(
            SPLITS,
            f"`{first}/ {second}/`, each with `cats/ dogs/`",
            classes(
                *(
                    f"{split}/{name}"
                    for split in (first, second)
                    for name in ("cats", "dogs")
                )
            ),
            read(),
        )
        for first, second in (
            ("Train", "Test"),
            ("Training", "Testing"),
            ("train", "valid"),
            ("train", "dev"),
            ("training_set", "test_set"),
        )
    ),
    Case(
        SPLITS,
        "`archive/train/ archive/test/`, each with `cats/ dogs/`",
        classes(
            "archive/train/cats",
            "archive/train/dogs",
            "archive/test/cats",
            "archive/test/dogs",
        ),
        read(),
    ),
    Case(
        SPLITS,
        "`training_set/training_set/cats/` and so on",
        classes(
            "training_set/training_set/cats",
            "training_set/training_set/dogs",
            "test_set/test_set/cats",
            "test_set/test_set/dogs",
        ),
        read(),
    ),
    Case(
        SPLITS,
        "`cats/train/ cats/test/ dogs/train/ dogs/test/`",
        classes("cats/train", "cats/test", "dogs/train", "dogs/test"),
        read(),
    ),
    Case(
        SPLITS,
        "`seg_train/seg_train/cats/ ... seg_test/ seg_pred/`",
        lambda: (
            classes(
                "seg_train/seg_train/cats",
                "seg_train/seg_train/dogs",
                "seg_test/seg_test/cats",
                "seg_test/seg_test/dogs",
            )(),
            put("seg_pred/seg_pred", 20),
        )[0],
        read(),
    ),
    Case(
        SPLITS,
        "`fold1/ fold2/`, each with `cats/ dogs/`",
        classes("fold1/cats", "fold1/dogs", "fold2/cats", "fold2/dogs"),
        read(),
    ),
    Case(
        SPLITS,
        "`PetImages/` with `Cat/ Dog/`, and a text beside it",
        lambda: (
            classes("PetImages/Cat", "PetImages/Dog")(),
            Path("photos/readme[1].txt").write_text("See the terms."),
        )[0],
        read(),
    ),
    Case(SPLITS, "images alone", lambda: put(".", 20), read()),
    Case(
        SPLITS,
        "`car/ bus/ train/`: vehicles",
        classes("car", "bus", "train"),
        read(),
    ),
    Case(
        SPLITS,
        "`Train/ Test/` with images, but no class folders",
        classes("Train", "Test"),
        read(),
    ),
    Case(
        SPLITS,
        "`train/cats/ train/dogs/`, and `test/` with images alone",
        classes("train/cats", "train/dogs", "test"),
        read(),
    ),
    Case(
        SPLITS,
        "`train/` and `test/`, which lacks the dogs",
        classes("train/cats", "train/dogs", "test/cats"),
        read(),
    ),
    Case(
        SPLITS,
        "`train/` without the owls that `test/` has",
        classes(
            "train/cats", "train/dogs", "test/cats", "test/dogs", "test/owls"
        ),
        read(),
    ),
    Case(
        SPLITS,
        "folders inside class folders: `cats/2020/ cats/2021/ dogs/`",
        classes("cats/2020", "cats/2021", "dogs"),
        read(),
    ),
    Case(
        LABELS,
        "`train/cat.0.jpg ... train/dog.59.jpg`, `test1/0.jpg ...`",
        kaggle,
        read(),
    ),
    Case(
        LABELS,
        "the same, with `--label-from name`",
        kaggle,
        read(label_from="name"),
    ),
    Case(
        LABELS,
        "`0_cat.png 0_dog.png ...`, with `--label-from '_([a-z]+)'`",
        lambda: (put(".", 50, "{}_cat.png"), put(".", 50, "{}_dog.png"))[0],
        read(label_from="_([a-z]+)"),
    ),
    Case(
        LABELS,
        "`scan0.png ...` and `--labels labels.csv` with the columns "
        "`file,label`",
        table("file,label", "scan{number}.png,{label}"),
        read(labels="labels.csv"),
    ),
    Case(
        LABELS,
        "the same with `image_id;diagnosis;set;patient`, without suffixes",
        table(
            "image_id;diagnosis;set;patient",
            "scan{number};{label};{split};{patient}",
        ),
        read(labels="labels.csv"),
    ),
    Case(
        LABELS,
        "the same with `name,size`",
        table("name,size", "scan{number},3"),
        read(labels="labels.csv"),
    ),
    Case(
        LABELS,
        "three images of each of twenty plants a class, with "
        r"`--group-by '(\w+/plant\d+)'`",
        plants,
        read(group_by=r"(\w+/plant\d+)"),
    ),
    Case(
        CLASSES,
        "198 cats and 3 dogs",
        lambda: (put("cats", 198), put("dogs", 3))[0],
        read(),
    ),
    Case(
        CLASSES,
        "198 cats and 2 dogs",
        lambda: (put("cats", 198), put("dogs", 2))[0],
        read(),
    ),
    Case(
        CLASSES,
        "120 roses, 12 daisies, 6 tulips",
        lambda: (put("roses", 120), put("daisies", 12), put("tulips", 6))[0],
        read(),
    ),
    Case(CLASSES, "`cats/` alone", classes("cats"), read()),
    Case(
        CLASSES,
        "`Cat/ cat/`, `cat` with a space after it, and `réne/` in two "
        "Unicode forms",
        forms,
        read(),
    ),
    Case(CLASSES, "a folder named in GBK", other_encoding, read()),
    Case(
        CLASSES,
        "`$0_$50/ [red]/ :smile:/ 猫/`",
        classes("$0_$50", "[red]", ":smile:", "猫"),
        read(),
    ),
    Case(
        FILES,
        "copies: under two labels, in one class, in two splits",
        copies,
        read(),
    ),
    Case(
        FILES, "smaller copies of training images in `test/`", resized, read()
    ),
    Case(
        FILES,
        "`@eaDir $RECYCLE.BIN #recycle lost+found .git Thumbs.db`, and "
        "`runs/` of tlkit's",
        litter,
        read(),
    ),
    Case(FILES, "empty, cut and foreign files", broken, read()),
    Case(FILES, "TIFF, PPM, BMP, GIF, WebP, AVIF, 16-bit PNG", formats, read()),
    Case(FILES, "an empty folder", lambda: Path("photos").mkdir(), read()),
]


def colours() -> None:
    """Twelve pictures that are red or blue all over, in a folder each."""
    for name, colour in (("red", (200, 30, 40)), ("blue", (30, 50, 210))):
        Path("photos", name).mkdir(parents=True)
        for number in range(6):
            image = Image.new("RGB", (24, 24), colour)
            image.putpixel((number, 0), (0, 0, 0))
            image.save(f"photos/{name}/{number}.png")


def model(
    end: Callable[[Any], Any],
    shape: tuple[int | None, ...] = (24, 24, 3),
    names: Sequence[str] = ("blue", "red"),
) -> Callable[[], None]:
    """Returns a function that saves a small model, and draws pictures.

    Args:
        end: Function from the mean colour, 0 to 1, to the model's outputs.
        shape: Shape of the model's input.
        names: Names of the classes; without any, Keras alone saves the model.
    """

    def draw() -> None:
        start_tensorflow()
        import keras

        from tlkit.models.saving import save_classifier

        colours()
        pixels = keras.Input(shape, name="pixels")
        scaled = keras.layers.Rescaling(1 / 255)(pixels)
        mean = keras.layers.GlobalAveragePooling2D()(scaled)
        made = keras.Model(pixels, end(mean))
        if names:
            save_classifier(made, "model.keras", names, (24, 24))
        else:
            made.save("model.keras")

    return draw


def dense(units: int, activation: str | None = None) -> Callable[[Any], Any]:
    """Returns a function that adds a layer of which red and blue decide."""

    def add(mean: Any) -> Any:
        import keras

        kernel = np.zeros((mean.shape[-1], units), np.float32)
        kernel[-1, 0], kernel[0, -1] = 3.0, 3.0
        if units == 1:
            kernel[-1, 0] = -3.0
        layer = keras.layers.Dense(units, activation, name="classes")
        outputs = layer(mean)
        layer.set_weights([kernel, np.zeros(units, np.float32)])
        return outputs

    return add


def two_outputs(mean: Any) -> Any:
    """Probabilities, and besides them the mean colour."""
    import keras

    named = keras.layers.Identity(name="colour")(mean)
    return [dense(2, "softmax")(mean), named]


def two_inputs() -> None:
    """A model of two pictures."""
    import keras

    colours()
    inputs = [keras.Input((24, 24, 3), name=name) for name in ("left", "right")]
    both = keras.layers.Concatenate()(inputs)
    mean = keras.layers.GlobalAveragePooling2D()(both)
    end = keras.layers.Dense(2, "softmax")(mean)
    keras.Model(inputs, end).save("model.keras")


def own_layer() -> None:
    """A model with a layer that this process does not know."""
    import keras

    class Halved(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs / 2

    model(lambda mean: dense(2, "softmax")(Halved()(mean)), names=())()


def old_format() -> None:
    """A model in the format before `.keras`."""
    colours()
    Path("model.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))


def newer_keras() -> None:
    """A model that a Keras of the future has saved, with a layer of its own."""
    PROBABILITIES()
    with zipfile.ZipFile("model.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    about = json.loads(members["metadata.json"])
    about["keras_version"] = "99.0.0"
    members["metadata.json"] = json.dumps(about).encode()
    members["config.json"] = members["config.json"].replace(
        b"GlobalAveragePooling2D", b"GlobalFancyPooling2D"
    )
    with zipfile.ZipFile("model.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def classic() -> None:
    """LeNet-5 as built here, saved by Keras."""
    import keras

    colours()
    keras.utils.set_random_seed(0)
    tlkit.build_classic("lenet5", classes=2).save("model.keras")


def command(*words: str) -> Callable[[], str]:
    """Returns a function that runs `tlkit` and returns what it prints."""

    def say() -> str:
        done = CliRunner().invoke(app, list(words))
        # Borders of tables, and where the files lie.
        plain = re.sub(r"[\u2500-\u257f]+", " ", done.output).rstrip()
        if done.exit_code:
            plain += f"\nexit code {done.exit_code}"
        return plain.replace(str(Path.cwd()), ".")

    return say


PREDICT = command("predict", "model.keras", "photos/red/0.png")
EVALUATE = command("evaluate", "model.keras", "photos")
PROBABILITIES = model(dense(2, "softmax"))
MODELS, JUDGED = "Models of others, and `tlkit predict`", "`tlkit evaluate`"
OTHERS = [
    Case(MODELS, "ends in a softmax", PROBABILITIES, PREDICT),
    Case(MODELS, "ends in two scores", model(dense(2)), PREDICT),
    Case(MODELS, "ends in one score", model(dense(1)), PREDICT),
    Case(
        MODELS,
        "three independent sigmoids",
        model(dense(3, "sigmoid"), names=("blue", "green", "red")),
        PREDICT,
    ),
    Case(
        MODELS,
        "without names of classes",
        model(dense(2, "softmax"), names=()),
        PREDICT,
    ),
    Case(MODELS, "two outputs", model(two_outputs, names=()), PREDICT),
    Case(MODELS, "two inputs", two_inputs, PREDICT),
    Case(
        MODELS,
        "gray images",
        model(dense(2, "softmax"), (24, 24, 1)),
        PREDICT,
    ),
    Case(
        MODELS,
        "images of any size, saved by Keras alone",
        model(dense(2, "softmax"), (None, None, 3), ()),
        PREDICT,
    ),
    Case(MODELS, "LeNet-5 of `tlkit.build_classic`", classic, PREDICT),
    Case(MODELS, "a layer of their own", own_layer, PREDICT),
    Case(
        MODELS,
        "`.h5`",
        old_format,
        command("predict", "model.h5", "photos/red/0.png"),
    ),
    Case(MODELS, "saved by a later Keras", newer_keras, PREDICT),
    Case(JUDGED, "`red/ blue/`: all images", PROBABILITIES, EVALUATE),
    Case(
        JUDGED,
        "`red/` alone",
        lambda: (PROBABILITIES(), shutil.rmtree("photos/blue"))[0],
        EVALUATE,
    ),
    Case(
        JUDGED,
        "`test/Red/ test/BLUE/` alone",
        lambda: (
            PROBABILITIES(),
            Path("photos/test").mkdir(),
            Path("photos/red").rename("photos/test/Red"),
            Path("photos/blue").rename("photos/test/BLUE"),
        )[0],
        EVALUATE,
    ),
    Case(
        JUDGED,
        "`red/ green/`, for a model of red and blue",
        lambda: (
            PROBABILITIES(),
            Path("photos/blue").rename("photos/green"),
        )[0],
        EVALUATE,
    ),
]


def cell(text: str) -> str:
    """Returns a text as it may stand in a cell of a table in Markdown."""
    safe = text.replace("|", r"\|").replace("<", "&lt;")
    # What stands in columns on a screen is a line each here.
    lines = [re.sub(r"\s+", " ", line).strip() for line in safe.splitlines()]
    return "<br>".join(filter(None, lines))


def line(case: Case, said: str) -> str:
    """Returns the line of the page for a case."""
    return f"| {case.what} | {cell(said)} |"


def tried(case: Case) -> str:
    """Returns what tlkit says of a case, which is drawn for it."""
    with working_folder():
        case.draw()
        return case.say()


def page(cases: Sequence[Case]) -> str:
    """Returns the whole page, for which all cases are tried."""
    parts = [HEAD]
    for heading in dict.fromkeys(case.heading for case in cases):
        lines = [
            line(case, tried(case)) for case in cases if case.heading == heading
        ]
        head = [f"## {heading}\n", "| brought | tlkit says |", "|---|---|"]
        parts.append("\n".join([*head, *lines, ""]))
    return "\n".join(parts)


CASES = [*FOLDERS, *OTHERS]

if __name__ == "__main__":
    PAGE.write_text(page(CASES), encoding="utf-8")
    print(f"{PAGE}: {len(CASES)} cases")
