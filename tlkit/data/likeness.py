"""Finds images that look alike, such as copies in another size.

A photograph and its smaller copy have different bytes. Where one of them
trains a model and the other tests it, the figures are too good, and nobody
can see why.

An image is reduced to a small gray picture, its print. Prints of copies have
nearly the same lowest frequencies, as in the perceptual hash of C. Zauner
(*Implementation and benchmarking of perceptual image hash functions*, thesis,
Upper Austria University of Applied Sciences, 2010). Here the frequencies are
kept as numbers, so that a search tree finds all near ones. What it finds is
then laid over each other (B. D. Lucas and T. Kanade, *An iterative image
registration technique*, IJCAI 1981): a copy whose margins are cut off fits
once it is shifted and stretched a little, and another picture does not.

Of 600 copies of photographs of cats and dogs 594 were found among all 3,000.
They were cut by up to 2 % at each side, reduced to between 50 and 90 %, and
saved as JPEG at a quality of 60 to 90. Of the 4.5 million pairs of different
files one was taken for copies, and these are one picture, saved twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image

from tlkit.data.decode import read_opened, turn_upright
from tlkit.data.index import Split

#: Side of a print in pixels: enough to tell photographs apart, and few enough
#: for hundreds of thousands of prints in memory.
_SIDE = 16
#: Shortest side in pixels of an image that gets a print. Of smaller ones, such
#: as digits, very many look alike without being copies.
_SMALLEST = 64
#: Modes of Pillow's in which nearly all images are. Their prints are turned
#: upright, which is quicker than to turn the whole image.
_PLAIN = ("L", "RGB")
#: Standard deviation in levels of 255 below which an image counts as blank.
#: Photographs have 12 or more.
_BLANK = 5.0
#: Largest step in levels to the pixels beside one that counts as flat, and
#: largest share of flat pixels. A disk has more of them, and all disks are
#: alike once they are laid over each other. Of 3,000 photographs one had more.
_FLAT, _MOST_FLAT = 2, 0.5
#: Largest distance between the lowest frequencies of a copy and its original.
#: 99 of 100 copies are nearer. Of two other photographs about one pair in
#: four million is.
_NEAR = 0.2
#: Near images that are looked at. Where most of them are no copies, images of
#: this kind all look alike, and those that fit do so by chance.
_NEIGHBOURS = 8
#: Correlation of two prints once they are laid over each other. 98 of 100
#: copies reach it, and other photographs 0.90 at most.
_FITS = 0.97
#: Largest shift, as a share of the side, that laying over may need, and
#: largest change of contrast.
_SHIFT, _CONTRAST = 0.045, 0.25
#: Pairs that are laid over each other at once, which takes 10 kB a pair.
_AT_ONCE = 2000


class Pair(NamedTuple):
    """Two images that look alike, each as a row of a split."""

    split: str
    row: int
    other_split: str
    other_row: int


def fingerprint_of(image: Image.Image) -> bytes:
    """Returns the print of an image, by which its copies are found.

    It takes 0.2 ms for an image of 100 pixels a side, and more for larger ones
    in proportion to their pixels.

    Args:
        image: The image, in any mode and of any size. A JPEG file may be
            decoded at a reduced size, if its sides keep 64 pixels or more.

    Returns:
        256 bytes, the levels of 16 x 16 pixels; none at all if the image is
        blank, a shape on plain ground, or shorter than 64 pixels, so that
        nothing can be said.
    """
    if min(image.size) < _SMALLEST:
        return b""
    # Almost the same as without the gap, and faster for large images.
    small = _gray(image).resize(
        (_SIDE, _SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0
    )
    levels = np.asarray(small)
    if image.mode in _PLAIN:
        levels = turn_upright(levels, image)
    return levels.tobytes() if _tells_enough(levels) else b""


def _gray(image: Image.Image) -> Image.Image:
    if image.mode in _PLAIN:
        return image.convert("L")
    # Palettes, transparency and 16 bits need more care.
    return Image.fromarray(read_opened(image)).convert("L")


def _tells_enough(levels: np.ndarray) -> bool:
    """Returns whether a print is neither blank nor a shape on plain ground."""
    values = levels.astype(np.int16)
    down = np.abs(values[1:] - values[:-1])
    across = np.abs(values[:, 1:] - values[:, :-1])
    # The largest of the steps to the four neighbours of each pixel.
    largest = np.zeros_like(values)
    largest[1:] = down
    np.maximum(largest[:-1], down, out=largest[:-1])
    np.maximum(largest[:, 1:], across, out=largest[:, 1:])
    np.maximum(largest[:, :-1], across, out=largest[:, :-1])
    flat = np.count_nonzero(largest <= _FLAT) / largest.size
    return bool(flat <= _MOST_FLAT and values.std() >= _BLANK)


def near_pairs(
    splits: Mapping[str, Split], prints: Mapping[str, bytes]
) -> list[Pair]:
    """Finds images that look like one of another split.

    Equal files are left out, since their digests tell already. No image is
    compared with all others: 50,000 take 3 seconds, and 200,000 half a minute.

    Args:
        splits: The splits by name.
        prints: By digest what `fingerprint_of` returns. Images without a
            print are left out.

    Returns:
        For each pair of splits the images of the later one that look like
        images of the earlier one, each once, with the one that it fits best.
    """
    printed = {name: _Printed(split, prints) for name, split in splits.items()}
    return [
        Pair(first, row, second, other)
        for first, second in itertools.combinations(splits, 2)
        for row, other in _alike(printed[first], printed[second])
    ]


def notes_on_likeness(
    splits: Mapping[str, Split], prints: Mapping[str, bytes]
) -> tuple[str, ...]:
    """Returns a sentence for each two splits that hold near copies.

    Args:
        splits: The splits by name.
        prints: By digest what `fingerprint_of` returns.
    """
    pairs = near_pairs(splits, prints)
    found = itertools.groupby(pairs, lambda x: (x.split, x.other_split))
    return tuple(_sentence(splits, list(alike)) for _, alike in found)


def _sentence(splits: Mapping[str, Split], pairs: list[Pair]) -> str:
    first, row, second, other = pairs[0]
    return (
        f"Images of {second} that look like images of {first}: {len(pairs)} "
        f"(such as {splits[second].name(other)} and "
        f"{splits[first].name(row)}). If they are copies, the accuracy on "
        f"{second} is higher than it would be on new images."
    )


class _Printed:
    """The images of a split that have a print."""

    def __init__(self, split: Split, prints: Mapping[str, bytes]) -> None:
        found = [prints.get(content, b"") for content in split.digests]
        self.rows = np.flatnonzero([bool(one) for one in found])
        self.digests = np.array(split.digests)[self.rows]
        levels = np.frombuffer(b"".join(found), np.uint8)
        self.pictures = _normalise(levels.reshape(-1, _SIDE, _SIDE))

    def __len__(self) -> int:
        return len(self.rows)


def _normalise(levels: np.ndarray) -> np.ndarray:
    """Takes away brightness and contrast: a mean of 0, a length of 1."""
    values = levels.astype(np.float32)
    values -= values.mean(axis=(1, 2), keepdims=True)
    return values / np.sqrt((values**2).sum(axis=(1, 2), keepdims=True))


def _alike(first: _Printed, second: _Printed) -> Iterator[tuple[int, int]]:
    """Yields the rows of two splits that look alike."""
    if not len(first) or not len(second):
        return
    near, own = _neighbours(first, second)
    if not len(near):
        return
    fits = _fit(first.pictures, second.pictures, near, own)
    good = fits >= _FITS
    count = len(second)
    believed = 2 * np.bincount(own, good, count) >= np.bincount(
        own, minlength=count
    )
    kept = np.flatnonzero(good & believed[own])
    # Of the pairs of one image the best comes last, and so it stays.
    kept = kept[np.argsort(fits[kept], kind="stable")]
    best = dict(zip(own[kept].tolist(), near[kept].tolist(), strict=True))
    for other, row in sorted(best.items()):
        if first.digests[row] != second.digests[other]:
            yield int(first.rows[row]), int(second.rows[other])


def _neighbours(
    first: _Printed, second: _Printed
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the near images of the first split, and of which each one is."""
    # SciPy takes a while to import, and data without prints do not need it.
    from scipy.spatial import cKDTree

    tree = cKDTree(_lowest_frequencies(first.pictures))
    distances, near = tree.query(
        _lowest_frequencies(second.pictures),
        _NEIGHBOURS,
        distance_upper_bound=_NEAR,
    )
    own, places = np.nonzero(np.isfinite(distances))
    return near[own, places], own


def _lowest_frequencies(pictures: np.ndarray) -> np.ndarray:
    """Returns 14 numbers of each picture, without its brightness.

    The transform changes no distance and they are a part of it, so that two
    pictures are at most as far from each other by them as by all pixels.
    """
    from scipy.fft import dctn

    down, across = np.mgrid[:_SIDE, :_SIDE]
    kept = (down + across > 0) & (down + across <= 4)
    return dctn(pictures, axes=(1, 2), norm="ortho")[:, kept]


def _fit(
    first: np.ndarray, second: np.ndarray, rows: np.ndarray, others: np.ndarray
) -> np.ndarray:
    """Returns how well pictures fit once they are laid over each other.

    Returns:
        For each pair the correlation, 0 to 1, or 0 where more would have to
        be changed than in a copy.
    """
    starts = range(0, len(rows), _AT_ONCE)
    parts = [slice(start, start + _AT_ONCE) for start in starts]
    return np.concatenate(
        [_lay_over(first[rows[own]], second[others[own]]) for own in parts]
    )


def _lay_over(pictures: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Fits each picture to the other one by shifting and stretching it.

    To first order a shift adds the slope of the picture, and a stretch adds
    the slope times the place. So does a change of contrast the picture itself
    and one of brightness a constant: least squares with six unknowns.
    """
    down, across = np.gradient(pictures, axis=(1, 2))
    # From -1 at one margin to 1 at the other.
    y, x = (2 * np.mgrid[:_SIDE, :_SIDE] + 1) / _SIDE - 1
    changes = [pictures, np.ones_like(pictures), down, across]
    columns = np.stack([*changes, y * down, x * across], axis=-1)
    # Slopes at the margin are known from one side only.
    columns = columns[:, 1:-1, 1:-1].reshape(len(pictures), -1, 6)
    wanted = others[:, 1:-1, 1:-1].reshape(len(pictures), -1, 1)
    across_pairs = np.swapaxes(columns, 1, 2)
    # The tiny number keeps a picture of plain stripes, in which a shift
    # along them changes nothing, from having no solution.
    squares = across_pairs @ columns + 1e-6 * np.eye(6)
    solved = np.linalg.solve(squares, across_pairs @ wanted)
    left = ((wanted - columns @ solved) ** 2).sum(axis=(1, 2))
    whole = wanted.var(axis=(1, 2)) * wanted.shape[1]
    fits = np.sqrt(np.maximum(0, 1 - left / np.maximum(whole, 1e-9)))
    return np.where(_is_little(solved[..., 0]), fits, 0)


def _is_little(solved: np.ndarray) -> np.ndarray:
    """Returns whether no more was changed than in a copy."""
    contrast = solved[:, 0]
    shifts = np.abs(solved[:, 2:]).max(axis=1) / _SIDE
    return (np.abs(contrast - 1) < _CONTRAST) & (shifts < _SHIFT * contrast)
