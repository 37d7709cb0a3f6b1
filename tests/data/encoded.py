"""Pictures as the content of files, for the tests of the decoder."""

import io

import numpy as np
from PIL import Image

#: The EXIF tag that says how a picture is to be turned.
ORIENTATION = 0x0112


def encode(picture, file_format, **options):
    """The content of a file with a picture, an array or one of Pillow's."""
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()
