"""The size in a file's header is that of the picture that is read."""

import pytest
from PIL import ExifTags, Image

from tlkit.base.errors import TlkitError
from tlkit.data.decode import image_size_of, read_image


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
