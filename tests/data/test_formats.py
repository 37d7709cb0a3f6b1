"""The formats beside JPEG and PNG, their depths, and files of other kinds."""

import struct
import sys
import warnings
import zlib

import numpy as np
import pytest
from encoded import ORIENTATION, encode
from PIL import Image, features

from tlkit.base.errors import Note, TlkitError
from tlkit.data import decode, formats
from tlkit.data.decode import (
    read_image,
    read_opened,
    why_not_an_image,
    why_unreadable,
)


def as_gray(plane):
    return np.repeat(np.asarray(plane, np.uint8)[..., None], 3, axis=-1)


@pytest.fixture
def read(tmp_path):
    """Reads a file's content in the three ways, which must agree."""

    def read(content):
        path = tmp_path / "picture"
        path.write_bytes(content)
        pixels = read_image(path)
        assert pixels.dtype == np.uint8
        assert why_unreadable(path) is None
        with Image.open(path) as opened:
            np.testing.assert_array_equal(read_opened(opened), pixels)
        return pixels

    return read


@pytest.fixture
def reason(tmp_path):
    """Why a file's content is refused, which all functions must say alike."""

    def reason(content):
        path = tmp_path / "picture"
        path.write_bytes(content)
        why = why_unreadable(path)
        assert why is not None
        assert why_not_an_image(content) == why
        with pytest.raises(TlkitError) as caught:
            read_image(path)
        assert why in str(caught.value)
        return why

    return reason


# --- files written by hand ---


def pnm(kind, picture, largest=255):
    height, width = picture.shape[:2]
    head = f"P{kind}\n# a comment\n{width} {height}\n{largest}\n"
    return head.encode() + picture.tobytes()


def tiff(order, picture, bits, *tags, data=None):
    """An uncompressed TIFF of one strip; a tag is `(number, short)`."""
    height, width = picture.shape[:2]
    colours = picture.shape[2] if picture.ndim == 3 else 1
    if data is None:
        data = picture.astype(picture.dtype.newbyteorder(order)).tobytes()
    entries = {256: width, 257: height, 259: 1, 262: 2 if colours == 3 else 1}
    entries |= {258: bits, 277: colours, 278: height, **dict(tags)}
    # The bits of three colours do not fit into an entry: they follow the head.
    head = {"<": b"II*\0", ">": b"MM\0*"}[order]
    three = struct.pack(order + "3H", bits, bits, bits) + b"\0\0"
    start = 8 + len(three) + len(data)
    body = struct.pack(order + "H", len(entries) + 2)
    for number in sorted([*entries, 273, 279]):
        if number in (273, 279):
            value = {273: 8 + len(three), 279: len(data)}[number]
            body += struct.pack(order + "HHII", number, 4, 1, value)
        elif number == 258 and colours == 3:
            body += struct.pack(order + "HHII", 258, 3, 3, 8)
        else:
            value = entries[number]
            body += struct.pack(order + "HHIHH", number, 3, 1, value, 0)
    return (
        head + struct.pack(order + "I", start) + three + data + body + b"\0" * 4
    )


def png_of_16_bits(picture):
    """A PNG whose lines are not filtered."""
    height, width = picture.shape[:2]
    kind = 2 if picture.ndim == 3 else 0
    lines = [b"\0" + line.astype(">u2").tobytes() for line in picture]
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"".join(lines))),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part))
        + name
        + part
        + struct.pack(">I", zlib.crc32(name + part))
        for name, part in parts
    )


def packed_in_12_bits(plane):
    """Two values in three bytes, the upper bits first."""
    pairs = plane.reshape(-1, 2).astype(int)
    first, second = pairs.T
    three = (first >> 4, (first & 15) << 4 | second >> 8, second & 255)
    return np.stack(three, axis=1).astype(np.uint8).tobytes()


def pages(picture):
    other = Image.fromarray(255 - picture)
    return {"save_all": True, "append_images": [other]}


#: name -> picture -> (file, pixels it must give)
LOSSLESS = {
    "tiff": lambda p: (encode(p, "TIFF"), p),
    "tiff by hand": lambda p: (tiff(">", p, 8), p),
    "tiff, lzw": lambda p: (encode(p, "TIFF", compression="tiff_lzw"), p),
    "tiff, deflate, pages": lambda p: (
        encode(p, "TIFF", compression="tiff_deflate", **pages(p)),
        p,
    ),
    "tiff, gray": lambda p: (tiff("<", p[..., 0], 8), as_gray(p[..., 0])),
    "tiff, white is 0": lambda p: (
        tiff("<", p[..., 0], 8, (262, 0)),
        as_gray(255 - p[..., 0]),
    ),
    "tiff, fax": lambda p: (
        encode(p[..., 0] > 99, "TIFF", compression="group4"),
        as_gray(np.where(p[..., 0] > 99, 255, 0)),
    ),
    "ppm": lambda p: (pnm(6, p), p),
    "pgm": lambda p: (pnm(5, p[..., 0]), as_gray(p[..., 0])),
    "pbm": lambda p: (
        b"P4 %d %d\n" % p.shape[1::-1]
        + np.packbits(p[..., 0] > 99, axis=1).tobytes(),
        as_gray(np.where(p[..., 0] > 99, 0, 255)),
    ),
    "ppm in words": lambda p: (
        b"P3 %d %d 255 " % p.shape[1::-1]
        + " ".join(map(str, p.ravel())).encode(),
        p,
    ),
    "apng": lambda p: (encode(p, "PNG", **pages(p)), p),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("make", LOSSLESS.values(), ids=LOSSLESS)
def test_a_lossless_file_gives_the_pixels_that_were_drawn(draw, read, make):
    content, expected = make(draw(7, 20, 30))
    np.testing.assert_array_equal(read(content), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_a_tiff_is_turned_once(draw, read, orientation, compression):
    # Pillow turns TIFF files itself, and no others.
    picture = draw(9, 24, 40)
    content = encode(
        picture,
        "TIFF",
        compression=compression,
        tiffinfo={ORIENTATION: orientation},
    )
    turned = {
        1: picture,
        2: picture[:, ::-1],
        3: picture[::-1, ::-1],
        4: picture[::-1],
        5: picture.swapaxes(0, 1),
        6: np.rot90(picture, -1),
        7: picture[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(picture),
    }
    np.testing.assert_array_equal(read(content), turned[orientation])


needs_avif = pytest.mark.skipif(
    not features.check("avif"), reason="Pillow was built without AVIF"
)


@needs_avif
@pytest.mark.parametrize("orientation", [1, 6])
def test_avif_is_read_and_turned(draw, read, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    picture = draw(3, 24, 40)
    # Pillow 13 cannot write one that is both turned and animated.
    more = pages(picture) if orientation == 1 else {}
    content = encode(picture, "AVIF", quality=95, exif=exif, **more)
    pixels = read(content)
    expected = picture if orientation == 1 else np.rot90(picture, -1)
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).mean() < 5


@needs_avif
def test_without_avif_in_pillow_the_reason_says_so(draw, monkeypatch):
    content = encode(draw(3), "AVIF")
    monkeypatch.setattr(formats, "FORMATS", ("JPEG",))
    monkeypatch.setattr(features, "check", lambda name: False)
    assert "this Pillow was built without AVIF" in why_not_an_image(content)


def test_without_its_plugin_a_heic_file_is_named(reason, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    content = b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(100)
    assert reason(content) == (
        "a HEIC picture; to read these: pip install 'tlkit[heic]'"
    )


def test_heic_is_read_with_its_plugin(draw, tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    picture = draw(3, 48, 64)
    path = tmp_path / "picture.jpg"
    image = Image.fromarray(picture)
    pillow_heif.from_pillow(image).save(path, quality=95)
    assert why_unreadable(path) is None
    pixels = read_image(path)
    assert pixels.shape == picture.shape
    assert np.abs(pixels.astype(int) - picture).mean() < 5
    assert read_image(path, 20).shape == (20, 20, 3)
    content = path.read_bytes()
    path.write_bytes(content[:-200])
    why = why_unreadable(path)
    assert why == why.strip()
    path.write_bytes(content[:60])
    assert "a damaged HEIC file" in why_unreadable(path)


# --- depth: 65535 becomes 255, and so does the largest value of n bits ---

EVERY = np.linspace(0, 65535, 600).round().astype(np.uint16).reshape(20, 30)
LARGEST = 65535
DEPTHS = {
    "png": png_of_16_bits(EVERY),
    "tiff, little": tiff("<", EVERY, 16),
    "tiff, big": tiff(">", EVERY, 16),
    "pgm": pnm(5, EVERY.astype(">u2"), LARGEST),
}


@pytest.mark.parametrize("content", DEPTHS.values(), ids=DEPTHS)
def test_16_bits_of_gray_are_divided_by_257(read, content):
    np.testing.assert_array_equal(read(content), as_gray(EVERY // 257))


def test_16_bits_where_white_is_0(read):
    content = tiff("<", EVERY, 16, (262, 0))
    np.testing.assert_array_equal(read(content), as_gray(255 - EVERY // 257))


TWELVE = (EVERY >> 4).astype(np.uint16)


def test_a_tiff_of_12_bits_is_as_bright_as_one_of_16(read):
    content = tiff("<", TWELVE, 12, data=packed_in_12_bits(TWELVE))
    pixels = read(content)
    np.testing.assert_array_equal(
        pixels[..., 0], TWELVE.astype(int) * 255 // 4095
    )
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_a_pgm_of_12_bits_is_as_bright_as_one_of_16(read):
    pixels = read(pnm(5, TWELVE.astype(">u2"), 4095))
    assert np.abs(pixels[..., 0] - TWELVE / 4095 * 255).max() < 1
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_the_brightness_is_not_guessed_from_the_values(read):
    # A rule by the largest value would make this dark picture bright, and
    # leave one of the same scene with a lamp in it dark.
    dark, lamp = TWELVE // 2, TWELVE // 2
    lamp = lamp.copy()
    lamp[0, 0] = 60_000
    one, other = read(png_of_16_bits(dark)), read(png_of_16_bits(lamp))
    np.testing.assert_array_equal(one[1:], other[1:])
    assert one.max() == 2047 // 257


def test_what_may_be_12_bits_in_16_is_said_once(tmp_path):
    decode._note_dark.cache_clear()
    path = tmp_path / "dark.png"
    for plane, count in ((EVERY, 0), (EVERY * 0, 0), (TWELVE, 1), (TWELVE, 0)):
        path.write_bytes(png_of_16_bits(plane))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert why_unreadable(path) is None
            read_image(path)
        assert [each.category for each in caught] == [Note] * count


COLOURS = np.stack([EVERY, EVERY[::-1], EVERY[:, ::-1]], axis=-1)
DEEP_COLOURS = {
    "png": png_of_16_bits(COLOURS),
    "tiff, little": tiff("<", COLOURS, 16),
    "tiff, big": tiff(">", COLOURS, 16),
}


@pytest.mark.parametrize("content", DEEP_COLOURS.values(), ids=DEEP_COLOURS)
def test_of_16_bits_of_colour_the_upper_eight_are_taken(read, content):
    np.testing.assert_array_equal(read(content), COLOURS >> 8)


# --- what is refused ---


def test_values_of_unknown_range_are_refused(reason):
    floats = EVERY.astype(np.float32) / 65535
    assert "floating-point values" in reason(encode(floats, "TIFF"))
    wide = EVERY.astype(np.int32) * 1000
    assert "whole numbers of 32 bits" in reason(encode(wide, "TIFF"))
    lab = Image.new("LAB", (4, 4))
    assert "LAB colours" in reason(encode(lab, "TIFF"))
    signed = tiff("<", EVERY.astype(np.int16), 16, (339, 2))
    assert "with a sign" in reason(signed)


def test_an_opened_picture_of_unknown_range_is_refused_too():
    # Pillow itself would cut these values off at 0 and 255.
    for values in (
        np.array([[0.5, 1.0]], np.float32),
        np.array([[0, 65536]], np.int32),
        np.array([[-1, 10]], np.int32),
    ):
        with pytest.raises(TlkitError, match=r"floating|not within 0 to 65535"):
            read_opened(Image.fromarray(values))
    in_range = Image.fromarray(np.array([[0, 65535]], np.int32))
    assert read_opened(in_range)[0, :, 0].tolist() == [0, 255]


def test_a_preview_is_not_taken_for_its_picture(draw, reason):
    # Raw files of cameras are TIFF files whose first page is a thumbnail.
    assert "raw file" in reason(tiff("<", draw(1), 8, (254, 1)))
    assert "raw file" in reason(tiff("<", draw(1), 8, (50706, 1)))


OTHERS = {
    b"%PDF-1.7": "a PDF document",
    b"8BPS\0\1" + bytes(50): "a Photoshop (PSD) file",
    b'<?xml version="1.0"?>\n<svg width="3">': "an SVG drawing",
    b"\n  <svg xmlns='x'>": "an SVG drawing",
    b"<!DOCTYPE html><p>404": "a web page",
    b"\xff\x0a" + bytes(50): "a JPEG XL picture",
    bytes(128) + b"DICM": "a DICOM file",
    b"PK\3\4" + bytes(50): "a zip archive",
    b"version https://git-lfs.github.com/spec/v1\n": "a Git LFS pointer",
    b"\0\0\0\x18ftypmp42" + bytes(50): "a video",
}


@pytest.mark.parametrize("content", OTHERS, ids=OTHERS.values())
def test_a_file_of_another_kind_is_named(reason, content):
    why = reason(content)
    assert why.startswith(OTHERS[content])
    assert why.endswith(f"not a {formats.READABLE} image")


def test_a_jpeg_that_pillow_cannot_read_is_not_called_something_else(
    draw, reason
):
    deep = encode(draw(1), "JPEG").replace(
        b"\xff\xc0\0\x11\x08",
        b"\xff\xc0\0\x11\x0c",  # 12 bits
    )
    assert reason(deep) == "a damaged JPEG file, or one that Pillow cannot read"


@pytest.mark.parametrize("file_format", ["TIFF", "PPM", "AVIF"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_truncated_file_is_found(draw, reason, file_format, share):
    if not (file_format != "AVIF" or features.check("avif")):
        pytest.skip("Pillow was built without AVIF")
    content = encode(draw(12, 64, 64), file_format)
    assert reason(content[: int(len(content) * share)])


def test_what_passes_as_an_image_can_be_read(draw, tmp_path):
    """400 files with a few wrong bytes: none that passed may fail."""
    picture = draw(13, 20, 24)
    originals = [
        encode(picture, "TIFF", compression="tiff_lzw"),
        tiff("<", EVERY, 16),
        encode(picture, "PPM"),
        encode(EVERY, "PNG"),
    ]
    random = np.random.default_rng(0)
    verdicts = {True: 0, False: 0}
    path = tmp_path / "picture"
    for number in range(400):
        content = bytearray(originals[number % 4])
        end = len(content) if number % 8 < 4 else 20
        places = random.integers(0, end, 3)
        if number % 4 < 2 and number % 8 >= 4:
            places = len(content) - 1 - random.integers(0, 150, 3)
        for place in places:
            content[place] = random.integers(256)
        path.write_bytes(content)
        fine = why_unreadable(path) is None
        verdicts[fine] += 1
        if fine:
            assert read_image(path).ndim == 3
    assert min(verdicts.values()) > 50
