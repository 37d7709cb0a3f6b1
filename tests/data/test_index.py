"""Folders and arrays become an index: what is found, left out and divided."""

import contextlib
import hashlib
import io
import os
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlkit.base.errors import TlkitError, UsageError
from tlkit.data.index import DatasetIndex, LeftOut, Split
from tlkit.data.load import load_dataset
from tlkit.data.splitting import complete_splits

FRACTIONS = {"test": 0.2, "validation": 0.2}


def save(picture, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, **options)


def placed(index):
    """Returns `{digest: names of the splits it is in}`."""
    places = {}
    for name, split in index.splits.items():
        for digest in split.digests:
            places.setdefault(digest, set()).add(name)
    return places


def all_paths(index):
    return {path for split in index.splits.values() for path in split.images}


def notes_of(index):
    """The notes of an index but those on the few images of these tests."""
    return [note for note in index.notes if not note.startswith("Few ")]


def assert_fails(source, *words, **options):
    """The source is refused with exit code 1 and these words."""
    with pytest.raises(TlkitError) as caught:
        load_dataset(source, **options)
    assert caught.value.exit_code == 1
    for word in words:
        assert word in str(caught.value)
    return str(caught.value)


# --- a folder with everything that people keep in folders ---

#: Good pictures under names that break careless programs.
ODD_NAMES = [
    "with space.png",
    "new\nline.png",
    "[a-z]*?.png",
    "\N{CAT FACE}.png",
    os.fsdecode(b"caf\xe9.png"),
    "SHOUTED.PNG",
    "-rf.png",
    "no suffix",
    "deep/er/still.png",
    "'quo\"ted'.png",
]
#: What is not used, and a word of the reason.
BAD = {
    "cats/empty.jpg": "empty file",
    "cats/text.jpg": "not a JPEG",
    "cats/cut.jpg": "truncated",
    "dogs/cut.png": "truncated",
    "cats/page.png": "not a JPEG",
    "cats/pipe.jpg": "not a regular file",
    "cats/broken link.jpg": "no such file",
    "dogs/endless link.jpg": "symbolic links",
    "dogs/loop": "a link back",
    "cats/up": "a link back",
    "cats/._photo.jpg": "hidden",
    "dogs/.DS_Store": "hidden",
    "cats/Thumbs.db": "operating system",
    "__MACOSX": "operating system",
    "dogs/pcx.jpg": "not a JPEG",
    "dogs/report.jpg": "not a JPEG",
    "dogs/archive.jpg": "not a JPEG",
    "dogs/bomb.png": "12000 x 12000",
    "birds": "empty class folder",
    "stray.png": "not in a class folder",
    ".hidden": "hidden",
}


def fill_with_bad(root, draw, bomb):
    cats, dogs = root / "cats", root / "dogs"
    save(draw(900, 64, 64), root / "whole.jpg", quality=95)
    save(draw(900, 64, 64), root / "whole.png")
    jpeg, png = (root / f"whole.{s}" for s in ("jpg", "png"))
    (cats / "empty.jpg").touch()
    (cats / "text.jpg").write_text("These are not the cats you look for.")
    (cats / "cut.jpg").write_bytes(jpeg.read_bytes()[:-300])
    (dogs / "cut.png").write_bytes(png.read_bytes()[:-300])
    (cats / "page.png").write_text("<!DOCTYPE html><title>404</title>")
    os.mkfifo(cats / "pipe.jpg")
    (cats / "broken link.jpg").symlink_to("nowhere.jpg")
    (dogs / "endless link.jpg").symlink_to("endless link.jpg")
    (dogs / "loop").symlink_to(".")
    (cats / "up").symlink_to("..")
    (cats / "._photo.jpg").write_bytes(b"\0\5\x16\7resource fork")
    (dogs / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (cats / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (root / "__MACOSX" / "cats").mkdir(parents=True)
    save(draw(901), root / "__MACOSX" / "cats" / "one.png")
    save(draw(902), dogs / "pcx.jpg", format="PCX")
    (dogs / "report.jpg").write_bytes(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3")
    with zipfile.ZipFile(dogs / "archive.jpg", "w") as archive:
        archive.write(png, "whole.png")
    (dogs / "bomb.png").write_bytes(bomb(12_000))
    (root / "birds").mkdir()
    (root / ".hidden").mkdir()
    png.rename(root / "stray.png")
    jpeg.unlink()


def snapshot(root):
    """All that can be known of a folder without opening its pipes."""
    seen = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = Path(folder, name)
            state = path.lstat()
            if path.is_symlink():
                content = os.readlink(path)
            elif stat.S_ISREG(state.st_mode):
                content = path.read_bytes()
            else:
                content = None
            seen[str(path)] = state.st_mode, state.st_mtime_ns, content
    return seen


@pytest.fixture(scope="module")
def messy(draw, draw_classes, bomb, in_time, tmp_path_factory):
    """A folder of 40 good pictures among bad files, and its index."""
    root = tmp_path_factory.mktemp("messy") / "pets"
    draw_classes(root, {"cats": 15, "dogs": 15}, size=16)
    for number, name in enumerate(ODD_NAMES):
        path = root / ("cats", "dogs")[number % 2] / name
        save(draw(500 + number, 16, 16), path, format="PNG")
    good = {path for path in root.rglob("*") if path.is_file()}
    assert len(good) == 40
    fill_with_bad(root, draw, bomb)
    before = snapshot(root)
    index = in_time(load_dataset, root)
    return root, good, before, index


def test_every_good_image_is_used_whatever_its_name(messy):
    _, good, _, index = messy
    assert all_paths(index) == good
    assert index.class_names == ("cats", "dogs")


def test_every_bad_file_is_named_with_its_reason(messy):
    root, _, _, index = messy
    reasons = {
        os.path.relpath(path, root): reason for path, reason in index.left_out
    }
    assert len(reasons) == len(index.left_out)
    assert set(reasons) == set(BAD)
    for name, words in BAD.items():
        assert words in reasons[name], name


def test_nothing_in_the_folder_is_changed(messy):
    root, _, before, _ = messy
    assert snapshot(root) == before


def test_images_with_odd_names_can_be_read(messy, draw):
    _, _, _, index = messy
    seen = 0
    for split in index.splits.values():
        for row, path in enumerate(split.images):
            for number, name in enumerate(ODD_NAMES):
                if str(path).endswith("/" + name):
                    expected = draw(500 + number, 16, 16)
                    np.testing.assert_array_equal(split.read(row), expected)
                    assert split.name(row) == str(path)
                    seen += 1
    assert seen == len(ODD_NAMES)


def test_labels_are_those_of_the_folders(messy):
    root, _, _, index = messy
    for split in index.splits.values():
        assert split.labels.dtype == np.int64
        for path, label in zip(split.images, split.labels, strict=True):
            folder = path.relative_to(root).parts[0]
            assert folder == index.class_names[label]


def test_digests_are_those_of_the_files(messy):
    _, _, _, index = messy
    for split in index.splits.values():
        for path, digest in zip(split.images, split.digests, strict=True):
            whole = hashlib.sha256(path.read_bytes()).hexdigest()
            assert digest == whole[:32]


def test_images_are_in_order_of_their_path(drawn_folder):
    for split in load_dataset(drawn_folder).splits.values():
        assert list(split.images) == sorted(split.images)


@pytest.mark.parametrize("target", ["..", "../..", "../../.."])
def test_a_link_to_a_folder_above_adds_no_image(draw_classes, tmp_path, target):
    # A link to the folder of classes put the dogs among the cats, too.
    root = tmp_path / "data"
    for first, split in enumerate(["train", "validation", "test"]):
        draw_classes(root / split, {"cats": 3, "dogs": 3}, 10 * first)
    (root / "train" / "cats" / "link").symlink_to(target)
    index = load_dataset(root)
    assert index.counts()["train"] == {"cats": 3, "dogs": 3}
    (left_out,) = index.left_out
    assert left_out.path.endswith("cats/link")


def test_a_link_to_another_place_is_followed(draw_classes, tmp_path):
    elsewhere = draw_classes(tmp_path / "elsewhere", {"cats": 5}) / "cats"
    root = draw_classes(tmp_path / "data", {"dogs": 5}, first=5)
    (root / "cats").symlink_to(elsewhere)
    counts = load_dataset(root).counts().values()
    assert sum(count["cats"] for count in counts) == 5


@pytest.fixture
def open_folder():
    """A folder that anyone may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@contextlib.contextmanager
def as_nobody():
    """The superuser may read everything: step down for a moment."""
    if os.geteuid() != 0:
        yield
        return
    try:
        os.seteuid(65534)
    except OSError:
        pytest.skip("cannot become another user here")
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_may_not_be_read_is_left_out(draw, draw_classes, open_folder):
    # A folder without permission ended the whole scan with a traceback.
    root = draw_classes(open_folder / "data", {"cats": 5, "dogs": 5})
    save(draw(90), root / "cats" / "closed" / "one.png")
    save(draw(91), root / "cats" / "unsearchable" / "one.png")
    closed = {
        root / "dogs" / "000.png": 0o000,
        root / "cats" / "closed": 0o000,
        root / "cats" / "unsearchable": 0o444,
    }
    for path, mode in closed.items():
        path.chmod(mode)
    try:
        with as_nobody():
            index = load_dataset(root)
    finally:
        for path in closed:
            path.chmod(0o755)
    assert len(all_paths(index)) == 9
    assert set(index.left_out) == {
        LeftOut(str(root / "dogs" / "000.png"), "permission denied"),
        LeftOut(str(root / "cats" / "closed"), "permission denied"),
        LeftOut(
            str(root / "cats" / "unsearchable" / "one.png"),
            "permission denied",
        ),
    }


def test_a_closed_data_folder_is_an_error_in_words(draw_classes, open_folder):
    root = draw_classes(open_folder / "data", {"cats": 2, "dogs": 2})
    for mode in (0o000, 0o444):
        root.chmod(mode)
        try:
            with as_nobody():
                assert_fails(root, "denied")
        finally:
            root.chmod(0o755)


# --- which splits a folder has itself ---


@pytest.fixture
def split_folder(draw_classes, tmp_path):
    """Makes `root/{split}/{cats,dogs}` with other pictures in each split."""

    def make(**counts):
        for number, (split, count) in enumerate(counts.items()):
            draw_classes(
                tmp_path / split, {"cats": count, "dogs": count}, 100 * number
            )
        return tmp_path

    return make


@pytest.mark.parametrize("name", ["validation", "val"])
def test_a_split_folder_keeps_its_splits(split_folder, name):
    root = split_folder(train=4, test=2, **{name: 3})
    index = load_dataset(root)
    assert list(index.splits) == ["train", "validation", "test"]
    assert index.counts() == {
        "train": {"cats": 4, "dogs": 4},
        "validation": {"cats": 3, "dogs": 3},
        "test": {"cats": 2, "dogs": 2},
    }
    for split, folder in zip(
        index.splits, ("train", name, "test"), strict=True
    ):
        assert {
            path.relative_to(root).parts[0]
            for path in index.splits[split].images
        } == {folder}
    assert notes_of(index) == []
    assert index.left_out == ()
    assert index.name == root.name


def test_two_validation_folders_are_an_error(split_folder):
    assert_fails(split_folder(train=2, val=2, validation=2), "val/", "both")


def test_a_folder_beside_the_splits_is_named(split_folder):
    root = split_folder(train=2, validation=2, test=2, extra=2)
    (root / "README.txt").write_text("hello")
    index = load_dataset(root)
    assert {Path(path).name for path, _ in index.left_out} == {
        "extra",
        "README.txt",
    }
    assert len(all_paths(index)) == 12


def test_only_train_is_divided_in_three(split_folder):
    index = load_dataset(split_folder(train=20))
    assert list(index.splits) == ["train", "validation", "test"]
    assert sum(map(len, index.splits.values())) == 40
    assert set(map(len, placed(index).values())) == {1}


def test_without_validation_it_is_taken_from_train_alone(split_folder):
    root = split_folder(train=20, test=5)
    index = load_dataset(root)
    assert list(index.splits) == ["train", "validation", "test"]
    tested = {path.relative_to(root) for path in index.splits["test"].images}
    assert {path.parts[0] for path in tested} == {"test"}
    assert len(index.splits["test"]) == 10
    assert len(index.splits["train"]) + len(index.splits["validation"]) == 40
    assert len(index.splits["validation"]) > 0
    assert notes_of(index) == []


def test_without_test_there_is_none_and_a_note_says_so(split_folder):
    index = load_dataset(split_folder(train=4, validation=3))
    assert list(index.splits) == ["train", "validation"]
    (note,) = notes_of(index)
    assert "no test split" in note
    with pytest.raises(UsageError, match="no test split"):
        index.split("test")


def test_a_test_fraction_of_nothing_gives_no_test_split(drawn_folder):
    index = load_dataset(drawn_folder, test_fraction=0)
    assert list(index.splits) == ["train", "validation"]
    assert "no test split" in index.notes[0]


def test_a_class_may_be_called_train(draw_classes, tmp_path):
    root = draw_classes(tmp_path / "vehicles", {"car": 5, "train": 5})
    assert load_dataset(root).class_names == ("car", "train")


def test_an_image_in_two_splits_is_noted(split_folder):
    root = split_folder(train=4, validation=3, test=3)
    for number in range(2):
        shutil.copy(
            root / "train" / "cats" / f"00{number}.png",
            root / "test" / "cats" / f"again {number}.png",
        )
    (note,) = notes_of(load_dataset(root))
    assert note.startswith("Images of test that are also in train: 2.")


@pytest.mark.parametrize("count", [2, 3, 10])
def test_class_names_are_sorted_and_fixed_once(draw_classes, tmp_path, count):
    names = [f"{chr(ord('z') - number)} class" for number in range(count)]
    root = draw_classes(tmp_path / "data", dict.fromkeys(names, 4), size=8)
    index = load_dataset(root)
    assert index.class_names == tuple(sorted(names))
    for split in index.splits.values():
        for path, label in zip(split.images, split.labels, strict=True):
            assert path.parent.name == index.class_names[label]
    counts = index.counts()
    for name in names:
        assert sum(counts[split][name] for split in counts) == 4


# --- divided by content ---


def synthetic(count, first=0, labels=None):
    """A split of files that exist only by name and digest."""
    digests = tuple(
        hashlib.md5(f"image {first + number}".encode()).hexdigest()
        for number in range(count)
    )
    if labels is None:
        labels = np.arange(count) % 2
    images = tuple(Path(digest) for digest in digests)
    return Split(images, np.asarray(labels, np.int64), digests)


def divide(split, seed=0, fractions=FRACTIONS):
    return complete_splits({"train": split}, fractions, seed)


def homes(splits):
    return {d: name for name, split in splits.items() for d in split.digests}


@pytest.mark.parametrize(
    ("validation", "test"), [(0.2, 0.2), (0.5, 0.1), (0.05, 0.9), (0.3, 0)]
)
@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_the_fractions_are_met_as_chance_allows(validation, test, seed):
    splits = divide(
        synthetic(2000), seed, {"test": test, "validation": validation}
    )
    expected = {"validation": validation, "test": test}
    for name, share in expected.items():
        count = len(splits[name]) if share else 0
        deviation = np.sqrt(2000 * share * (1 - share))
        assert abs(count - 2000 * share) <= 4 * deviation
    assert sum(map(len, splits.values())) == 2000
    assert len(homes(splits)) == 2000


def test_the_order_of_the_images_does_not_matter():
    split = synthetic(1500)
    shuffled = split.select(np.random.default_rng(0).permutation(1500))
    assert homes(divide(split)) == homes(divide(shuffled))


def test_another_seed_divides_otherwise():
    first, second = (homes(divide(synthetic(2000), seed)) for seed in (0, 1))
    assert first == homes(divide(synthetic(2000), 0))
    tested = [
        {d for d in home if home[d] == "test"} for home in (first, second)
    ]
    # Of 400 tested images 80 would be so again by chance.
    assert 40 <= len(tested[0] & tested[1]) <= 120


def test_renaming_and_moving_files_moves_no_image(draw_classes, tmp_path):
    root = draw_classes(tmp_path / "data", {"cats": 20, "dogs": 20}, size=8)
    before = placed(load_dataset(root))
    (root / "dogs" / "old").mkdir()
    for number, path in enumerate(sorted((root / "dogs").glob("*.png"))):
        path.rename(root / "dogs" / "old" / f"{99 - number}.png")
    moved = root.rename(tmp_path / "elsewhere")
    assert placed(load_dataset(moved)) == before


def test_copies_in_a_class_count_once(drawn_folder, tmp_path):
    root = shutil.copytree(drawn_folder, tmp_path / "data")
    for number in range(8):
        original = root / "alpha" / f"{number:03d}.png"
        shutil.copy(original, root / "alpha" / f"copy {number}.png")
    index = load_dataset(root)
    assert all_paths(index) == {*drawn_folder_paths(root)}
    assert len(index.left_out) == 8
    assert index.left_out[0].reason.startswith("the same as ")
    assert index.notes[0].startswith(
        "Copies of another picture in their class: 8."
    )


def drawn_folder_paths(root):
    return {path for path in root.rglob("*") if "copy" not in path.name} - {
        root / "alpha",
        root / "beta",
    }


def test_a_picture_under_two_labels_is_not_used_at_all(drawn_folder, tmp_path):
    # Its copies were trained on, under both labels.
    root = shutil.copytree(drawn_folder, tmp_path / "data")
    for number in range(3):
        original = root / "alpha" / f"{number:03d}.png"
        shutil.copy(original, root / "beta" / f"other {number}.png")
    index = load_dataset(root)
    assert len(all_paths(index)) == 40 - 3
    assert len(index.left_out) == 6
    assert all("under another label" in one.reason for one in index.left_out)
    assert index.notes[0].startswith(
        "Pictures under two labels: 3, such as 000.png in alpha and "
        "other 0.png in beta."
    )


@pytest.mark.parametrize("count", [3, 4, 6])
def test_a_small_class_is_in_every_split(count):
    # Without help about every other of these would be missing somewhere.
    for seed in range(60):
        labels = [0] * 300 + [1] * count
        splits = divide(synthetic(300 + count, labels=labels), seed)
        assert list(splits) == ["train", "validation", "test"]
        for split in splits.values():
            assert set(split.labels.tolist()) == {0, 1}


def test_copies_do_not_make_up_for_different_images():
    """Three images, one of them ten times: each split gets one of them."""
    big, small = synthetic(200, labels=[0] * 200), synthetic(3, first=200)
    rows = np.array([0] * 10 + [1, 2])
    copies = small.select(rows)
    whole = Split(
        big.images + copies.images,
        np.array([0] * 200 + [1] * 12),
        big.digests + copies.digests,
    )
    for seed in range(40):
        splits = divide(whole, seed)
        found = [
            {d for d in split.digests if d in copies.digests}
            for split in splits.values()
        ]
        assert sorted(map(len, found)) == [1, 1, 1]
        assert len(set.union(*found)) == 3


def test_a_class_with_too_few_images_is_named(draw, draw_classes, tmp_path):
    root = draw_classes(tmp_path / "data", {"cats": 20, "dogs": 20}, size=8)
    save(draw(800), root / "owls" / "only one.png")
    assert_fails(root, "owls", "Too few images")
    save(draw(801), root / "owls" / "two.png")
    save(draw(802), root / "owls" / "three.png")
    assert load_dataset(root).class_names == ("cats", "dogs", "owls")


# --- errors ---


@pytest.mark.parametrize(
    "fractions",
    [(0, 0.2), (1, 0), (0.5, 0.5), (-0.1, 0.2), (0.2, -0.1), (float("nan"), 0)],
)
def test_impossible_fractions_are_a_usage_error(drawn_folder, fractions):
    validation, test = fractions
    with pytest.raises(UsageError, match="fractions") as caught:
        load_dataset(
            drawn_folder, validation_fraction=validation, test_fraction=test
        )
    assert caught.value.exit_code == 2


def test_no_such_data_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="No such data") as caught:
        load_dataset(tmp_path / "nowhere")
    assert caught.value.exit_code == 2
    assert str(tmp_path / "nowhere") in str(caught.value)
    assert "cartoon" in str(caught.value)


def test_a_public_set_that_is_not_here_says_how_to_get_it(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("TLKIT_DATA", str(tmp_path))
    assert_fails("mnist", "tlkit data fetch mnist", str(tmp_path))


def test_a_name_that_cannot_be_a_file_is_an_error_in_words():
    assert_fails("x" * 5000, "too long")


def test_a_folder_without_images_is_an_error(tmp_path):
    assert_fails(tmp_path, "No usable images", str(tmp_path))


def test_one_class_is_an_error_that_says_what_was_left_out(
    draw_classes, tmp_path
):
    root = draw_classes(tmp_path / "data", {"cats": 5})
    (root / "dogs").mkdir()
    (root / "dogs" / "dog.jpg").write_text("woof")
    assert_fails(root, "Only one class", "cats", "dog.jpg", "not a JPEG")


def test_files_that_are_all_unreadable_are_an_error(tmp_path):
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        for number in range(5):
            (tmp_path / name / f"{number}.jpg").write_text("no image")
    message = assert_fails(tmp_path, "No usable images", "10 left out")
    assert message.count("not a JPEG") == 5  # and not a screen full of them


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_class_in_one_split_alone_is_an_error(
    split_folder, draw_classes, split
):
    root = split_folder(train=2, validation=2, test=2)
    draw_classes(root / split, {"owls": 2}, first=900)
    assert_fails(root, "no training images of owls", f"the {split} split")


def test_a_class_that_the_test_split_lacks_is_no_error(split_folder):
    root = split_folder(train=2, validation=2, test=2)
    shutil.rmtree(root / "test" / "dogs")
    assert load_dataset(root).counts()["test"] == {"cats": 2, "dogs": 0}


# --- arrays ---


def arrays(shape=(9, 7), count=60, classes=2):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, *shape), np.uint8)
    labels = np.arange(count) % classes
    return {
        "x_train": images,
        "y_train": labels,
        "x_test": 255 - images[: count // 3],
        "y_test": labels[: count // 3],
    }


@pytest.fixture
def npz(tmp_path):
    """Saves arrays, with changes (None leaves one out)."""

    def make(data=None, **changes):
        data = {**(arrays() if data is None else data), **changes}
        kept = {key: value for key, value in data.items() if value is not None}
        np.savez(tmp_path / "digits.npz", **kept)
        return tmp_path / "digits.npz"

    return make


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 1), (9, 7, 3)])
def test_arrays_become_rgb_images_with_their_labels(npz, shape):
    data = arrays(shape)
    index = load_dataset(npz(data))
    assert index.name == "digits"
    assert index.class_names == ("0", "1")
    assert len(index.splits["test"]) == 20
    assert len(index.splits["train"]) + len(index.splits["validation"]) == 60
    rgb = data["x_train"].reshape(60, 9, 7, -1) * np.ones(3, np.uint8)
    expected = {
        image.tobytes(): label
        for image, label in zip(rgb, data["y_train"], strict=True)
    }
    for name in ("train", "validation"):
        split = index.splits[name]
        for row in range(len(split)):
            image = split.read(row)
            assert image.shape == (9, 7, 3)
            assert image.dtype == np.uint8
            assert expected.pop(image.tobytes()) == split.labels[row]
        assert split.name(2) == "#2"
    assert not expected


def test_equal_arrays_share_a_split(npz):
    data = arrays()
    data["x_train"][30:] = data["x_train"][:30]
    places = placed(load_dataset(npz(data)))
    assert all(len(place) == 1 for place in places.values())
    assert len(places) == 30 + 20


@pytest.mark.parametrize("dtype", ["U", "S"])
def test_class_names_may_be_given(npz, dtype):
    # Bytes became the name "b'cat'".
    names = np.array(["cat", "dog"]).astype(dtype)
    assert load_dataset(npz(class_names=names)).class_names == ("cat", "dog")


def test_labels_may_stand_in_a_column_and_in_any_whole_type(npz):
    labels = arrays()["y_train"].astype(np.uint8)[:, None]
    index = load_dataset(npz(y_train=labels))
    assert sum(index.counts()["train"].values()) > 0
    assert index.splits["train"].labels.dtype == np.int64


def test_other_arrays_in_the_file_do_not_matter(npz):
    path = npz(remark=np.array([{"an": "object"}], dtype=object))
    assert load_dataset(path).class_names == ("0", "1")


def test_an_archive_of_images_is_to_be_unpacked(drawn_folder, tmp_path):
    packed = shutil.make_archive(str(tmp_path / "pets"), "zip", drawn_folder)
    assert_fails(packed, "Cannot read this file", "Unpack the archive")


X, Y = arrays()["x_train"], arrays()["y_train"]
WRONG_ARRAYS = {
    "no test": ({"x_test": None}, "x_test"),
    "no labels": ({"y_train": None}, "y_train"),
    "floats": ({"x_train": X / 255}, "uint8"),
    "int64": ({"x_train": X.astype(int)}, "uint8"),
    "one image": ({"x_train": X[0]}, "x_train"),
    "a number": ({"x_train": np.array(5)}, "x_train"),
    "two channels": ({"x_train": np.stack([X, X], -1)}, "x_train"),
    "five axes": ({"x_test": X[:20, ..., None, None]}, "x_test"),
    "no pixels": ({"x_train": X[:, :0]}, "x_train"),
    "no images": ({"x_train": X[:0], "y_train": Y[:0]}, "x_train"),
    "too few labels": ({"y_train": Y[:-1]}, "y_train"),
    "one-hot labels": ({"y_train": np.eye(2, dtype=int)[Y]}, "y_train"),
    "negative labels": ({"y_train": Y - 1}, "y_train"),
    "float labels": ({"y_test": Y[:20] / 1}, "y_test"),
    "one class": ({"y_train": Y * 0, "y_test": Y[:20] * 0}, "two classes"),
    "a gap": ({"y_train": Y * 2}, "no training images of 1"),
    "a stray label": ({"y_train": Y * 10**12}, "labels"),
    "pickled images": (
        {"x_train": np.array([None, "x"], object)},
        "plain arrays",
    ),
    "pickled names": (
        {"class_names": np.array(["a", "b"], object)},
        "plain arrays",
    ),
    "too few names": ({"class_names": np.array(["a"])}, "2 different names"),
    "equal names": ({"class_names": np.array(["a", "a"])}, "different"),
    "one name": ({"class_names": np.array("ab")}, "2 different names"),
    "too many names": ({"class_names": np.array(list("abc"))}, "images of c"),
}


@pytest.mark.parametrize(
    ("changes", "words"), WRONG_ARRAYS.values(), ids=WRONG_ARRAYS
)
def test_wrong_arrays_are_an_error_in_words(npz, changes, words):
    message = assert_fails(npz(**changes), words, "digits.npz")
    assert "pickle" not in message


def broken_archives():
    """Yields files that are no `.npz` or not a whole one."""
    yield "empty", b""
    yield "three bytes", b"abc"
    yield "text", b"x_train, y_train\n" * 9
    yield "empty archive", b"PK\5\6" + bytes(18)
    buffer = io.BytesIO()
    np.save(buffer, X)
    yield "npy", buffer.getvalue()


@pytest.mark.parametrize(
    "content", dict(broken_archives()).values(), ids=dict(broken_archives())
)
def test_a_file_that_is_no_archive_is_an_error_in_words(tmp_path, content):
    path = tmp_path / "data.npz"
    path.write_bytes(content)
    message = assert_fails(path, "Cannot read this file", "x_train")
    assert "pickle" not in message


def failure(path):
    """Returns the message of the error that a source gives, or nothing."""
    try:
        load_dataset(path)
    except TlkitError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("save_arrays", [np.savez, np.savez_compressed])
def test_a_damaged_archive_is_an_error_in_words(tmp_path, save_arrays):
    # Damage in a compressed array came out as a bare zlib.error.
    path = tmp_path / "data.npz"
    save_arrays(path, **arrays())
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    for number in range(150):
        content = bytearray(whole)
        if number % 3:
            place = random.integers(len(content) - 8)
            content[place : place + 8] = random.bytes(8)
        else:
            content = content[: random.integers(1, len(content))]
        path.write_bytes(content)
        message = failure(path)
        assert "pickle" not in message
        # Without an error the damage lay beside the data, as in a date.
        assert message or number % 3


# --- the fingerprint ---


def test_the_fingerprint_stays_when_files_move(drawn_folder, tmp_path):
    original = load_dataset(drawn_folder).fingerprint()
    assert len(original) == 16
    assert int(original, 16) >= 0
    root = shutil.copytree(drawn_folder, tmp_path / "another name")
    for number, path in enumerate(sorted(root.rglob("*.png"))):
        path.rename(path.with_name(f"{99 - number}.png"))
    assert load_dataset(root).fingerprint() == original


def change_a_pixel(root):
    path = root / "alpha" / "003.png"
    pixels = np.array(Image.open(path))
    pixels[5, 5, 1] ^= 1
    Image.fromarray(pixels).save(path)


def change_a_label(root):
    path = root / "alpha" / "003.png"
    path.rename(root / "beta" / "moved.png")


def change_a_name(root):
    (root / "alpha").rename(root / "aleph")


def remove_an_image(root):
    (root / "beta" / "007.png").unlink()


@pytest.mark.parametrize(
    "change", [change_a_pixel, change_a_label, change_a_name, remove_an_image]
)
def test_the_fingerprint_changes_with_the_data(drawn_folder, tmp_path, change):
    root = shutil.copytree(drawn_folder, tmp_path / "data")
    before = load_dataset(root).fingerprint()
    change(root)
    assert load_dataset(root).fingerprint() != before


def test_the_fingerprint_changes_with_the_split(drawn_folder):
    index = load_dataset(drawn_folder)
    other = load_dataset(drawn_folder, seed=1)
    assert placed(index) != placed(other)
    assert other.fingerprint() != index.fingerprint()


def test_the_fingerprint_of_arrays_changes_with_a_label(npz):
    data = arrays()
    before = load_dataset(npz(data)).fingerprint()
    assert load_dataset(npz(data)).fingerprint() == before
    data["y_test"] = 1 - data["y_test"]
    assert load_dataset(npz(data)).fingerprint() != before


# --- the index itself ---


def test_select_takes_these_rows_in_this_order(drawn_folder):
    split = load_dataset(drawn_folder).split("train")
    rows = np.array([4, 0, 4])
    chosen = split.select(rows)
    assert len(chosen) == 3
    assert chosen.images == tuple(split.images[row] for row in rows)
    assert chosen.digests == tuple(split.digests[row] for row in rows)
    assert chosen.labels.tolist() == split.labels[rows].tolist()


def test_a_file_that_vanished_is_named_when_it_is_read(draw_classes, tmp_path):
    root = draw_classes(tmp_path / "data", {"cats": 5, "dogs": 5})
    split = load_dataset(root).split("train")
    os.unlink(split.images[0])
    with pytest.raises(TlkitError, match=split.images[0].name):
        split.read(0)


def test_an_unknown_split_is_a_usage_error():
    index = DatasetIndex("name", "source", ("a", "b"), {"train": synthetic(4)})
    with pytest.raises(UsageError, match="holiday") as caught:
        index.split("holiday")
    assert "train" in str(caught.value)


def test_the_sample_is_an_index_like_any_other():
    index = load_dataset("cartoon")
    assert {name: len(split) for name, split in index.splits.items()} == {
        "train": 200,
        "validation": 100,
        "test": 400,
    }
    assert index.notes == ()
    assert all(len(place) == 1 for place in placed(index).values())
