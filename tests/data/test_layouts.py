"""The layouts in which people bring their images, and where labels stand."""

import os
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.outputs import make_output_folder
from tlkit.data.labels import label_in_name
from tlkit.data.layout import MARKER
from tlkit.data.load import load_dataset, load_labelled, read_source
from tlkit.data.names import class_key, split_of
from tlkit.data.reading import Reading
from tlkit.data.scan import image_files


@pytest.fixture
def put(draw, tmp_path):
    """`put("train/cats", 3)`: writes so many new pictures into a folder."""
    drawn = iter(range(10_000))

    def write(folder, count=4, pattern="{}.png"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for place in range(count):
            path = tmp_path / folder / pattern.format(place)
            Image.fromarray(draw(next(drawn), 8, 8)).save(path)
        return tmp_path

    return write


def split_counts(index):
    return {name: sum(of.values()) for name, of in index.counts().items()}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("Train", "train"),
        ("TRAINING", "train"),
        ("training_set", "train"),
        ("trainset", "train"),
        ("train-images", "train"),
        ("train1", "train"),
        ("valid", "validation"),
        ("Val", "validation"),
        ("dev", "validation"),
        ("Validation Data", "validation"),
        ("test1", "test"),
        ("Testing", "test"),
        ("test_set", "test"),
        ("hold-out", "test"),
        ("evaluation", "test"),
        ("trains", None),
        ("cats", None),
        ("images", None),
        ("cats_train", None),
        ("contest", None),
        ("2020", None),
        ("测试", None),
    ],
)
def test_names_of_splits(name, split):
    assert split_of(name) == split


@pytest.mark.parametrize(
    ("train", "other", "split"),
    [
        ("Train", "Test", "test"),
        ("Training", "Testing", "test"),
        ("train", "valid", "validation"),
        ("train", "dev", "validation"),
        ("training_set", "test_set", "test"),
        ("TRAIN", "TEST", "test"),
    ],
)
def test_splits_are_recognised_whatever_they_are_called(
    put, train, other, split
):
    # They were taken for two classes, "Train" and "Test".
    for name in ("cats", "dogs"):
        put(f"{train}/{name}", 6)
        root = put(f"{other}/{name}", 3)
    found = read_source(root)
    assert found.class_names == ("cats", "dogs")
    assert split_counts(found) == {"train": 12, split: 6}
    assert f"{other}/ is the {split} split" in found.notes[0]


def test_three_splits_with_usual_names_are_not_remarked(put):
    for split in ("train", "validation", "test"):
        put(f"{split}/cats"), put(f"{split}/dogs")
    assert read_source(put("train/cats")).notes == ()


@pytest.mark.parametrize("wrapping", ["archive", "archive/PetImages"])
def test_a_folder_around_everything_is_looked_through(put, wrapping):
    put(f"{wrapping}/cats"), put(f"{wrapping}/dogs")
    (put("", 0) / "__MACOSX").mkdir()
    found = read_source(put("", 0))
    assert found.class_names == ("cats", "dogs")
    assert f"no images but in {wrapping}/" in found.notes[0]


@pytest.mark.parametrize("inside", ["", "train/", "test/"])
def test_a_text_beside_a_folder_around_everything_does_not_hide_it(put, inside):
    put(f"data/{inside}cats"), put(f"data/{inside}dogs")
    root = put("data/train/cats" if inside else ".", 0)
    (root / "README.md").write_text("Cats and dogs.")
    assert load_labelled(root).class_names == ("cats", "dogs")


def test_a_picture_beside_a_folder_is_not_hidden(put):
    put("data/cats"), put("data/dogs")
    with pytest.raises(TlkitError, match=r"0\.png: not in a class folder"):
        read_source(put(".", 1))


def test_a_text_beside_the_folder_in_a_split_does_not_hide_it(put):
    for folder in ("train", "test/images"):
        put(f"{folder}/cats"), put(f"{folder}/dogs")
    (put(".", 0) / "test" / "readme.txt").write_text("Photographs.")
    found = read_source(put(".", 0))
    assert split_counts(found) == {"train": 8, "test": 8}


def test_the_one_class_of_a_split_is_not_looked_through(put):
    put("train/cats"), put("train/dogs"), put("test/cats/2020", 3)
    found = read_source(put("test/cats/2021", 2))
    assert found.counts()["test"] == {"cats": 5, "dogs": 0}


def test_a_split_beside_folders_of_its_own_classes_is_a_split(put):
    put("train/cats", 3), put("train/dogs", 3), put("cats", 2)
    found = read_source(put("dogs", 2))
    assert found.counts() == {"train": {"cats": 3, "dogs": 3}}
    assert [Path(path).name for path, _ in found.left_out] == ["cats", "dogs"]


def test_a_split_beside_notes_is_a_split(put):
    put("train/cats"), put("train/dogs")
    for name in ("annotations", "lists"):
        (put(name, 0) / name / "1.xml").write_text("<x/>")
    assert read_source(put(".", 0)).class_names == ("cats", "dogs")


@pytest.mark.parametrize("join", ["_", " ", "-"])
def test_names_of_a_split_and_a_class_in_one_are_an_error(put, join):
    for split in ("train", "test"):
        put(f"{split}{join}cats"), put(f"{split}{join}dogs")
    with pytest.raises(TlkitError, match="a split's and a class's in one"):
        read_source(put(".", 0))


def test_a_link_to_nothing_is_said(put):
    put("train/cats"), put("train/dogs")
    root = put(".", 0)
    (root / "test").symlink_to("nowhere")
    (root / "train" / "owls").symlink_to("nowhere")
    reasons = dict(read_source(root).left_out).values()
    assert [*reasons] == ["a link to nothing"] * 2


def test_a_folder_inside_each_split_is_looked_through(put):
    for split in ("training_set", "test_set"):
        put(f"{split}/{split}/cats"), put(f"{split}/{split}/dogs")
    assert split_counts(read_source(put("", 0))) == {"train": 8, "test": 8}


def test_splits_inside_class_folders(put):
    # The images of all splits were taken for training images.
    for name in ("cats", "dogs"):
        put(f"{name}/train", 5), put(f"{name}/test", 2)
    found = read_source(put("", 0))
    assert found.class_names == ("cats", "dogs")
    assert split_counts(found) == {"train": 10, "test": 4}


def test_a_file_beside_splits_in_a_class_folder_does_not_join_them(put):
    for name in ("cats", "dogs"):
        put(f"{name}/train", 6), put(f"{name}/val", 3)
    root = put("dogs", 1)
    (root / "cats" / "notes.txt").write_text("Cats.")
    found = read_source(root)
    assert split_counts(found) == {"train": 12, "validation": 6}
    reasons = dict(found.left_out).values()
    assert [*reasons] == ["not in the folder of a split"] * 2


def test_data_sets_that_become_classes_are_said(put):
    for name in ("A", "B"):
        put(f"{name}/train/cats"), put(f"{name}/train/dogs")
    (note,) = read_source(put(".", 0)).notes
    assert note.endswith("count for its class: in A, B.")


def test_an_empty_folder_of_a_split_holds_no_images_without_labels(put):
    put("train/cats"), put("train/dogs")
    found = read_source(put("test", 0))
    assert [reason for _, reason in found.left_out] == ["empty folder"]
    assert found.notes == ()


def test_a_table_beside_folders_of_splits_is_pointed_to(put):
    put("train", 3, "cat{}.png"), put("train", 3, "dog{}.png")
    root = put("test", 2)
    with pytest.raises(TlkitError, match="begin with cat, dog:"):
        read_source(root)
    (root / "train.csv").write_text("id,label\ncat0,cat\ndog0,dog\n")
    with pytest.raises(TlkitError, match=r"add --labels .*train\.csv"):
        read_source(root)


@pytest.mark.parametrize(
    ("first", "second"),
    [("seg_train", "seg_test"), ("pets-train", "pets-test")],
)
def test_splits_by_a_part_of_their_names(put, first, second):
    # They were taken for classes. The first is nested as it is unpacked.
    inner = first if first.startswith("seg") else ""
    for name in ("cats", "dogs"):
        put(f"{first}/{inner}/{name}", 5), put(f"{second}/{name}", 3)
    found = read_source(put("seg_pred", 2))
    assert found.class_names == ("cats", "dogs")
    assert split_counts(found) == {"train": 10, "test": 6}
    assert any(f"{first}/ is the train split" in one for one in found.notes)


@pytest.mark.parametrize(
    "folders",
    [
        ("entrainement", "validierung"),
        ("pets-test", "pets-val"),  # nothing to learn from
    ],
)
def test_folders_of_the_same_classes_are_said(put, folders):
    for folder in folders:
        put(f"{folder}/cats"), put(f"{folder}/dogs")
    found = read_source(put(".", 0))
    assert found.class_names == folders
    assert "if they are splits, call them train/" in " ".join(found.notes)


def test_classes_that_are_sorted_by_a_part_of_the_day_are_classes(put):
    put("cats/day"), put("cats/night"), put("dogs/day"), put("dogs/night")
    assert read_source(put("owls")).class_names == ("cats", "dogs", "owls")


def test_classes_among_which_one_is_called_like_a_split(put):
    put("car"), put("bus"), put("train")
    put("train/old")
    found = read_source(put("", 0))
    assert found.class_names == ("bus", "car", "train")
    assert "train/ is taken for a class" in " ".join(found.notes)


def test_splits_that_hold_no_class_folders_are_an_error(put):
    put("train", 9, "cat.{}.jpg"), put("train", 9, "dog.{}.jpg")
    root = put("test1", 5, "{}.jpg")
    with pytest.raises(TlkitError, match="named like splits") as caught:
        read_source(root)
    assert "Train" not in str(caught.value)
    put("train", 9, "dog{}.jpg")
    # Kaggle's own layout: the test images have no labels.
    found = load_dataset(root, reading=Reading(label_from="name"))
    assert found.class_names == ("cat", "dog")
    assert sum(split_counts(found).values()) == 27
    assert "test" in found.splits
    assert "The files in test1/ have no labels" in found.notes[1]
    assert "test split" not in " ".join(found.notes)


def test_the_error_says_that_labels_stand_in_the_names(put):
    root = put("train", 9, "cat.{}.jpg")
    put("train", 9, "dog.{}.jpg")
    with pytest.raises(TlkitError, match=r"begin with cat, dog.*--label-from"):
        read_source(root)


def test_a_test_folder_without_classes_is_said_and_not_used(put):
    put("train/cats", 20), put("train/dogs", 20)
    root = put("test", 7, "{}.png")
    found = load_dataset(root)
    # The test split is taken from the training images, as without the folder.
    assert sum(split_counts(found).values()) == 40
    assert "The files in test/ have no labels" in found.notes[0]


def test_a_test_folder_of_unknown_classes_has_no_labels(put):
    put("train/cats"), put("train/dogs")
    root = put("test/unknown", 7)
    assert split_counts(read_source(root)) == {"train": 8}


def test_images_that_lie_flat_are_said_to_have_no_labels(put):
    with pytest.raises(TlkitError, match="lie in no class folders"):
        read_source(put(".", 3))


@pytest.mark.parametrize("name", [".", "..", "cats/.."])
def test_the_folder_where_one_is_can_be_walked(put, name, monkeypatch):
    root = put("cats", 3)
    monkeypatch.chdir(root / "cats" if name == ".." else root)
    left_out = []
    assert len(image_files(Path(name), left_out)) == 3
    assert left_out == []


def test_only_a_test_split_and_one_class_can_be_judged_on(put):
    root = put("test/cats", 5)
    assert split_counts(load_labelled(root)) == {"test": 5}
    assert split_counts(load_labelled(root / "test")) == {"all": 5}
    with pytest.raises(TlkitError, match="Only one class"):
        load_dataset(root)


def test_folders_in_class_folders_are_said(put):
    put("dogs"), put("cats/2020"), put("cats/2021")
    found = read_source(put("", 0))
    assert found.class_names == ("cats", "dogs")
    assert found.notes == (
        "Folders inside a class folder count for its class: in cats.",
    )


# --- names of classes ---


def test_names_that_differ_in_form_only_are_one_class(put):
    composed = unicodedata.normalize(
        "NFC", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"
    )
    apart = unicodedata.normalize("NFD", composed)
    assert composed != apart
    for name in ("Cat", "cat", "cat ", composed, apart):
        put(name, 2)
    found = read_source(put("dog", 2))
    assert found.class_names == ("Cat", composed, "dog")
    assert found.counts()["train"] == {"Cat": 6, composed: 4, "dog": 2}
    assert sum("taken for one class" in note for note in found.notes) == 2


def test_names_are_one_across_splits(put):
    put("train/Cat"), put("train/Dog"), put("test/cat"), put("test/dog")
    found = read_source(put("", 0))
    assert found.class_names == ("Cat", "Dog")
    assert found.counts()["test"] == {"Cat": 4, "Dog": 4}


def test_names_in_another_encoding_become_text(put):
    put(os.fsdecode("\N{CJK UNIFIED IDEOGRAPH-72D7}".encode("gbk")))
    found = read_source(put("cat"))
    assert found.class_names == (r"\xb9\xb7", "cat")
    assert r"\xb9\xb7 is not UTF-8" in found.notes[0]


def test_keys_and_split_names_ignore_nothing_else():
    assert class_key("Maine  Coon ") == class_key("maine coon")
    assert class_key("cat1") != class_key("cat2")
    assert class_key("resume") != class_key("r\xe9sum\xe9")


# --- what lies about ---


@pytest.mark.parametrize(
    "name",
    [
        "@eaDir",
        "$RECYCLE.BIN",
        "#recycle",
        "@Recently-Snapshot",
        "found.000",
        "lost+found",
        "System Volume Information",
        "__MACOSX",
        ".git",
    ],
)
def test_litter_is_no_class(put, name):
    put("cats"), put("dogs"), put(name), put(f"cats/{name}")
    found = read_source(put("", 0))
    assert found.class_names == ("cats", "dogs")
    assert split_counts(found) == {"train": 8}
    assert len(found.left_out) == 2


def test_what_tlkit_wrote_is_known_by_its_mark(put, draw):
    put("cats"), put("dogs"), put("runs")  # a class of the user's
    root = put("", 0)
    make_output_folder(root / "walks" / "first")
    Image.fromarray(draw(1, 8, 8)).save(root / "walks" / "first" / "a.png")
    found = read_source(root)
    assert found.class_names == ("cats", "dogs", "runs")
    (left_out,) = found.left_out
    assert left_out == (str(root / "walks"), "written by tlkit")


@pytest.mark.parametrize("split", ["", "train/"])
def test_the_marker_of_what_was_fetched_is_not_reported(put, split):
    put(f"{split}cats"), put(f"{split}dogs")
    (put(".", 0) / MARKER).write_text("{}")
    assert read_source(put(".", 0)).left_out == ()


def test_a_folder_that_was_there_is_not_marked(put):
    root = put("cats")
    make_output_folder(root / "cats")
    assert not list((root / "cats").glob(".*"))


# --- labels elsewhere ---


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("cat.0.jpg", "cat"),
        ("dog_12.jpg", "dog"),
        ("american_pit_bull_12.jpg", "american_pit_bull"),
        ("cat (3).png", "cat"),
        ("IMG-0001.jpg", "IMG"),
        ("17.jpg", ""),
        ("猫3.jpg", "猫"),
    ],
)
def test_labels_at_the_beginning_of_names(name, label):
    assert label_in_name(Path(name)) == label


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"label_from": "("}, "regular expression"),
        ({"label_from": "cat"}, "no group"),
        ({"group_by": "x+"}, "no group"),
        ({"label_from": "name", "labels": "a.csv"}, "one place only"),
    ],
)
def test_impossible_readings_are_usage_errors(how, words):
    with pytest.raises(UsageError, match=words):
        Reading(**how)


def test_names_that_are_all_different_are_an_error(put):
    put("", 4, "{0}a{0}b.png"), put("", 1, "other.png"), put("", 1, "more.png")
    root = put("", 1, "third.png")
    with pytest.raises(TlkitError, match="do not tell their classes"):
        read_source(root, Reading(label_from="name"))


def test_only_a_folder_has_files_with_labels():
    with pytest.raises(UsageError, match="Only a folder"):
        load_dataset("cartoon", reading=Reading(label_from="name"))


TABLES = {
    "commas": "file,label\n{rows}",
    "Excel": "\ufeffFile;Label\n{rows}",
    "tabs": "image_id\tbreed\n{rows}",
}


@pytest.mark.parametrize("head", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("suffix", ["", ".png"])
def test_a_table_gives_labels(put, head, suffix):
    root = put("photos", 6)
    mark = next(mark for mark in ",;\t" if mark in head)
    lines = [
        f"{number}{suffix}{mark}{'dog' if number % 2 else 'cat'}"
        for number in range(5)
    ]
    table = root / "photos" / "labels.csv"
    table.write_text(head.format(rows="\n".join([*lines, f"99{mark}cat"])))
    found = read_source(root / "photos", Reading(labels=str(table)))
    assert found.counts()["train"] == {"cat": 3, "dog": 2}
    assert {Path(path).name for path, _ in found.left_out} == {"5.png", "99"}
    assert "Pictures without a label: 1." in found.notes[0]


def test_a_table_may_be_named_from_the_folder(put):
    root = put("photos", 2)
    (root / "photos" / "own.csv").write_text("file,label\n0,cat\n1,dog\n")
    found = read_source(root / "photos", Reading(labels="own.csv"))
    assert found.counts() == {"train": {"cat": 1, "dog": 1}}


def test_a_table_gives_splits_and_groups(put):
    root = put("photos", 8)
    splits = ["train", "Training", "valid", "test"] * 2
    table = root / "table.csv"
    table.write_text(
        "filename,class,set,patient\n"
        + "".join(
            f"photos/{number}.png,{'ab'[number // 4]},{split},p{number % 2}\n"
            for number, split in enumerate(splits)
        )
    )
    found = read_source(root / "photos", Reading(labels=str(table)))
    assert split_counts(found) == {"train": 4, "validation": 2, "test": 2}
    assert found.splits["train"].groups == ("p0", "p1", "p0", "p1")


def test_files_that_a_table_does_not_name_clearly_are_left_out(put):
    root = put("photos/a", 2)
    put("photos/b", 2)
    table = root / "table.csv"
    table.write_text(
        "file,label\n"
        "0.png,cat\n"  # there are two
        "c/1.png,cat\n"  # there is a/1.png, which is another
        "a/0.png,cat\n"
        ",cat\n"
        "C:\\elsewhere\\photos\\b\\0.png,dog\n"
        "/elsewhere/photos/b/1.png,dog\n"
    )
    found = read_source(root / "photos", Reading(labels=str(table)))
    assert found.counts()["train"] == {"cat": 1, "dog": 2}
    reasons = dict(found.left_out)
    assert reasons["0.png"].endswith("several files are called so")
    assert reasons["c/1.png"].endswith("not there")


def test_a_row_names_a_file_however_the_folder_was_named(put, monkeypatch):
    put("photos/c", 1), put("photos/d", 1)
    root = put("tables", 0)
    table = root / "tables" / "labels.csv"
    # As Windows writes paths, and as they stand below the folder above.
    table.write_text(
        "file,label\nphotos\\c\\0.png,cat\n.\\photos\\d\\0.png,dog\n"
    )
    monkeypatch.chdir(root)
    for source in ("photos", root / "photos", "tables/../photos"):
        found = read_source(source, Reading(labels=str(table)))
        assert found.counts() == {"train": {"cat": 1, "dog": 1}}


def test_a_table_that_contradicts_the_folders_is_followed_and_said(put):
    put("photos/train", 2), put("photos/test1", 2)
    root = put("tables", 0)
    table = root / "tables" / "labels.csv"
    table.write_text(
        "file,label,split\ntrain/0.png,cat,train\ntrain/1.png,dog,train\n"
        "test1/0.png,cat,val\ntest1/1.png,dog,test\n"
    )
    found = read_source(root / "photos", Reading(labels=str(table)))
    assert split_counts(found) == {"train": 2, "validation": 1, "test": 1}
    assert found.notes == (
        "Files that labels.csv puts into another split than the folder they "
        "lie in: 1. The table is followed.",
    )


def test_a_file_beside_a_picture_may_have_its_name(put):
    root = put("photos", 2)
    for number in range(2):
        (root / f"photos/{number}.xml").write_text("<box/>")
    table = root / "labels.csv"
    table.write_text("id,label\n0,cat\n1,dog\n")
    found = read_source(root / "photos", Reading(labels=str(table)))
    assert found.counts() == {"train": {"cat": 1, "dog": 1}}


def test_a_table_among_the_files_is_pointed_to(put):
    root = put(".", 4)
    (root / "train.csv").write_text("id,breed\n0,pug\n1,beagle\n")
    with pytest.raises(TlkitError, match=r"add --labels .*train\.csv"):
        read_source(root)


WRONG_TABLES = {
    "no label": ("file,size\n0.png,3\n", "does not name a file and its label"),
    "empty": ("", "does not name a file and its label"),
    "two labels": ("file,label\n0.png,a\n0.png,b\n", "a; and b$"),
    "no such files": ("file,label\ncat.png,a\n", "cat.png: not there"),
    "not UTF-8": ("file,label\n0.png,\udce9\n", "Save it as UTF-8"),
    "odd split": ("file,label,split\n0.png,a,moon\n", "moon"),
    "some splits": (
        "file,label,split\n0.png,a,train\n1.png,b,\n",
        "for some files only",
    ),
}


@pytest.mark.parametrize(
    ("text", "words"), WRONG_TABLES.values(), ids=WRONG_TABLES
)
def test_a_table_that_cannot_be_understood(put, text, words):
    root = put("photos", 2)
    (root / "labels.csv").write_text(text, errors="surrogateescape")
    with pytest.raises(TlkitError, match=words):
        read_source(root / "photos", Reading(labels=str(root / "labels.csv")))


def test_no_such_table(put):
    with pytest.raises(UsageError, match="no such table"):
        read_source(put("photos"), Reading(labels="nowhere.csv"))


def test_a_pattern_finds_labels_and_groups(put):
    for patient in "abcdefgh":
        put("", 3, f"{patient}-{{}}_benign.png")
        put("", 3, f"{patient.upper()}-{{}}_malignant.png")
    reading = Reading(label_from=r"_([a-z]+)\.", group_by=r"^(\w)-")
    found = load_dataset(put("", 0), reading=reading)
    assert found.class_names == ("benign", "malignant")
    homes = {}
    for name, split in found.splits.items():
        for path in split.images:
            homes.setdefault(path.name[0], set()).add(name)
    assert len(homes) == 16
    assert all(len(home) == 1 for home in homes.values())


def test_images_of_no_group_stay_where_they_are_when_renamed(put, tmp_path):
    """They were grouped by their path, and moved with it."""
    for name in ("cats", "dogs"):
        put(name, 4, "g{}-1.png")
        put(name, 30, "{}.png")
    reading = Reading(group_by=r"(g\d)-")
    before = load_dataset(tmp_path, reading=reading)
    for path in tmp_path.glob("*/?.png"):
        path.rename(path.with_name(f"renamed {path.name}"))
    after = load_dataset(tmp_path, reading=reading)
    assert before.fingerprint() == after.fingerprint()


def test_images_of_no_group_share_none(put, tmp_path):
    for split in ("train", "validation", "test"):
        for name in ("cats", "dogs"):
            put(f"{split}/{name}", 1, f"{split}-" + "{}.png")
            put(f"{split}/{name}", 2, "{}.png")
    found = load_dataset(tmp_path, reading=Reading(group_by=r"([a-z]+)-\d"))
    assert set(found.splits["train"].groups) == {"train", ""}
    assert not [note for note in found.notes if "Groups" in note]
    assert "12 of 18 files have no group" in found.notes[0]


def test_a_pattern_that_finds_no_group_is_an_error(put):
    put("cats")
    pattern = r"patient(\d+)"
    with pytest.raises(TlkitError, match="No file has a group") as caught:
        read_source(put("dogs"), Reading(group_by=pattern))
    assert f"'{pattern}'" in str(caught.value)


def test_classes_that_names_tell_are_said(put):
    put(".", 3, "2021-05-03_cat_{}.png")
    root = put(".", 3, "2021-05-04_dog_{}.png")
    # A date is no class that anybody means, so it is not proposed.
    with pytest.raises(TlkitError, match="tell by --label-from where"):
        read_source(root)
    found = read_source(root, Reading(label_from="name"))
    assert found.notes == (
        "Classes by the names of the files: 2021-05-03_cat, 2021-05-04_dog.",
    )
