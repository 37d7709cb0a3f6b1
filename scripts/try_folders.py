"""Writes docs/folders.md: what tlkit says of what people bring.

    python scripts/try_folders.py

Draws every folder, saves every model, and writes down what the command
prints. The tests compare the page with what is printed there and then.
"""

import contextlib
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import tlkit
from tlkit.base.outputs import make_output_folder

PAGE = Path(__file__).parents[1] / "docs" / "folders.md"
HEAD = """# Folders, names and models as people bring them

What tlkit says of each, written by `python scripts/try_folders.py`, which
draws all of them. Folders are named `photos`; of a folder the page shows what
every command prints before it computes anything. Errors end with exit code 1,
wrong options with 2.
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
        return f"Error: {error}"


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


def cell(text: str) -> str:
    """Returns a text as it may stand in a cell of a table in Markdown."""
    safe = text.replace("|", r"\|").replace("<", "&lt;")
    # What stands in columns on a screen is a line each here.
    lines = [re.sub(r"\s+", " ", line).strip() for line in safe.splitlines()]
    return "<br>".join(lines)


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


CASES = [*FOLDERS]

if __name__ == "__main__":
    PAGE.write_text(page(CASES), encoding="utf-8")
    print(f"{PAGE}: {len(CASES)} cases")
