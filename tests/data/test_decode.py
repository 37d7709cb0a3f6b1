"""Files become pixels: formats, rotations, sizes, and files that are broken."""

import contextlib
import io
import os
import struct
import subprocess
import sys
import threading
import warnings

import keras
import numpy as np
import pytest
from encoded import ORIENTATION, encode
from PIL import Image, ImageOps

from tlkit.base.errors import TlkitError, UsageError
from tlkit.data import decode, jpeg
from tlkit.data.decode import (
    read_image,
    resize_image,
    why_not_an_image,
    why_unreadable,
)
from tlkit.data.jpeg import find_reduction, plain_size


def upright(content):
    """The oracle: Pillow alone."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def difference(one, other):
    return np.abs(one.astype(int) - other.astype(int))


@pytest.fixture
def read(tmp_path):
    """Writes the content of a file and lets tlkit read it."""

    def read(content, image_size=None, name="picture.jpg"):
        (tmp_path / name).write_bytes(content)
        return read_image(tmp_path / name, image_size)

    return read


# --- JPEG ---

JPEGS = {
    "420": {"quality": 90},
    "444": {"quality": 95, "subsampling": 0},
    "rgb, not YCbCr": {"keep_rgb": True},
    "progressive": {"progressive": True},
    "poor": {"quality": 5},
    "restart markers": {"restart_marker_rows": 1},
}


@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
@pytest.mark.parametrize("shape", [(40, 60), (37, 53), (1, 9)])
def test_jpeg_pixels_are_those_of_pillow(draw, read, options, shape):
    content = encode(draw(1, *shape), "JPEG", **options)
    pixels = read(content)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, upright(content))


def test_jpeg_pixels_are_near_what_was_drawn(draw, read):
    picture = draw(2, 48, 64)
    pixels = read(encode(picture, "JPEG", quality=97, subsampling=0))
    assert difference(pixels, picture).max() <= 6


def test_gray_jpeg_has_three_equal_channels(draw, read):
    gray = Image.fromarray(draw(3)).convert("L")
    content = encode(gray, "JPEG", quality=97)
    pixels = read(content)
    np.testing.assert_array_equal(pixels, upright(content))
    assert np.ptp(pixels, axis=-1).max() == 0
    assert difference(pixels[..., 0], np.asarray(gray)).max() <= 6


def test_cmyk_jpeg_has_the_colours_of_the_picture(draw, read):
    picture = draw(4)
    cmyk = Image.fromarray(picture).convert("CMYK")
    content = encode(cmyk, "JPEG", quality=97)
    pixels = read(content)
    np.testing.assert_array_equal(pixels, upright(content))
    # An inverted CMYK picture would be off by more than 100.
    assert difference(pixels, picture).mean() < 8


def test_of_an_mpo_the_first_picture_is_read(draw, read):
    first, second = draw(5), Image.fromarray(draw(6))
    content = encode(first, "MPO", save_all=True, append_images=[second])
    np.testing.assert_array_equal(read(content), upright(content))
    assert difference(read(content), first).mean() < 8


# --- lossless: name -> picture -> (file, pixels it must give) ---


def with_alpha(picture):
    alpha = np.random.default_rng(0).integers(0, 256, picture.shape[:2])
    return np.dstack([picture, alpha.astype(np.uint8)])


def in_palette(picture):
    """Returns a picture of 16 colours, and its pixels looked up by hand."""
    image = Image.fromarray(picture).quantize(16)
    colours = np.reshape(image.getpalette(), (-1, 3)).astype(np.uint8)
    return image, colours[np.asarray(image)]


def palette_file(picture, file_format, **options):
    image, pixels = in_palette(picture)
    return encode(image, file_format, **options), pixels


def frames(picture):
    """Options for a file that goes on with two other frames."""
    others = [Image.fromarray(255 - picture), Image.fromarray(picture[::-1])]
    return {"save_all": True, "append_images": others, "duration": 50}


def as_gray(plane):
    return np.repeat(plane[..., None], 3, axis=-1)


LOSSLESS = {
    "png": lambda p: (encode(p, "PNG"), p),
    "png, alpha": lambda p: (encode(with_alpha(p), "PNG"), p),
    "png, transparent colour": lambda p: (
        encode(p, "PNG", transparency=tuple(p[0, 0].tolist())),
        p,
    ),
    "png, gray": lambda p: (encode(p[..., 0], "PNG"), as_gray(p[..., 0])),
    "png, gray and alpha": lambda p: (
        encode(Image.fromarray(p[..., 0]).convert("LA"), "PNG"),
        as_gray(p[..., 0]),
    ),
    "png, 1 bit": lambda p: (
        encode(p[..., 0] > 99, "PNG"),
        as_gray(np.where(p[..., 0] > 99, 255, 0)),
    ),
    "png, palette": lambda p: palette_file(p, "PNG"),
    "png, palette, transparent": lambda p: palette_file(
        p, "PNG", transparency=bytes(range(16))
    ),
    "bmp": lambda p: (encode(p, "BMP"), p),
    "gif": lambda p: palette_file(p, "GIF"),
    "gif, animated": lambda p: palette_file(p, "GIF", **frames(p)),
    "webp": lambda p: (encode(p, "WEBP", lossless=True), p),
    "webp, alpha": lambda p: (
        encode(with_alpha(p), "WEBP", lossless=True, exact=True),
        p,
    ),
    "webp, animated": lambda p: (
        encode(p, "WEBP", lossless=True, **frames(p)),
        p,
    ),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("make", LOSSLESS.values(), ids=LOSSLESS)
def test_a_lossless_file_gives_the_pixels_that_were_drawn(draw, read, make):
    content, expected = make(draw(7, 20, 30))
    pixels = read(content)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, expected)
    assert why_not_an_image(content) is None


def test_16_bit_gray_is_scaled_and_not_clipped(read):
    plane = np.linspace(0, 65535, 600).astype(np.uint16).reshape(20, 30)
    pixels = read(encode(plane, "PNG"))
    assert pixels.shape == (20, 30, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels - as_gray(plane) / 257).max() < 1
    assert (pixels.min(), pixels.max()) == (0, 255)


@pytest.mark.parametrize("name", ["picture.png", "picture.txt", "picture"])
def test_a_wrong_suffix_does_not_matter(draw, read, name):
    content = encode(draw(8), "JPEG")
    np.testing.assert_array_equal(read(content, name=name), upright(content))


def test_a_format_that_is_not_ours_is_refused(draw, read):
    content = encode(draw(8), "PCX")
    with pytest.raises(TlkitError, match="not a JPEG, PNG, BMP, GIF, WebP"):
        read(content)


# --- EXIF ---


def exif_with(orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_put_upright(draw, read, file_format, orientation):
    content = encode(draw(9, 24, 40), file_format, exif=exif_with(orientation))
    pixels = read(content)
    np.testing.assert_array_equal(pixels, upright(content))
    assert pixels.shape == ((24, 40, 3) if orientation < 5 else (40, 24, 3))


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_orientation_that_does_not_exist_means_upright(
    draw, read, orientation
):
    picture = draw(9, 24, 40)
    content = encode(picture, "PNG", exif=exif_with(orientation))
    np.testing.assert_array_equal(read(content), picture)


def exif_of(byte_order, *tags):
    """EXIF data written by hand; a tag is `(number, type, count, value)`."""
    mark = b"II*\0" if byte_order == "<" else b"MM\0*"
    entries = b"".join(
        struct.pack(byte_order + "HHI", number, kind, count) + value
        for number, kind, count, value in tags
    )
    count = struct.pack(byte_order + "IH", 8, len(tags))
    return b"Exif\0\0" + mark + count + entries + bytes(4)


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description '
    b'tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)
SHORT, LONG, BYTE = 3, 4, 1
NOTES = {
    "short": {"exif": exif_of(">", (ORIENTATION, SHORT, 1, b"\0\x06\0\0"))},
    "long": {"exif": exif_of(">", (ORIENTATION, LONG, 1, b"\0\0\0\x06"))},
    "xmp": {"xmp": XMP},
}


@pytest.mark.parametrize("options", NOTES.values(), ids=NOTES)
def test_a_rotation_noted_in_an_odd_way_is_done(draw, read, options):
    # OpenCV's own reader overlooks the last two, so a JPEG stayed lying.
    content = encode(draw(9, 24, 40), "JPEG", **options)
    np.testing.assert_array_equal(read(content), upright(content))
    assert read(content).shape == (40, 24, 3)


def test_tags_that_pillow_cannot_rewrite_do_not_cost_the_picture(draw, read):
    # `exif_transpose` raised a struct.error, which no one expects of a file
    # that had passed as an image when it was indexed.
    picture = draw(9, 24, 40)
    width_as_a_byte = (0x0100, BYTE, 1, b"\x28\0\0\0")
    turned = (ORIENTATION, SHORT, 1, b"\x06\0\0\0")
    exif = exif_of("<", width_as_a_byte, turned)
    for file_format, error in (("PNG", 0), ("JPEG", 8)):
        content = encode(picture, file_format, exif=exif)
        assert why_not_an_image(content) is None
        pixels = read(content)
        assert difference(pixels, np.rot90(picture, -1)).mean() <= error


def test_tags_that_make_no_sense_are_ignored(draw, read):
    picture = draw(9, 24, 40)
    content = encode(picture, "PNG", exif=b"Exif\0\0XX no TIFF header")
    assert why_not_an_image(content) is None
    np.testing.assert_array_equal(read(content), picture)


# --- sizes ---


def triangle(size, target):
    """The antialiased bilinear filter in one direction, as a matrix."""
    scale = size / target
    reach = max(scale, 1.0)
    centres = (np.arange(target)[:, None] + 0.5) * scale
    distance = np.abs(np.arange(size)[None] + 0.5 - centres) / reach
    weights = np.clip(1 - distance, 0, None)
    return weights / weights.sum(axis=1, keepdims=True)


SIZES = [(16, 24), (40, 100), (64, 20), (90, 90), (45, 61)]


@pytest.mark.parametrize("target", SIZES)
def test_resize_is_the_triangle_filter(target):
    noise = np.random.default_rng(0).integers(0, 256, (45, 60, 3), np.uint8)
    exact = np.einsum(
        "ay,bx,yxc->abc",
        triangle(45, target[0]),
        triangle(60, target[1]),
        noise.astype(float),
    )
    resized = resize_image(noise, target)
    assert resized.dtype == np.uint8
    assert np.abs(resized - exact).max() <= 1.001
    pillow = Image.fromarray(noise).resize(
        target[::-1], Image.Resampling.BILINEAR
    )
    np.testing.assert_array_equal(resized, np.asarray(pillow))


@pytest.mark.parametrize("target", SIZES)
def test_resize_agrees_with_the_layer_inside_the_model(target):
    noise = np.random.default_rng(1).integers(0, 256, (45, 60, 3), np.uint8)
    layer = keras.layers.Resizing(*target, antialias=True)
    by_layer = np.asarray(layer(noise[None].astype("float32")))[0]
    assert np.abs(resize_image(noise, target) - by_layer).max() <= 1.001


def test_an_image_that_fits_is_not_touched(draw):
    picture = draw(10, 20, 30)
    assert resize_image(picture, (20, 30)) is picture


def test_reading_with_a_size_resizes_the_upright_picture(draw, read):
    content = encode(draw(11, 24, 40), "JPEG", exif=exif_with(6))
    expected = Image.fromarray(upright(content)).resize(
        (16, 30), Image.Resampling.BILINEAR
    )
    np.testing.assert_array_equal(read(content, (30, 16)), np.asarray(expected))
    assert read(content, 17).shape == (17, 17, 3)


@pytest.mark.parametrize("size", [0, -3, 2.5, (4,), (4, 0), "big", (1, 2, 3)])
def test_an_impossible_size_is_a_usage_error(draw, size):
    with pytest.raises(UsageError):
        resize_image(draw(0), size)


# --- large JPEG files, decoded at a fraction ---


@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
@pytest.mark.parametrize("shape", [(40, 60), (37, 53), (1, 9)])
def test_the_size_of_a_plain_jpeg_is_found(draw, options, shape):
    content = encode(draw(1, *shape), "JPEG", **options)
    assert plain_size(content) == shape
    gray = Image.fromarray(draw(1, *shape)).convert("L")
    assert plain_size(encode(gray, "JPEG")) == shape


def test_what_is_not_plain_is_left_to_pillow(draw):
    image = Image.fromarray(draw(1))
    for content in [
        encode(image.convert("CMYK"), "JPEG"),
        encode(image, "JPEG", exif=exif_with(1)),
        encode(image, "JPEG", xmp=XMP),
        encode(image, "PNG"),
        encode(draw(1), "JPEG").replace(
            b"\xff\xc0\0\x11\x08",
            b"\xff\xc0\0\x11\x0c",  # 12 bits
        ),
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff\xfe\0\0" * 99,
    ]:
        assert plain_size(content) is None


def test_a_header_cut_anywhere_has_no_size(draw):
    content = encode(draw(1), "JPEG")
    scan = content.index(b"\xff\xda")
    for end in range(scan + 4):
        assert plain_size(content[:end]) is None
    assert plain_size(content[: scan + 4]) == (32, 32)


def test_tags_behind_the_frame_are_seen_too(draw, read):
    # Pillow reads them up to the pixels, so the picture must be turned.
    turned = encode(draw(9, 90, 150), "JPEG", exif=exif_with(6))
    start = turned.index(b"\xff\xe1")
    end = start + 2 + int.from_bytes(turned[start + 2 : start + 4], "big")
    tables = turned.index(b"\xff\xc4")
    late = turned[:start] + turned[end:tables] + turned[start:end]
    late += turned[tables:]
    assert read(late).shape == (150, 90, 3)
    np.testing.assert_array_equal(read(late, 30), read(turned, 30))


def test_the_fraction_leaves_enough_pixels():
    assert find_reduction((300, 300), (150, 150)) == 2
    assert find_reduction((299, 900), (150, 150)) == 2  # 150 x 450
    assert find_reduction((298, 900), (150, 150)) == 1
    assert find_reduction((900, 900), (150, 150)) == 4
    assert find_reduction((896, 900), (150, 150)) == 2
    assert find_reduction((900, 300), (150, 50)) == 4
    assert find_reduction((9000, 9000), (10, 10)) == 4


@pytest.mark.parametrize("orientation", [None, *range(2, 9)])
@pytest.mark.parametrize("reduction", [2, 4])
def test_a_fraction_is_near_the_whole_picture(
    draw, read, orientation, reduction
):
    """Which is sampled at the same places, whatever the rotation."""
    exif = b"" if orientation is None else exif_with(orientation)
    picture = draw(14, 300, 420)
    content = encode(picture, "JPEG", quality=95, exif=exif)
    lying = orientation in (5, 6, 7, 8)
    shape = (120, 150) if reduction == 2 else (40, 50)
    target = shape[::-1] if lying else shape
    assert find_reduction((300, 420), shape) == reduction
    pixels = read(content, target)
    assert pixels.shape == (*target, 3)
    assert pixels.dtype == np.uint8
    whole = resize_image(upright(content), target)
    assert difference(pixels, whole).max() <= 6
    assert difference(pixels, whole).mean() <= 0.8


@pytest.mark.parametrize("target", [150, (75, 100), (20, 149), (33, 41)])
def test_fractions_do_not_change_the_colour(read, target):
    for level in (0, 1, 77, 128, 254, 255):
        flat = np.full((300, 300, 3), level, np.uint8)
        content = encode(flat, "JPEG", quality=95)
        assert np.unique(read(content, target)).tolist() == [level]


@pytest.mark.parametrize("scale", [1, 1.05, 1.3, 1.8, 2, 2.5, 4])
def test_smoothing_makes_interpolation_as_wide_as_the_triangle(scale):
    reach, sigma = jpeg._smoothing(scale)
    places = np.arange(-reach, reach + 1)
    weights = np.exp(-(places**2) / (2 * sigma**2))
    variance = np.sum(weights * places**2) / weights.sum()
    extra = jpeg._SHARPNESS / 6
    assert variance + 1 / 6 == pytest.approx(scale**2 / 6 + extra, rel=0.05)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_a_large_file_that_is_cut_is_noticed_with_a_size_too(draw, read, share):
    content = encode(draw(12, 400, 400), "JPEG")
    with pytest.raises(TlkitError, match="truncated"):
        read(content[: int(len(content) * share)], 100)


def test_a_jpeg_that_claims_more_pixels_than_its_bytes_can_hold(draw, read):
    # Decoders fill what is missing with gray: a file of a thousand bytes
    # passed as a picture of 88 megapixels.
    content = encode(draw(0), "JPEG").replace(
        b"\x08\0\x20\0\x20\x03", b"\x08\x24\xa0\x24\xa0\x03"
    )
    assert plain_size(content) == (9376, 9376)
    assert "bytes cannot hold the 9376 x 9376" in why_not_an_image(content)
    for size in (None, 100):
        with pytest.raises(TlkitError, match="bytes cannot hold"):
            read(content, size)


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_the_emptiest_jpeg_still_holds_its_pixels(read, options):
    # One colour compresses best; it must not be taken for a broken file.
    gray = Image.new("L", (4000, 3000), 77)
    content = encode(gray, "JPEG", quality=1, optimize=True, **options)
    assert why_not_an_image(content) is None
    assert read(content, 20).shape == (20, 20, 3)


def test_a_jpeg_that_claims_too_many_pixels_is_refused(draw, read):
    content = encode(draw(0), "JPEG").replace(
        b"\x08\0\x20\0\x20\x03", b"\x08\x2e\xe0\x2e\xe0\x03"
    )
    assert plain_size(content) == (12_000, 12_000)
    for size in (None, 100):
        with pytest.raises(TlkitError, match="12000 x 12000 pixels"):
            read(content, size)


# --- broken files ---


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "GIF", "WEBP", "BMP"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_truncated_file_is_found_and_named(
    draw, tmp_path, file_format, share
):
    content = encode(draw(12, 64, 64), file_format)
    path = tmp_path / "cut.jpg"
    path.write_bytes(content[: int(len(content) * share)])
    assert why_unreadable(path)
    with pytest.raises(TlkitError, match=r"cut\.jpg") as caught:
        read_image(path)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    "content", [b"", b"text", b"<html></html>", b"%PDF-1.7", b"PK\3\4", b"\xff"]
)
def test_what_is_no_image_is_refused_in_words(tmp_path, content):
    path = tmp_path / "picture.jpg"
    path.write_bytes(content)
    expected = "empty file" if not content else "not a JPEG, PNG"
    assert expected in why_unreadable(path)
    with pytest.raises(TlkitError, match=expected):
        read_image(path)


def test_what_passes_as_an_image_can_be_read(draw, read):
    """An indexed file must not stop the training that follows.

    600 files with a few wrong bytes: none may raise anything but TlkitError,
    and none that passed may fail.
    """
    exif = exif_of("<", (ORIENTATION, SHORT, 1, b"\x06\0\0\0"))
    picture = draw(13, 20, 24)
    originals = [
        encode(picture, "JPEG", exif=exif),
        encode(picture, "PNG", exif=exif),
        encode(picture, "WEBP", exif=exif),
        encode(in_palette(picture)[0], "GIF"),
    ]
    random = np.random.default_rng(0)
    verdicts = {True: 0, False: 0}
    for number in range(600):
        content = bytearray(originals[number % 4])
        end = len(content) if number % 8 < 4 else 100
        for place in random.integers(0, end, random.integers(1, 5)):
            content[place] = random.integers(256)
        fine = why_not_an_image(bytes(content)) is None
        verdicts[fine] += 1
        if fine:
            assert read(content).ndim == 3
        else:
            with contextlib.suppress(TlkitError):
                read(content)
    assert min(verdicts.values()) > 100


def test_a_pipe_and_a_folder_are_recognised_not_opened(tmp_path, in_time):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("pipe.jpg", "folder.jpg"):
        reason = in_time(why_unreadable, tmp_path / name)
        assert reason == "not a regular file"


def test_a_missing_file_is_named(tmp_path):
    assert why_unreadable(tmp_path / "gone.jpg") == "no such file or directory"
    with pytest.raises(TlkitError, match=r"gone\.jpg"):
        read_image(tmp_path / "gone.jpg")


def test_a_decompression_bomb_is_refused_before_it_is_unpacked(bomb, tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(12_000))
    assert path.stat().st_size < 100_000
    code = (
        "import sys, resource\n"
        "from tlkit.data.decode import why_unreadable\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "print(why_unreadable(sys.argv[1]))\n"
        "print(peak() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        capture_output=True,
        text=True,
        check=True,
    )
    reason, kilobytes = done.stdout.splitlines()
    assert "12000 x 12000 pixels" in reason
    assert int(kilobytes) < 50_000  # one byte a pixel would be 144,000
    assert done.stderr == ""


def test_a_bomb_that_pillow_itself_refuses_is_refused_in_words(bomb):
    assert why_not_an_image(bomb(14_000)) == "more than 178,956,970 pixels"


def test_two_threads_do_not_silence_each_other(draw, monkeypatch):
    # `warnings.catch_warnings` puts back the filters it found. When two
    # threads were inside at once and left in the wrong order, the process
    # ignored every warning from then on.
    inside, outside = threading.Event(), threading.Event()
    really_open = Image.open

    def slow_open(*arguments, **options):
        if threading.current_thread().name == "first":
            inside.wait(0.3)
        else:
            inside.set()
            outside.wait(0.3)
        return really_open(*arguments, **options)

    monkeypatch.setattr(Image, "open", slow_open)
    content = encode(draw(0), "PNG")

    def judge():
        why_not_an_image(content)
        if threading.current_thread().name == "first":
            outside.set()

    before = list(warnings.filters)
    threads = [
        threading.Thread(target=judge, name=name)
        for name in ("first", "second")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after, warnings.filters[:] = list(warnings.filters), before
    assert after == before


def test_opencv_is_kept_from_starting_threads_of_its_own():
    assert decode.cv2.getNumThreads() == 1
