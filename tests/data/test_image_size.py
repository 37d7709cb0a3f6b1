"""The size in a file's header is that of the picture that is read."""

import numpy as np
import pytest
from PIL import ExifTags, Image

from tlkit.base.errors import TlkitError
from tlkit.data.decode import image_size_of, read_image, why_unreadable


@pytest.mark.parametrize("ending", ["jpg", "png", "gif", "webp", "bmp"])
@pytest.mark.parametrize("turned", [None, 1, 3, 6, 8])
def test_the_size_is_that_of_the_upright_picture(
    tmp_path, draw, ending, turned
):
    path, exif = tmp_path / f"a.{ending}", Image.Exif()
    if turned:
        exif[ExifTags.Base.Orientation] = turned
    Image.fromarray(draw(0, 20, 30)).save(path, exif=exif)
    assert image_size_of(path) == read_image(path).shape[:2]


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_files_without_a_size_are_named(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(TlkitError, match=r"a\.jpg"):
        image_size_of(tmp_path / "a.jpg")


def test_a_header_that_claims_too_much_is_found_at_once(
    tmp_path, draw, in_time
):
    Image.fromarray(draw(0, 40, 40)).save(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    # The frame's header: 8 bits, then height and width of two bytes each.
    place = content.index(b"\xff\xc0") + 5
    for side in (9_400, 65_000):
        claimed = np.array([side, side], ">u2").tobytes()
        bad = content[:place] + claimed + content[place + 4 :]
        (tmp_path / "a.jpg").write_bytes(bad[:400])
        assert in_time(why_unreadable, tmp_path / "a.jpg")
