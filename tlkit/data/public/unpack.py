"""Unpacks archives: photographs to a split folder, IDX files to an `.npz`."""

from __future__ import annotations

import gzip
import itertools
import math
import os
import re
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence, Sized
from pathlib import Path

import numpy as np

from tlkit.base.atomic import atomic_path, sync_files, write_json
from tlkit.base.errors import TlkitError
from tlkit.data.decode import why_not_an_image
from tlkit.data.index import SPLITS, TEST, TRAIN, VALIDATION
from tlkit.data.layout import MARKER
from tlkit.data.public.remote import Progress

#: Numbers of training, validation and test images over all classes.
Sizes = tuple[int, int, int]

_PHOTO_FOLDERS = {"Cat": "cats", "Dog": "dogs"}
# `[0-9]` and not `\d`, which also matches the digits of other scripts.
_PHOTO_NAME = re.compile(r"PetImages/(Cat|Dog)/([0-9]{1,9})\.jpg")
_PHOTO_LIMIT = 32 * 2**20
_JPEG_START = b"\xff\xd8\xff"


class _UnusableError(Exception):
    """Why an archive cannot be used, or a member of it is left out."""


def unpack_photographs(
    archive: Path,
    target: Path,
    wanted: Sizes | None,
    limit: int,
    record: Mapping[str, object],
    report: Progress,
) -> None:
    """Makes a split folder of a zip of `PetImages/Cat` and `PetImages/Dog`.

    The folder is made next to its destination and then renamed, so it is
    never there in part. Its marker holds `record`, the number of images in
    each split as `counts`, and the members that were read but not used, with
    reasons, as `left_out`.

    Args:
        archive: The zip file.
        target: The folder to make, which must not exist.
        wanted: Numbers of photographs to keep, half of each class; None
            keeps all, 80/10/10.
        limit: Largest number of bytes that the photographs may unpack to.
        record: What the folder is made from; it is written to the marker.
        report: Function that is told of the photographs that are kept.

    Raises:
        TlkitError: The file is not a zip, unpacks to more than `limit`, or
            has too few photographs.
    """
    staging = target.with_name(f".{target.name}.partial")
    # Left by a fetch that was killed. No other one can be using it, because
    # the caller holds the lock.
    shutil.rmtree(staging, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as zipped:
            kept, left_out = _unpack(zipped, staging, wanted, limit, report)
        counts = _into_splits(kept, staging, wanted)
        result = {"counts": counts, "left_out": left_out}
        write_json(staging / MARKER, {**record, **result})
        sync_files(staging)
        os.rename(staging, target)
    except (zipfile.BadZipFile, _UnusableError) as error:
        raise TlkitError(
            "This archive cannot be used.", where=archive, received=error
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _unpack(
    zipped: zipfile.ZipFile,
    staging: Path,
    wanted: Sizes | None,
    limit: int,
    report: Progress,
) -> tuple[dict[str, list[Path]], list[str]]:
    """Unpacks the readable photographs of each class in numeric order.

    Returns:
        The files by class, no more than are wanted, and what was left out.
    """
    kept: dict[str, list[Path]] = {}
    left_out: list[str] = []
    needed = sum(wanted) // 2 if wanted else None
    members = _members(zipped)
    _require_enough(members, wanted)
    for name, numbered in members.items():
        kept[name] = []
        (staging / name).mkdir(parents=True)
        readable = _readable(zipped, numbered, left_out)
        for number, photo in itertools.islice(readable, needed):
            limit -= len(photo)
            if limit < 0:
                raise _UnusableError("it unpacks to more bytes than allowed")
            path = staging / name / f"{number}.jpg"
            path.write_bytes(photo)
            kept[name].append(path)
            total = needed or len(numbered)
            report(f"Unpacking {name}", len(kept[name]), total)
    _require_enough(kept, wanted)
    return kept, left_out


def _members(zipped: zipfile.ZipFile) -> dict[str, dict[int, zipfile.ZipInfo]]:
    """Returns the photographs by class and number, in numeric order.

    Nothing else of a member's name is used, so that no name can lead out of
    the folder. A number that occurs twice counts once.
    """
    found: dict[str, dict[int, zipfile.ZipInfo]] = {
        name: {} for name in _PHOTO_FOLDERS.values()
    }
    for member in zipped.infolist():
        if match := _PHOTO_NAME.fullmatch(member.filename):
            name = _PHOTO_FOLDERS[match[1]]
            found[name].setdefault(int(match[2]), member)
    return {
        name: dict(sorted(members.items())) for name, members in found.items()
    }


def _readable(
    zipped: zipfile.ZipFile,
    numbered: Mapping[int, zipfile.ZipInfo],
    left_out: list[str],
) -> Iterator[tuple[int, bytes]]:
    """Yields the numbers and contents of the members that are sound JPEGs.

    The others are appended to `left_out` with the reason.
    """
    for number, member in numbered.items():
        try:
            photo = _read_member(zipped, member)
            # In this archive, a .jpg of another format is an error. Other
            # folders may hold a PNG of that name, which tlkit reads.
            if not photo.startswith(_JPEG_START):
                raise _UnusableError("not a JPEG image")
            if problem := why_not_an_image(photo):
                raise _UnusableError(problem)
        except _UnusableError as error:
            left_out.append(f"{member.filename} ({error})")
        else:
            yield number, photo


def _read_member(zipped: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _UnusableError("unknown compression")
    try:
        with zipped.open(member) as stream:
            # The header may state a wrong size, so the limit is on what is
            # read. One byte more shows that there is more.
            content = stream.read(_PHOTO_LIMIT + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise _UnusableError("damaged in the archive") from error
    if not content:
        raise _UnusableError("empty")
    if len(content) > _PHOTO_LIMIT:
        raise _UnusableError(f"more than {_PHOTO_LIMIT:,} bytes")
    return content


def _require_enough(photos: Mapping[str, Sized], wanted: Sizes | None) -> None:
    """Raises TlkitError if a class has too few photographs for the splits."""
    # With fewer than ten, 80/10/10 would leave a split empty.
    needed = sum(wanted) // 2 if wanted else 10
    fewest = min(len(of_class) for of_class in photos.values())
    if fewest < needed:
        raise TlkitError(
            "There are too few photographs for this split.",
            expected=f"{needed:,} of each class",
            received=", ".join(f"{k} {len(v):,}" for k, v in photos.items()),
            remedy=f"Ask for at most {2 * fewest:,} in all."
            if wanted
            else None,
        )


def _into_splits(
    kept: Mapping[str, Sequence[Path]], staging: Path, wanted: Sizes | None
) -> dict[str, int]:
    """Moves each class's photographs, in their order, into the splits.

    Returns:
        Number of photographs in each split.
    """
    counts = dict.fromkeys(SPLITS, 0)
    for name, photos in kept.items():
        remaining = iter(photos)
        for split, size in _class_sizes(len(photos), wanted).items():
            folder = staging / split / name
            folder.mkdir(parents=True)
            for photo in itertools.islice(remaining, size):
                photo.rename(folder / photo.name)
            counts[split] += size
        (staging / name).rmdir()
    return counts


def _class_sizes(photos: int, wanted: Sizes | None) -> dict[str, int]:
    """Returns how many photographs of one class go to each split."""
    if wanted:
        return {s: n // 2 for s, n in zip(SPLITS, wanted, strict=True)}
    tenth = photos // 10
    return {TRAIN: photos - 2 * tenth, VALIDATION: tenth, TEST: tenth}


def pack_arrays(
    archives: Sequence[Path],
    target: Path,
    class_names: Sequence[str],
    limit: int,
) -> None:
    """Writes four gzipped IDX files as one `.npz` in Keras's form.

    Args:
        archives: The files of training images, training labels, test images
            and test labels, in this order.
        target: The file to write.
        class_names: Names of the labels 0, 1, and so on.
        limit: Largest number of bytes that one of the files may unpack to.

    Raises:
        TlkitError: A file is not an IDX file, or unpacks to more than
            `limit`.
    """
    x_train, y_train, x_test, y_test = (
        _read_idx(archive, limit) for archive in archives
    )
    with atomic_path(target) as partial, open(partial, "wb") as stream:
        np.savez_compressed(
            stream,
            x_train=x_train,
            y_train=y_train,
            x_test=x_test,
            y_test=y_test,
            class_names=np.array(class_names),
        )


def _read_idx(path: Path, limit: int) -> np.ndarray:
    """Reads a gzipped IDX file of unsigned bytes.

    The format is: two zero bytes, the type (8 is unsigned byte), the number
    of dimensions, each dimension as a big-endian 32-bit number, the values.
    """
    try:
        # One byte more than allowed is enough to see that there is more.
        with gzip.open(path) as stream:
            data = stream.read(limit + 1)
        zeros, kind, dimensions = struct.unpack(">HBB", data[:4])
        start = 4 + 4 * dimensions
        shape = struct.unpack(f">{dimensions}I", data[4:start])
    except (gzip.BadGzipFile, EOFError, zlib.error, struct.error) as error:
        raise _no_idx(path, error) from error
    if len(data) > limit:
        raise _no_idx(path, f"more than {limit:,} bytes")
    if (zeros, kind) != (0, 8) or len(data) - start != math.prod(shape):
        raise _no_idx(path, f"{len(data):,} bytes, first {data[:4].hex()}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _no_idx(path: Path, received: object) -> TlkitError:
    return TlkitError(
        "This is not a gzipped IDX file of unsigned bytes.",
        where=path,
        received=received,
    )
