"""Small drawn images for all tests, made with NumPy and Pillow alone.

And two helpers for files that mean no good.
"""

import struct
import threading
import time
import zlib

import numpy as np
import pytest
from PIL import Image


def _draw(number, height=32, width=32):
    """Smooth colour waves; every number is another picture."""
    random = np.random.default_rng(number)
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = random.uniform(2, 7, (3, 2))
    phases = random.uniform(0, 6, 3)
    picture = [
        128 + 110 * np.sin(waves[channel] @ [y.ravel(), x.ravel()] + phase)
        for channel, phase in enumerate(phases)
    ]
    return (
        np.stack(picture, -1).reshape(height, width, 3).round().astype(np.uint8)
    )


def _draw_classes(root, counts, first=0, size=32):
    number = first
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for place in range(count):
            path = root / name / f"{place:03d}.png"
            Image.fromarray(_draw(number, size, size)).save(path)
            number += 1
    return root


@pytest.fixture(scope="session")
def draw():
    """`draw(number, height=32, width=32)`: a smooth uint8 RGB picture."""
    return _draw


@pytest.fixture(scope="session")
def draw_classes():
    """`draw_classes(root, {name: count}, first=0, size=32)`: class folders.

    Pictures are numbered from `first`, so that no two are equal.
    """
    return _draw_classes


@pytest.fixture(scope="session")
def drawn_folder(tmp_path_factory):
    """A flat folder of 20 PNG files in each of two classes; not to change."""
    root = tmp_path_factory.mktemp("drawn") / "waves"
    return _draw_classes(root, {"alpha": 20, "beta": 20})


def _bomb(side):
    """A tiny PNG file of `side` x `side` black pixels."""

    def chunk(name, content):
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    rows = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    packed = b"".join(rows.compress(row) for _ in range(side)) + rows.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", packed)
        + chunk(b"IEND", b"")
    )


def _in_time(function, *arguments):
    """Calls in a thread that is given up after ten seconds."""
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(function(*arguments)), daemon=True
    )
    thread.start()
    thread.join(10)
    assert answers, "this did not come to an end"
    return answers[0]


@pytest.fixture(scope="session")
def bomb():
    """`bomb(side)`: the content of a tiny PNG file of very many pixels."""
    return _bomb


@pytest.fixture(scope="session")
def in_time():
    """`in_time(function, *arguments)`: fails where a call would hang."""
    return _in_time


@pytest.fixture
def let_pass(monkeypatch):
    """`let_pass(seconds)`: for what asks the monotonic clock."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def wait(seconds):
        now[0] += seconds

    return wait
