"""Small commands that write, and what they make, for tests of disks.

Each runs in a fork of this process, in a folder of its own, where it finds
what was there before. POSIX only.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
from failing import Failing
from harness import SMALL, damages, facts, forked, is_finished

# Imported before the forks, so that none of them waits for it.
from tlkit.drawn.make import write_sample
from tlkit.store.store import read_manifest, shard_manifests

DATA = {"train": 12, "validation": 6, "test": 6}
SCRATCH = "scratch ../pets --image-size 46 --epochs 3 --run run"
FEATURES = f"features ../pets {' '.join(SMALL)} --epochs 2 --run run"
SWEEP = {
    "network": "lenet",
    "base": {"epochs": 1, "batch_size": 30},
    "axes": {"activation": ["tanh", "relu"]},
}
#: By name: the words of the command, and what is there before it.
CASES = {
    "store verify": ("store verify", ("store",)),
    "store prune": ("store prune --to 0", ("store",)),
    "data make": (
        "data make drawn --train 4 --validation 2 --test 2 --image-size 32",
        (),
    ),
    "explain": ("explain ../START ../pictures --output out", ("sheet",)),
    "study": (
        "study ../sweep.json --data ../arrays.npz --processes 1 --output out",
        (),
    ),
    "resume": ("resume run", ("half",)),
    "features": (FEATURES, ()),
    "scratch": (SCRATCH, ()),
    "finetune": (
        "finetune ../pets --start ../START --epochs 1 --run run",
        (),
    ),
    "head grid": (f"{FEATURES} --head-grid --l2 0 --dropout 0", ()),
}


def prepare():
    """Makes what the commands begin with."""
    write_sample(Path("pets"), DATA, image_size=32)
    write_sample(Path("more"), {"train": 4}, image_size=32, seed=1)
    Path("pictures").symlink_to("more/train/cats")
    Path("sweep.json").write_text(json.dumps(SWEEP))
    arrays()
    for name in ("have-half", "have-store"):
        Path(name).mkdir()
    with inside("have-store"):
        done(FEATURES, "store")
    Path("have-store/run").rename("START")
    done("explain START more/train/dogs --output have-sheet/out", "a-store")
    # A training that the disk has ended in its second epoch.
    half = Failing(
        "have-half", "rename", number=2, lasting=True, name="history.csv"
    )
    with inside("have-half"):
        code, said = done_by(SCRATCH, "../a-store", half.install)
    assert code == 1, said


def arrays():

    random = np.random.default_rng(0)
    images = random.integers(0, 256, (90, 14, 14), np.uint8)
    labels = np.arange(90, dtype=np.uint8) % 3
    np.savez(
        "arrays.npz",
        x_train=images[:60],
        y_train=labels[:60],
        x_test=images[60:],
        y_test=labels[60:],
    )


def done(words, store):
    code, said = done_by(words, store)
    assert code == 0, said


def done_by(words, store, prepare=lambda: None):
    """Runs a command here; returns its exit code and its words."""
    return ended(begin(words, Path.cwd(), Path(store).absolute(), prepare))


def ended(started):
    """Waits for a command; returns its exit code and its words."""
    return started.look(0), started.said


class Whole:
    """A command that nothing disturbs: what it makes, and its calls."""

    def __init__(self, name):
        self.name = name
        with trial(name) as folder:
            told = Path("counts.json").absolute()
            code, said = attempt(name, folder, counting(folder, told))
            assert code == 0, said
            self.counts = Counter(json.loads(told.read_text()))
            self.made = outcome(folder)


def counting(folder, told):
    """Returns what lets a fork count its calls and tell them at its end."""

    def prepare():
        faults = Failing(folder)
        faults.install()
        leave = os._exit

        def tell(code):
            told.write_text(json.dumps(faults.counts))
            leave(code)

        os._exit = tell

    return prepare


@contextlib.contextmanager
def inside(folder):
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def trial(name):
    """Makes a folder in which a command finds what was there before."""
    folder = Path("trial").absolute()
    folder.mkdir()
    for have in CASES[name][1]:
        shutil.copytree(f"have-{have}", folder, dirs_exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def attempt(name, folder, prepare=lambda: None, store="store"):
    """Runs a command in its folder; returns its exit code and its words."""
    return ended(begin(CASES[name][0], folder, store, prepare))


def begin(words, folder, store, prepare=lambda: None, log="trial"):
    """Starts a command in a folder, with a store named from there."""

    def in_fork():
        os.environ["TLKIT_STORE"] = str(store)
        os.chdir(folder)
        prepare()

    return forked(words.split(), Path(f"{log}.log").absolute(), in_fork)


def wrong_end(code, said, answer):
    """Yields what is wrong with how a command has ended.

    Args:
        code: Its exit code.
        said: What it has printed.
        answer: The number of the error that the disk has given.
    """
    if "Traceback" in said or "Exception ignored" in said:
        yield f"a traceback: {said[-2500:]}"
    elif code not in (0, 1):
        yield f"exit code {code}: {said[-700:]}"
    elif said.count("Error:") != code:
        yield f"{said.count('Error:')} errors: {said[-700:]}"
    # A shard that cannot be read is named by `store verify`.
    elif code and os.strerror(answer) not in said and "damaged: " not in said:
        yield f"it does not say why: {said[-700:]}"


def losses(whole, before, folder):
    """Yields which file that was there is lost, and which is not whole."""
    now = files(folder)
    for path, digest in before.items():
        # Each is still what it was, or already what it is to become.
        allowed = digest, whole.made.get(str(folder / path))
        changes = whole.name in ("store prune", "resume")
        if whole.name != "store prune" and path not in now:
            yield f"lost: {path}"
        elif not changes and now[path] not in allowed:
            yield f"changed: {path}"
    for place in ("run", "out"):
        yield from damages(folder / place, folder / "store")


def files(folder):
    """Returns the digests of files; what serves a moment is left out."""
    return {
        str(path.relative_to(folder)): digest_of(path)
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix not in (".lock", ".use")
        and path.name not in ("checkpoint.npz", "trained.json")
    }


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def outcome(folder, store=None):
    """Returns all that must be equal, by name."""
    found = {}
    if (folder / "run").exists():
        found["finished"] = is_finished(folder / "run")
        found |= facts(folder / "run")
        # A picture is left out where it cannot be drawn, which a note says.
        for about in found.values():
            if isinstance(about, dict) and "notes" in about:
                about["notes"] = [
                    x for x in about["notes"] if "could not be drawn" not in x
                ]
    for place in ("out", "drawn"):
        found |= contents(folder / place)
    return found | rows(store or folder / "store")


def contents(folder):
    """Returns the digests of pictures and pages, and the rows of tables."""
    found = {}
    for path in folder.rglob("*"):
        if path.suffix in (".png", ".html") or path.name == "regions.json":
            found[str(path)] = digest_of(path)
        elif path.parent.name == "cells":
            epochs = json.loads(path.read_text())["epochs"]
            found[str(path)] = {**epochs, "seconds": None}
    return found


def rows(store):
    """Returns the digest of every row in a store, by its id."""

    found = {}
    for key in store.glob("*/recipe.json"):
        # They have the seconds that a head took; `heads.csv` has the rest.
        if "scores of heads" in key.read_text():
            continue
        for manifest in shard_manifests(key.parent):
            ids, digest = read_manifest(manifest)
            assert digest
            shard = np.load(manifest.with_suffix(".npy"))
            for name, row in zip(ids, shard, strict=True):
                found["row", key.parent.name, name] = hashlib.sha256(
                    row.tobytes()
                ).hexdigest()
    return found


def different(found, expected):
    names = sorted(map(str, {*found, *expected}))
    found = {str(n): v for n, v in found.items()}
    expected = {str(n): v for n, v in expected.items()}
    return [
        f"{name} differs: {unlike(found.get(name), expected.get(name))}"
        for name in names
        if found.get(name) != expected.get(name)
    ]


def unlike(found, expected):
    """Returns in words in what two values differ."""
    if isinstance(found, dict) and isinstance(expected, dict):
        names = sorted({*found, *expected})
        return {
            name: unlike(found.get(name), expected.get(name))
            for name in names
            if found.get(name) != expected.get(name)
        }
    return f"{str(found)[:200]} instead of {str(expected)[:200]}"
