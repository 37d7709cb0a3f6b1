"""Lets every system call of real commands fail, one after the other.

    python tests/faults/disks.py --every 1 --write docs/reliability.md

Each command runs undisturbed first, and its calls are counted by kind. Then
it runs again, in a fork of this process, once for each call, which fails, by
turns alone or with all later ones of its kind, as a disk that is full stays
full. It must end with one error in words and exit code 1, or do its work all
the same; what was there before must be there as it was; every file must be
whole; and the same command, given again, must end with what an undisturbed
one makes. Linux only.
"""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from failing import ANSWERS, Failing
from harness import (
    SMALL,
    damages,
    ended,
    facts,
    is_finished,
    start,
)

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
    "features": (FEATURES, ()),
    "scratch": (SCRATCH, ()),
    "resume": ("resume run", ("half",)),
    "finetune": (
        "finetune ../pets --start ../START --epochs 1 --run run",
        (),
    ),
    "head grid": (f"{FEATURES} --head-grid --l2 0 --dropout 0", ()),
    "explain": ("explain ../START ../pictures --output out", ("sheet",)),
    "data make": (
        "data make drawn --train 4 --validation 2 --test 2 --image-size 32",
        (),
    ),
    "study": (
        "study ../sweep.json --data ../arrays.npz --processes 1 --output out",
        (),
    ),
    "store prune": ("store prune --to 0", ("store",)),
    "store verify": ("store verify", ("store",)),
}


def main(arguments):
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--every", type=int, default=40)
    asked.add_argument("--cases", help="Names, with semicolons between.")
    asked.add_argument("--kinds", help="Kinds, with commas between.")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--minutes", type=float, default=60)
    asked.add_argument("--write", type=Path)
    asked = asked.parse_args(arguments)
    names = asked.cases.split(";") if asked.cases else [*CASES]
    kinds = asked.kinds.split(",") if asked.kinds else [*ANSWERS]
    with tempfile.TemporaryDirectory() as place, inside(place):
        report = run_trials(names, kinds, asked)
    print(json.dumps(report))
    return bool(report["problems"])


def run_trials(names, kinds, asked):
    """Returns counts by case, and every problem in words."""
    started = time.time()
    prepare()
    report = {"cases": {}, "calls": {}, "problems": []}
    number = asked.seed
    for name in names:
        whole = Whole(name)
        counted = report["cases"].setdefault(name, Counter())
        report["calls"][name] = {k: whole.counts[k] for k in kinds}
        for kind in kinds:
            for call in range(1, whole.counts[kind] + 1):
                number += 1
                if number % asked.every:
                    continue
                if time.time() - started > 60 * asked.minutes:
                    break
                fate, problems = one_trial(whole, kind, call, number % 2 == 0)
                counted[kind] += 1
                counted[fate] += 1
                counted["bad"] += bool(problems)
                told = f"{name}, {kind} {call}"
                for problem in problems:
                    print(told, problem, file=sys.stderr, flush=True)
                report["problems"] += [f"{told}: {x}" for x in problems]
    report["seconds"] = round(time.time() - started)
    return report


def prepare():
    """Makes what the commands begin with."""
    write_sample(Path("pets"), DATA, image_size=32)
    write_sample(Path("more"), {"train": 4}, image_size=32)
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
        code, said = ended(start(SCRATCH.split(), "../a-store", half.install))
    assert code == 1, said


def arrays():
    import numpy as np

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
    code, said = ended(start(words.split(), store))
    assert code == 0, said


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


def attempt(name, folder, prepare=lambda: None):
    """Runs a command in its folder; returns its exit code and its words."""
    words = CASES[name][0].split()
    with inside(folder):
        return ended(start(words, "../trial-store", ready(prepare)))


def ready(prepare):
    def in_fork():
        os.environ["TLKIT_STORE"] = "store"
        prepare()

    return in_fork


def one_trial(whole, kind, call, lasting):
    """Lets one call fail; returns what came of it, and problems in words."""
    with trial(whole.name) as folder:
        before = files(folder)
        faults = Failing(folder, kind, call, lasting)
        code, said = attempt(whole.name, folder, faults.install)
        problems = [*wrong_words(code, said, faults)]
        problems += [*losses(whole.name, before, folder)]
        if code:
            again, told = attempt(whole.name, folder)
            if again:
                problems.append(f"then it could not be done: {told[-700:]}")
        if not problems:
            problems += different(outcome(folder), whole.made)
        return ("error" if code else "done all the same"), problems


def wrong_words(code, said, faults):
    """Yields what is wrong with how a command has ended."""
    if "Traceback" in said or "Exception ignored" in said:
        yield f"a traceback: {said[-2500:]}"
    # What cannot be read may not be known for what it is.
    elif code not in ((0, 1, 2) if faults.kind in ("read", "list") else (0, 1)):
        yield f"exit code {code}: {said[-700:]}"
    elif said.count("Error:") != bool(code):
        yield f"{said.count('Error:')} errors: {said[-700:]}"
    # A shard that cannot be read is named by `store verify`.
    elif (
        code == 1
        and "damaged: " not in said
        and os.strerror(faults.answer) not in said
    ):
        yield f"it does not say why: {said[-700:]}"


def losses(name, before, folder):
    """Yields which file that was there is not, and which is not whole."""
    if name != "store prune":
        now = files(folder)
        yield from (f"lost: {x}" for x in before if x not in now)
    for place in ("run", "out"):
        yield from damages(folder / place, folder / "store")


def files(folder):
    """Returns the files that are there; what serves a moment is left out."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix not in (".lock", ".use")
        and path.name not in ("checkpoint.npz", "trained.json")
    }


def outcome(folder):
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
    return found | rows(folder / "store")


def contents(folder):
    """Returns the digests of pictures and pages, and the rows of tables."""
    found = {}
    for path in folder.rglob("*"):
        if path.suffix in (".png", ".html", ".gif"):
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.parent.name == "cells":
            epochs = json.loads(path.read_text())["epochs"]
            found[str(path)] = {**epochs, "seconds": None}
    return found


def rows(store):
    """Returns the digest of every row in a store, by its id."""
    import numpy as np

    found = {}
    for key in store.glob("*/recipe.json"):
        for manifest in shard_manifests(key.parent):
            ids, digest = read_manifest(manifest)
            assert digest
            shard = np.load(manifest.with_suffix(".npy"))
            for name, row in zip(ids, shard, strict=True):
                found[f"{key.parent.name}/{name}"] = hashlib.sha256(
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
