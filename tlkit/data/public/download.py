"""Fetches public data sets by name: downloaded once, checked, unpacked.

An archive is downloaded to `archives/` inside the data folder and checked
against its recorded sha256 before anything in it is used. It is kept, so that
another split needs no second download. The folder or file made from it
appears under its final name only when it is complete.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tlkit.base.atomic import atomic_path
from tlkit.base.disk import disk_errors
from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.locks import try_lock, wait_for_lock
from tlkit.data.arrays import read_npz
from tlkit.data.layout import MARKER
from tlkit.data.public.catalogue import PUBLIC as PUBLIC
from tlkit.data.public.catalogue import PublicDataset as PublicDataset
from tlkit.data.public.catalogue import RemoteFile as RemoteFile
from tlkit.data.public.catalogue import public_dataset
from tlkit.data.public.remote import Progress, obtain, reporting
from tlkit.data.public.unpack import Sizes, pack_arrays, unpack_photographs

_REMEDY = (
    "Free some space, or name another folder in the environment variable "
    "TLKIT_DATA, then run the same command again; what was downloaded is kept."
)


@dataclasses.dataclass(frozen=True)
class Fetched(os.PathLike[str]):
    """What `fetch` made or found; it can be used wherever a path can.

    Args:
        path: The folder or `.npz` file.
        counts: Number of images in each split.
        left_out: Members of the archive that were read but not used, each
            with the reason.
    """

    path: Path
    counts: Mapping[str, int]
    left_out: tuple[str, ...] = ()

    def __fspath__(self) -> str:
        return str(self.path)

    def summary(self, names: int = 5) -> str:
        """Says in a few lines what there is and what was left out.

        Args:
            names: Number of left-out members to list at most.

        Example:
            >>> found = Fetched(Path("pets"), {"train": 2000, "test": 1000})
            >>> print(found.summary())
            pets: train 2,000, test 1,000 images
        """
        counts = ", ".join(f"{k} {v:,}" for k, v in self.counts.items())
        lines = [f"{self.path}: {counts} images"]
        if self.left_out:
            lines.append(f"left out, {len(self.left_out):,} in all:")
            lines += [f"  {member}" for member in self.left_out[:names]]
        if len(self.left_out) > names:
            lines.append(f"  and {len(self.left_out) - names:,} more")
        return "\n".join(lines)


def data_home() -> Path:
    """Returns the folder for public data sets.

    Returns:
        The folder that the environment variable TLKIT_DATA names, else
        `data` in the working directory.
    """
    return Path(os.environ.get("TLKIT_DATA") or "data").expanduser()


def local_path(name: str) -> Path:
    """Returns where a public data set is, or will be once it is fetched.

    Args:
        name: A name in `PUBLIC`.

    Raises:
        UsageError: No public data set has that name.
    """
    return data_home() / public_dataset(name).target


def fetch(
    name: str,
    subset: str | None = None,
    progress: Progress | None = None,
    base_url: str | None = None,
) -> Fetched:
    """Downloads a public data set and makes it ready, unless it is there.

    An interrupted download continues where it stopped. A file that was put
    into `archives/` by hand is used without a network. Two processes may
    fetch the same data set at the same time: one works, the other waits.

    Args:
        name: A name in `PUBLIC`.
        subset: For photographs, the numbers to keep as
            `"train/validation/test"`, counted over both classes:
            `"2000/1000/1000"` takes each class's first 1,000 readable
            photographs in numeric order for training, the next 500 for
            validation and the next 500 for the test. None keeps all of them,
            80/10/10 in numeric order.
        progress: Function that is called with (what, done, total). None
            draws bars in a terminal and prints plain lines elsewhere, both
            to stderr.
        base_url: Address of a folder on a mirror that has the same files.
            None downloads from the original server.

    Returns:
        The folder or file, with what is in it and what was left out.

    Raises:
        UsageError: The name, the form of `subset` or of `base_url` is wrong,
            or something else is already at the destination.
        TlkitError: The download failed, a file is not the expected one, the
            disk is full, or there are too few photographs for `subset`. The
            message says how to place the file by hand.

    Example:
        fetched = tlkit.fetch("cats-vs-dogs", subset="2000/1000/1000")
        data = tlkit.load_dataset(fetched)
    """
    dataset = public_dataset(name)
    if base_url is not None:
        dataset = dataset.mirrored(base_url)
    return fetch_dataset(dataset, data_home(), subset, progress)


def fetch_dataset(
    dataset: PublicDataset,
    home: str | os.PathLike[str],
    subset: str | None = None,
    progress: Progress | None = None,
    timeout: float = 30.0,
) -> Fetched:
    """Does what `fetch` does for a data set described by the caller.

    Args:
        dataset: What to download and what to make of it.
        home: The folder to work in; archives go to `archives/` inside it.
        subset: Numbers of photographs to keep; see `fetch`.
        progress: Function that is told of the progress; see `fetch`.
        timeout: Seconds to wait for an answer of the server before giving
            up.

    Returns:
        The folder or file, with what is in it and what was left out.

    Raises:
        UsageError: As for `fetch`.
        TlkitError: As for `fetch`.
    """
    wanted = _subset_for(dataset, subset)
    target = Path(home).expanduser().absolute() / dataset.target
    # `lexists`, because a broken link is in the way as well.
    if not os.path.lexists(target):
        folder = target.parent / "archives"
        with (
            reporting(progress) as report,
            disk_errors("Cannot work in the data folder", None, _REMEDY),
            _locked(folder, dataset.name, report),
        ):
            # Another process may have made it while this one waited.
            if not os.path.lexists(target):
                archives = [
                    obtain(file, folder, report, timeout)
                    for file in dataset.files
                ]
                _build(dataset, archives, target, wanted, report)
    return _existing(dataset, target, wanted)


def parse_subset(text: str) -> Sizes:
    """Reads the sizes of a subset, written `"train/validation/test"`.

    Args:
        text: Three positive numbers. They are even, because half of the
            photographs are of each class.

    Raises:
        UsageError: The text is anything else.

    Example:
        >>> parse_subset("2000/1000/1000")
        (2000, 1000, 1000)
    """
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})/([0-9]{1,9})", text)
    train, validation, test = map(int, found.groups()) if found else (0, 0, 0)
    if any(n < 1 or n % 2 for n in (train, validation, test)):
        raise UsageError(
            "The subset cannot be read.",
            expected="three positive even numbers, such as 2000/1000/1000",
            received=repr(text),
        )
    return train, validation, test


def _subset_for(dataset: PublicDataset, subset: str | None) -> Sizes | None:
    if subset is not None and dataset.form != "photographs":
        raise UsageError(
            f"{dataset.name} has training and test splits of its own.",
            received=f"subset {subset}",
            remedy="Leave the subset out.",
        )
    return None if subset is None else parse_subset(subset)


def _build(
    dataset: PublicDataset,
    archives: Sequence[Path],
    target: Path,
    wanted: Sizes | None,
    report: Progress,
) -> None:
    limit = dataset.unpacked_limit
    if dataset.form == "photographs":
        record = _identity(dataset, wanted)
        unpack_photographs(archives[0], target, wanted, limit, record, report)
    elif dataset.form == "idx":
        pack_arrays(archives, target, dataset.class_names, limit)
    else:
        with atomic_path(target) as partial:
            shutil.copyfile(archives[0], partial)


def _identity(dataset: PublicDataset, wanted: Sizes | None) -> dict[str, Any]:
    """Returns all that determines a folder made from photographs."""
    return {
        "name": dataset.name,
        "subset": None if wanted is None else "/".join(map(str, wanted)),
        "sha256": [file.sha256 for file in dataset.files],
    }


def _existing(
    dataset: PublicDataset, target: Path, wanted: Sizes | None
) -> Fetched:
    """Accepts what is at the destination if it is what was asked for.

    Anything else may be the user's own and is never replaced.
    """
    if dataset.form != "photographs":
        return _existing_arrays(target)
    asked = _identity(dataset, wanted)
    try:
        record = json.loads((target / MARKER).read_text(encoding="utf-8"))
        found = {key: record[key] for key in asked}
        fetched = Fetched(target, record["counts"], tuple(record["left_out"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise _occupied(target, "something not made by this command") from None
    if found != asked:
        subset = found["subset"] or "all photographs"
        raise _occupied(target, f"{found['name']}, subset: {subset}")
    return fetched


def _existing_arrays(target: Path) -> Fetched:
    # A single file has no marker, so its content has to show what it is.
    try:
        splits = read_npz(target).splits
    except TlkitError as error:
        raise _occupied(target, str(error)) from error
    counts = {name: len(split.labels) for name, split in splits.items()}
    return Fetched(target, counts)


def _occupied(target: Path, received: str) -> UsageError:
    return UsageError(
        "There is something else at the destination.",
        where=target,
        received=received,
        remedy="Move or rename it, or name another folder in the environment "
        "variable TLKIT_DATA, then run the same command again.",
    )


@contextlib.contextmanager
def _locked(folder: Path, name: str, report: Progress) -> Iterator[None]:
    """Lets only one process at a time fetch a data set."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.lock"
    waiting = f"Waiting for another fetch of {name}"
    lock = try_lock(path)
    if lock is None:
        report(waiting, 0, 1)
        lock = wait_for_lock(path)
        report(waiting, 1, 1)
    try:
        yield
    finally:
        lock.release()
