"""The kinds of picture file that tlkit reads, and the names of other kinds."""

from __future__ import annotations

import functools
import io
from pathlib import Path

from PIL import ExifTags, Image, features

#: Pillow's names of the formats that tlkit reads; HEIC needs a plugin.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "AVIF")

READABLE = "JPEG, PNG, BMP, GIF, WebP, TIFF, PPM, AVIF or HEIC"
"""The same formats as a user reads them."""

#: What the names of such files usually end in. It tells a picture from what
#: lies beside it without a look into either.
_SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib"}
_SUFFIXES |= {".gif", ".webp", ".tif", ".tiff", ".avif", ".heic", ".heif"}
_SUFFIXES |= {".ppm", ".pgm", ".pbm", ".pnm"}
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1"}

#: How files of other kinds begin, and what they are called. A file with a
#: wrong suffix is common, and its owner does not know what it is.
_OTHERS = (
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript file"),
    (0, b"8BPS", "a Photoshop (PSD) file"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"\0\0\1\0", "an icon (ICO)"),
    (0, b"v/1\1", "an OpenEXR picture"),
    (0, b"FUJIFILM", "a camera's raw file"),
    (128, b"DICM", "a DICOM file"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"PK\3\4", "a zip archive or an office document"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"version https://git-lfs", "a Git LFS pointer to a file elsewhere"),
    (0, b"<svg", "an SVG drawing"),
    (0, b"<!doctype html", "a web page"),
    (0, b"<html", "a web page"),
    (4, b"ftyp", "a video, or a picture of a camera's own format"),
)

#: How files of our own kinds begin, which Pillow may refuse all the same:
#: JPEG of 12 bits, for example, or TIFF in 64-bit floating point.
_OURS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG", "PNG"),
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)

# Tags of TIFF: what the page is, and the sign of Adobe's raw format.
_NEW_SUBFILE_TYPE, _DNG_VERSION = 254, 50706
_REDUCED = 1

# What Pillow can turn into RGB. Missing are whole numbers of 32 bits,
# floating point and colours such as LAB.
_MODES = frozenset(
    {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV"}
    | {"I;16", "I;16L", "I;16B"}
)


def named_like_picture(path: Path) -> bool:
    """Returns whether a file is a picture by the end of its name."""
    return path.suffix.lower() in _SUFFIXES


def open_picture(content: bytes) -> Image.Image:
    """Opens a picture file with Pillow, which reads only its header here.

    Args:
        content: The bytes of a file.

    Returns:
        The picture, standing at its first frame, of a mode that can be
        turned into RGB.

    Raises:
        ValueError: It is of no kind that tlkit reads; the message names the
            kind where it is known.
        DecompressionBombError: Pillow finds that it has too many pixels.
    """
    formats: tuple[str, ...] = FORMATS
    if _brands(content) & _HEIC_BRANDS and not _brands(content) & _AVIF_BRANDS:
        _register_heic()
        formats = ("HEIF",)
    try:
        image = Image.open(io.BytesIO(content), formats=formats)
    except Image.UnidentifiedImageError:
        raise ValueError(_why_not_ours(content)) from None
    _check_mode(image)
    if image.format == "TIFF":
        _check_not_raw(image, content)
    return image


def _brands(content: bytes) -> set[bytes]:
    """Returns the four-letter names by which AVIF and HEIC files differ."""
    if content[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(content[:4], "big"), 128)
    return {content[place : place + 4] for place in range(8, end, 4)}


@functools.cache
def _register_heic() -> None:
    # Only when such a file is met: few have the plugin, which takes time to
    # load.
    try:
        import pillow_heif
    except ImportError:
        raise ValueError(
            "a HEIC picture; to read these: pip install 'tlkit[heic]'"
        ) from None
    pillow_heif.register_heif_opener()


def _why_not_ours(content: bytes) -> str:
    if _brands(content) & _AVIF_BRANDS and not features.check("avif"):
        return (
            "an AVIF picture, and this Pillow was built without AVIF; "
            "pip install --upgrade pillow"
        )
    name = _name_of_ours(content)
    if name is not None:
        return f"a damaged {name} file, or one that Pillow cannot read"
    return f"{_name_of(content)}not a {READABLE} image"


def _name_of_ours(content: bytes) -> str | None:
    for brands, name in ((_AVIF_BRANDS, "AVIF"), (_HEIC_BRANDS, "HEIC")):
        if _brands(content) & brands:
            return name
    for mark, name in _OURS:
        if content.startswith(mark):
            return name
    return None


def _name_of(content: bytes) -> str:
    """Returns the name of a kind of file and a comma; nothing if unknown."""
    begin = content[:256].lstrip().lower()
    if begin.startswith(b"<?xml") and b"<svg" in content[:4096].lower():
        return "an SVG drawing, "
    for place, mark, name in _OTHERS:
        if content.startswith(mark, place) or (
            mark.startswith(b"<") and begin.startswith(mark)
        ):
            return f"{name}, "
    return ""


def _check_mode(image: Image.Image) -> None:
    # Pillow gives PPM of 16 bits in 32, scaled to what 16 bits can hold.
    if image.mode in _MODES or (image.mode, image.format) == ("I", "PPM"):
        return
    kind = {
        "I": "whole numbers of 32 bits or with a sign",
        "F": "floating-point values",
    }.get(image.mode, f"{image.mode} colours")
    raise ValueError(
        f"a {image.format} picture of {kind}, whose range is not known; "
        "save it with 8 or 16 bits"
    )


def _check_not_raw(image: Image.Image, content: bytes) -> None:
    """Refuses raw files, whose first page is a preview of a few pixels."""
    tags = getattr(image, "tag_v2", {})
    preview = tags.get(_NEW_SUBFILE_TYPE, 0) & _REDUCED
    if preview or _DNG_VERSION in tags or content[8:10] == b"CR":
        raise ValueError(
            "a camera's raw file, or a TIFF file that begins with a preview "
            "of its picture; save it as an ordinary TIFF or JPEG"
        )


def largest_value(image: Image.Image) -> int:
    """Returns the largest value that a 16-bit gray picture can hold.

    Args:
        image: A picture of a mode such as `"I;16"`, opened from a file.

    Returns:
        65535, or `2**n - 1` where a TIFF file says that its values have `n`
        bits.
    """
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(ExifTags.Base.BitsPerSample, (16,))[0]
    return 2 ** min(bits, 16) - 1


def white_is_zero(image: Image.Image) -> bool:
    """Returns whether a TIFF picture's gray values grow towards black.

    Pillow turns those of 8 bits round itself, and not those of 16.
    """
    tags = getattr(image, "tag_v2", {})
    return tags.get(ExifTags.Base.PhotometricInterpretation) == 0
