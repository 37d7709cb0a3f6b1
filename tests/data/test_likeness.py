"""Copies in other sizes are found, and what only looks alike is not."""

import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from tlkit.data.index import Split, digest
from tlkit.data.likeness import (
    fingerprint_of,
    near_pairs,
    notes_on_likeness,
)


def photograph(number, height=180, width=240):
    """Coloured noise with the spectrum of photographs, 1 / frequency."""
    random = np.random.default_rng([7, number])
    noise = np.fft.fft2(random.normal(size=(height, width, 3)), axes=(0, 1))
    down = np.fft.fftfreq(height)[:, None] * height
    across = np.fft.fftfreq(width)[None] * width
    noise /= (1 + np.hypot(down, across))[..., None]
    values = np.fft.ifft2(noise, axes=(0, 1)).real
    values = 128 + 45 * (values - values.mean()) / values.std()
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def copy_of(image, random):
    """Cut by up to 2 %, reduced to between 50 and 90 %, saved as JPEG."""
    left, top, right, bottom = random.uniform(0, 0.02, 4)
    width, height = image.size
    cut = image.crop(
        (
            round(left * width),
            round(top * height),
            round((1 - right) * width),
            round((1 - bottom) * height),
        )
    )
    share = random.uniform(0.5, 0.9)
    size = round(cut.width * share), round(cut.height * share)
    saved = io.BytesIO()
    cut.resize(size, Image.Resampling.LANCZOS).save(
        saved, "JPEG", quality=int(random.integers(60, 91))
    )
    return Image.open(saved)


def split_of(images):
    """A split of the images, and the prints of its digests."""
    pixels = [np.asarray(image) for image in images]
    digests = tuple(digest(one.tobytes()) for one in pixels)
    labels = np.zeros(len(images), np.int64)
    small = np.zeros((len(images), 1, 1, 3), np.uint8)
    prints = map(fingerprint_of, images)
    return Split(small, labels, digests), dict(
        zip(digests, prints, strict=True)
    )


@pytest.fixture(scope="module")
def photographs():
    return [photograph(number) for number in range(120)]


def test_copies_in_another_split_are_found_and_nothing_else(photographs):
    random = np.random.default_rng(0)
    train, prints = split_of(photographs[:80])
    copied = [copy_of(photographs[row], random) for row in range(0, 80, 2)]
    test, others = split_of([*photographs[80:], *copied])
    splits = {"train": train, "test": test}
    found = near_pairs(splits, prints | others)
    # The copies begin at row 40 and are of every other photograph.
    assert {(x.split, x.other_split) for x in found} == {("train", "test")}
    assert all(x.row == 2 * (x.other_row - 40) for x in found)
    assert len(found) >= 0.95 * 40
    (note,) = notes_on_likeness(splits, prints | others)
    assert f"images of train: {len(found)} (such as " in note
    assert "(such as #40 and #0)" in note


def test_a_copy_is_found_in_each_two_splits(photographs):
    random = np.random.default_rng(1)
    splits, prints = {}, {}
    for number, name in enumerate(["train", "validation", "test"]):
        own = photographs[20 * number : 20 * number + 20]
        splits[name], own_prints = split_of(
            [*own, copy_of(photographs[100], random)]
        )
        prints |= own_prints
    found = {(x.split, x.other_split): x for x in near_pairs(splits, prints)}
    assert list(found) == [
        ("train", "validation"),
        ("train", "test"),
        ("validation", "test"),
    ]
    assert all(x.row == x.other_row == 20 for x in found.values())
    assert len(notes_on_likeness(splits, prints)) == 3


def test_equal_files_are_no_copies_in_another_size(photographs):
    train, prints = split_of(photographs[:10])
    assert near_pairs({"train": train, "test": train}, prints) == []
    assert notes_on_likeness({"train": train, "test": train}, prints) == ()


def test_without_prints_nothing_is_found(photographs):
    train, prints = split_of(photographs[:3])
    splits = {"train": train, "test": train}
    assert near_pairs(splits, {}) == []
    assert near_pairs(splits, dict.fromkeys(prints, b"")) == []
    assert near_pairs({"train": train}, prints) == []


def test_nearly_blank_and_small_pictures_have_no_print(photographs):
    random = np.random.default_rng(0)
    paper = random.integers(248, 256, (100, 100, 3)).astype(np.uint8)
    assert fingerprint_of(Image.fromarray(paper)) == b""
    assert fingerprint_of(Image.new("RGB", (200, 100))) == b""
    assert fingerprint_of(photographs[0].resize((64, 63))) == b""
    assert len(fingerprint_of(photographs[0].resize((64, 64)))) == 256


def drawings():
    """A disk on a plain ground, at places a little apart."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:96, :96]
    for _ in range(100):
        down, across = random.uniform(44, 52, 2)
        disk = np.hypot(y - down, x - across) < random.uniform(20, 30)
        picture = np.where(disk[..., None], random.integers(0, 90, 3), 230)
        yield Image.fromarray(picture.astype(np.uint8))


def test_shapes_on_plain_ground_have_no_print():
    """All disks are alike once one is shifted and stretched."""
    for number, disk in enumerate(drawings()):
        assert fingerprint_of(disk) == b"", number


@pytest.mark.parametrize("share", [0.75, 0.8])
def test_where_all_look_alike_nothing_is_called_a_copy(photographs, share):
    """Sixty pictures of one sky: many are near, and a few fit by chance."""
    small = [np.asarray(x.resize((96, 96)), float) for x in photographs[:61]]
    pictures = [
        Image.fromarray((share * small[0] + (1 - share) * x).astype(np.uint8))
        for x in small[1:]
    ]
    train, prints = split_of(pictures[:40])
    test, others = split_of(pictures[40:])
    assert near_pairs({"train": train, "test": test}, prints | others) == []


def test_smooth_waves_are_not_called_copies(draw):
    pictures = [Image.fromarray(draw(number, 96, 96)) for number in range(300)]
    train, prints = split_of(pictures[:200])
    test, others = split_of(pictures[200:])
    assert near_pairs({"train": train, "test": test}, prints | others) == []


def test_a_print_is_that_of_the_upright_picture(photographs, tmp_path):
    upright = photographs[0]
    tags = Image.Exif()
    tags[ExifTags.Base.Orientation] = 6  # to be turned by 90 degrees
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    turned.save(tmp_path / "turned.png", exif=tags)
    with Image.open(tmp_path / "turned.png") as image:
        found = np.frombuffer(fingerprint_of(image), np.uint8)
    expected = np.frombuffer(fingerprint_of(upright), np.uint8)
    # The image is reduced by whole numbers first, here by others.
    assert np.abs(found.astype(int) - expected).max() <= 5


@pytest.mark.filterwarnings("error")
def test_pictures_of_every_mode_have_prints(photographs):
    gray = photographs[0].convert("L")
    expected = np.frombuffer(fingerprint_of(gray), np.uint8).astype(int)
    deep = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
    clear = gray.convert("P")
    clear.info["transparency"] = bytes(256)
    for image in (deep, clear, gray.convert("RGBA"), gray.convert("CMYK")):
        found = np.frombuffer(fingerprint_of(image), np.uint8)
        assert np.abs(found - expected).max() <= 3, image.mode
