"""Real disks that are full or only read, and stores that several share."""

import contextlib
import errno
import os
import random
import resource
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

from commands import (
    FEATURES,
    Whole,
    attempt,
    begin,
    different,
    ended,
    losses,
    outcome,
    trial,
    wrong_end,
)
from harness import damages

#: Kilobytes that are free on a disk of two megabytes.
FREE = (0, 8, 60, 300, 900, 2000)
#: Bytes that a file may have.
LARGEST = (3_000, 30_000, 150_000, 600_000)
ROUNDS = 4


def run(report, rounds=ROUNDS):
    """Returns counts by what was tried; problems are added to a report."""
    whole = Whole("features")
    counts = {}

    def count(name, trials):
        own = counts.setdefault(name, Counter())
        for fate, problems in trials:
            own["trials"] += 1
            own[fate] += 1
            report["problems"] += [f"{name}: {x}" for x in problems]

    if can_mount():
        count("full disk of the run", (full(whole, x, False) for x in FREE))
        count("full disk of the store", (full(whole, x, True) for x in FREE))
        count("store that can only be read", only_read(whole))
    count("file that may not grow", (limited(whole, x) for x in LARGEST))
    count("store shared by four processes", shared(whole, rounds))
    return {name: dict(own) for name, own in counts.items()}


def can_mount():
    Path("mount").mkdir(exist_ok=True)
    try:
        with mounted("mount", "-t", "tmpfs", "tmpfs"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextlib.contextmanager
def mounted(place, *options):
    command = ["mount", *options, str(place)]
    subprocess.run(command, check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def full(whole, free, of_store):
    """Runs a training on a disk of two megabytes that is nearly full."""
    with trial("features") as folder:
        disk = folder / "store" if of_store else folder
        disk.mkdir(exist_ok=True)
        store = folder / "store" if of_store else Path("outside").absolute()
        with mounted(disk, "-t", "tmpfs", "-o", "size=2m", "tmpfs"):
            (disk / "filler").write_bytes(bytes(2**21 - 1024 * free))
            code, said = attempt("features", folder, store=store)
            problems = [*wrong_end(code, said, errno.ENOSPC)]
            problems += damages(folder / "run", store)
            (disk / "filler").unlink()
            again = ["mount", "-o", "remount,size=64m", str(disk)]
            subprocess.run(again, check=True)
            problems += ends_alike(whole, folder, store)
        shutil.rmtree("outside", ignore_errors=True)
    return fate_of(code), problems


def ends_alike(whole, folder, store):
    """Yields what is wrong with the same command, given again."""
    if not (folder / "run" / "metrics.json").exists():
        code, said = attempt("features", folder, store=store)
        if code:
            yield f"then it could not be done: {said[-700:]}"
            return
    yield from different(outcome(folder, store), whole.made)


def fate_of(code):
    return "error" if code else "done all the same"


def only_read(whole):
    """Yields what comes of a store that has all rows, some, and none."""
    for kept in (1, 0.5, 0):
        with trial("store verify") as folder:
            manifests = sorted(folder.glob("store/*/????????????????.json"))
            for path in manifests[round(kept * len(manifests)) :]:
                path.unlink()
            store = folder / "store"
            with mounted(store, "--bind", str(store)):
                read = ["mount", "-o", "remount,bind,ro", str(store)]
                subprocess.run(read, check=True)
                code, said = attempt("features", folder)
            problems = [*wrong_end(code, said, errno.EROFS)]
            if code == (kept == 1):
                problems.append(f"exit code {code} with {kept} of the rows")
            problems += ends_alike(whole, folder, store)
        yield fate_of(code), problems


def limited(whole, size):
    """Runs a training whose files may not be larger than some size."""
    with trial("features") as folder:
        limits = resource.RLIMIT_FSIZE, (size, size)
        code, said = attempt(
            "features", folder, lambda: resource.setrlimit(*limits)
        )
        problems = [*wrong_end(code, said, errno.EFBIG)]
        problems += losses(whole, {}, folder)
        problems += ends_alike(whole, folder, folder / "store")
    return fate_of(code), problems


def shared(whole, rounds):
    """Yields what comes of trainings that share a store.

    They work in different folders and name the store in different ways: by a
    relative path, by a link, and by its whole path. Two have the same images;
    the third has some more. One of the first two is killed at some moment.
    Meanwhile the store is emptied over and over again.
    """
    more = with_more_images()
    expected = [without_rows(whole.made), alone(more)]
    chance = random.Random(0)
    for number in range(rounds):
        place = Path(f"shared-{number}").absolute()
        folders, running = begin_three(place, more)
        said = emptied_meanwhile(place / "store", running, chance)
        problems = [x for x in said if "Traceback" in x or "Error:" in x]
        for folder, facts in zip(folders, expected, strict=False):
            problems += different(outcome(folder, place / "none"), facts)
        problems += damages(place / "none", place / "store")
        shutil.rmtree(place)
        yield "done all the same", problems


def with_more_images():
    shutil.copytree("pets", "more-pets")
    for path in Path("more/train/cats").iterdir():
        shutil.copy(path, f"more-pets/train/cats/more-{path.name}")
    return Path("more-pets").absolute()


def alone(data):
    """Returns what a training makes of other images, undisturbed."""
    folder = Path("alone").absolute()
    folder.mkdir()
    words = FEATURES.replace("../pets", str(data))
    code, said = ended(begin(words, folder, "store"))
    assert code == 0, said
    return outcome(folder, folder / "none")


def without_rows(made):
    return {name: value for name, value in made.items() if name[0] != "row"}


def begin_three(place, more):
    """Starts the trainings; returns their folders, and what `begin` does."""
    folders = [place / name for name in ("here", "there", "elsewhere")]
    for folder in folders:
        folder.mkdir(parents=True)
    (place / "store").mkdir()
    (folders[1] / "link").symlink_to(place / "store")
    stores = "../store", "link", place / "store"
    images = [Path("pets").absolute(), more, Path("pets").absolute()]
    return folders, [
        begin(
            FEATURES.replace("../pets", str(images[x])),
            folders[x],
            stores[x],
            log=f"shared-{x}",
        )
        for x in range(3)
    ]


def emptied_meanwhile(store, running, chance):
    """Kills the last and empties the store until the others have ended.

    Returns:
        What all have said but the one that was killed.
    """
    moment = time.time() + chance.uniform(0, 8)
    *others, victim = running
    said = []
    while any(one.look() is None for one in running):
        if victim.look() is None and time.time() > moment:
            os.kill(victim.child, signal.SIGKILL)
            victim.look(0)
        words = "store prune --to 0"
        said.append(ended(begin(words, Path.cwd(), store, log="prune"))[1])
        time.sleep(chance.uniform(0, 0.3))
    return said + [one.said for one in others]
