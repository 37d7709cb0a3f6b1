"""Kills real trainings at random moments, and looks whether anything is lost.

    python tests/faults/harness.py --kills 200 --write docs/reliability.md

Each trial is a command of its own, in a fork of this process, which has only
imported TensorFlow, so that a trial takes no seconds of imports. It is killed
at a random moment, up to three times, and the same command is given again
until it ends. Of several hosts one is killed, and the others must end by
themselves. After every kill each file that is there must be whole; at the end
weights, history and figures must be those of a command that nobody has killed.
POSIX only.
"""

import argparse
import csv
import hashlib
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import numpy as np
import tensorflow as tf

sys.path.insert(0, str(Path(__file__).parents[1]))

from hosts_here import described, free_addresses

import tlkit
import tlkit.cli
import tlkit.search.bases
import tlkit.ways.train
from tlkit.drawn.make import write_sample
from tlkit.runs.run import is_run
from tlkit.store.housekeeping import verify_store
from tlkit.tensor.strategy import describe_devices
from tlkit.training.checkpoint import read_state

MOST_KILLS = 3
SIGNALS = {
    signal.SIGKILL: "SIGKILL",
    signal.SIGTERM: "SIGTERM",
    signal.SIGINT: "SIGINT",
}
#: What a command says where it goes on, by the column of the page.
WAYS_ON = {
    "after a step": r"goes on after epoch \d+ of \d+, step",
    "after an epoch": r"goes on after epoch \d+ of \d+$",
    "trained already": "is judged now",
    "anew": "begins anew",
    "cells": r"of which [1-9]\d* are kept",
}
WAITING = "waiting for the others"
ENDS = {signal.SIGTERM: 143, signal.SIGINT: 130}
BASE = ["--base", "minivgg", "--image-size", "32", "--pooling", "average"]
SMALL = [*BASE, "--units", "8"]
#: What is different each time: what it cost.
COSTS = (
    "seconds_training",
    "images_through_base",
    "seconds",
    "images_per_second",
)
#: Seconds within which a host ends when another one is gone.
MOST_SECONDS = 90
#: Seconds after which one that has met no other is told not to wait.
WAITS = 20


@dataclass(frozen=True)
class Case:
    """A command that is killed.

    Args:
        words: The verb, its data and its options. START is a finished run,
            and RUN the folder of the trial.
        devices: Number of logical CPU devices that it has.
        hosts: Number of processes that do it together.
    """

    words: tuple[str, ...]
    devices: int = 1
    hosts: int = 1


def training(verb, *options, devices=1, hosts=1):
    return Case((verb, "pets", *options, "--run", "RUN"), devices, hosts)


CONVNET = ("--image-size", "48", "--epochs", "8")
TWO = ("--devices", "2")
CASES = {
    "scratch": training("scratch", *CONVNET),
    "scratch, augmented": training(
        *("scratch", *CONVNET, "--augment", "book", "--schedule", "cosine"),
    ),
    "features": training(
        *("features", *SMALL, "--epochs", "20", "--batch-size", "16"),
    ),
    "augmented": training("augmented", *SMALL, "--epochs", "8", "--views", "2"),
    "augmented, end to end": training(
        *("augmented", *SMALL, "--epochs", "6", "--views", "0"),
    ),
    "finetune": training("finetune", "--start", "START", "--epochs", "6"),
    "head grid": training(
        *("features", *SMALL, "--head-grid", "--l2", "0", "--epochs", "3"),
    ),
    "comparison": training(
        *("features", "--base", "minivgg,minivgg", "--weights", "tlkit,none"),
        *("--epochs", "3", *SMALL[2:]),
    ),
    "study": Case(
        (
            *("study", "sweep.json", "--data", "drawn.npz"),
            *("--processes", "1", "--output", "RUN"),
        )
    ),
    "scratch, two devices": training(
        *("scratch", *CONVNET, "--batch-size", "7", *TWO), devices=2
    ),
    "augmented, two devices": training(
        *("augmented", *SMALL, "--epochs", "8", "--batch-size", "7", *TWO),
        devices=2,
    ),
    "scratch, two hosts": training(
        *("scratch", *CONVNET, "--augment", "book"), hosts=2
    ),
    "features, two hosts": training(
        *("features", *SMALL, "--epochs", "20", "--batch-size", "7"), hosts=2
    ),
}


def main(arguments):
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--kills", type=int, default=10)
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--minutes", type=float, default=60)
    asked.add_argument("--cases", help="Names, with semicolons between.")
    asked.add_argument("--processes", type=int, default=1)
    asked.add_argument("--write", type=Path)
    asked = asked.parse_args(arguments)
    if asked.processes > 1:
        report = side_by_side(asked)
    else:
        names = asked.cases.split(";") if asked.cases else list(CASES)
        until = time.time() + 60 * asked.minutes
        with tempfile.TemporaryDirectory() as place:
            os.chdir(place)
            report = run_trials(names, asked.kills, asked.seed, until)
    if asked.write:
        write_part(asked.write, part(report, asked.seed))
    print(json.dumps(report))
    return bool(report["problems"])


def side_by_side(asked):
    """Runs several of these, each with its own seed, and adds them up."""
    command = [sys.executable, __file__, "--minutes", str(asked.minutes)]
    command += ["--kills", str(-(-asked.kills // asked.processes))]
    command += ["--cases", asked.cases or ";".join(CASES)]
    started = [
        subprocess.Popen(
            [*command, "--seed", str(asked.seed + number)],
            stdout=subprocess.PIPE,
        )
        for number in range(asked.processes)
    ]
    whole = {"cases": {}, "problems": [], "seconds": 0}
    for one in started:
        report = json.loads(one.communicate()[0].splitlines()[-1])
        for name, counts in report["cases"].items():
            whole["cases"].setdefault(name, Counter()).update(counts)
        whole["problems"] += report["problems"]
        whole["seconds"] = max(whole["seconds"], report["seconds"])
    return whole


def run_trials(names, kills, seed, until):
    """Returns counts by case, and every problem in words."""
    chance = random.Random(seed)
    make_data()
    ended(start(CASES["augmented"], "START", "start-store"))
    report = {"cases": {}, "problems": [], "seconds": time.time()}
    wholes = {}
    done = trials = 0
    while done < kills and time.time() < until:
        name = names[trials % len(names)]
        if name not in wholes:
            wholes[name] = Whole(name)
        killed, problems = one_trial(wholes[name], trials, chance)
        counted = report["cases"].setdefault(name, Counter())
        counted.update(killed)
        counted["trials"] += 1
        counted["equal"] += not problems
        report["problems"] += [f"{name}, trial {trials}: {x}" for x in problems]
        done += kills_in(killed)
        trials += 1
    report["seconds"] = round(time.time() - report["seconds"])
    report["cases"] = {n: dict(c) for n, c in report["cases"].items()}
    return report


def make_data():
    """Draws images in folders, and arrays with a sweep over small networks."""
    counts = {"train": 40, "validation": 20, "test": 12}
    write_sample(Path("pets"), counts, image_size=48)
    numbers = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 300), ("test", 60)):
        arrays[f"x_{split}"] = numbers.integers(
            0, 256, (count, 14, 14, 1), np.uint8
        )
        arrays[f"y_{split}"] = np.arange(count, dtype=np.uint8) % 3
    np.savez("drawn.npz", **arrays)
    sweep = {
        "network": "lenet",
        "base": {"epochs": 8, "kernel_size": 3},
        "axes": {"batch_size": [16, 32, 64], "activation": ["tanh", "relu"]},
    }
    Path("sweep.json").write_text(json.dumps(sweep))


def kills_in(counts):
    return sum(counts.get(name, 0) for name in SIGNALS.values())


class Whole:
    """A command that nobody kills: its facts, and how long it takes."""

    def __init__(self, name):
        self.case = CASES[name]
        slug = f"whole-{list(CASES).index(name)}"
        started = time.time()
        for code, said in ended(start(self.case, slug, f"{slug}-st")):
            assert code == 0, said
        self.seconds = time.time() - started
        self.facts = facts(Path(slug))


def one_trial(whole, trial, chance):
    """Kills a command up to three times, and lets it end."""
    folder, store = Path(f"run-{trial}"), f"store-{trial}"
    killed, problems = Counter(), []
    for _ in range(chance.randint(1, MOST_KILLS)):
        number = chance.choice(list(SIGNALS))
        moment = chance.uniform(0, whole.seconds)
        which = chance.randrange(whole.case.hosts)
        started = start(whole.case, folder, store)
        if not killed_after(started, which, number, moment):
            killed.update(way_on(ended(started)))
            break  # it had ended before
        killed[SIGNALS[number]] += 1
        problems += outlasting(started, which)
        ends = ended(started)
        killed.update(way_on(ends))
        problems += wrong_ends(which, number, ends)
        problems += damages(folder, store)
    if not is_finished(folder):
        ends = ended(start(whole.case, folder, store))
        killed.update(way_on(ends))
        if any(code for code, _ in ends):
            problems.append(f"did not go on: {in_short(ends)}")
            return killed, problems
    problems += differing(facts(folder), whole.facts)
    problems += [
        f"left over: {path}"
        for path in folder.rglob("*")
        if path.name.startswith(".partial")
    ]
    shutil.rmtree(folder)
    shutil.rmtree(store, ignore_errors=True)
    return killed, problems


class Started:
    """A process of a command, and its log.

    Attributes:
        code: Its exit code; None while it runs.
    """

    def __init__(self, child, log):
        self.child, self.log, self.code = child, log, None

    def look(self, options=os.WNOHANG):
        """Returns the exit code, if there is one."""
        if self.code is None:
            child, status = os.waitpid(self.child, options)
            if child:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code

    @property
    def said(self):
        # The log may not be there yet.
        return self.log.read_text() if self.log.exists() else ""


def start(case, folder, store):
    """Starts a command in a fork for each host."""
    addresses = free_addresses(case.hosts)
    return [
        start_host(case, folder, store, addresses, number)
        for number in range(case.hosts)
    ]


def start_host(case, folder, store, addresses, number):
    words = [str(folder) if word == "RUN" else word for word in case.words]

    def prepare():
        os.environ["TLKIT_STORE"] = str(Path(store).absolute())
        take_place(case, addresses, number)

    return forked(words, Path(f"{store}-{number}.log"), prepare)


def forked(words, log, prepare):
    """Starts a command in a fork of this process.

    Args:
        words: The verb and what follows it.
        log: File for what it prints.
        prepare: Function that is called in the fork, before the command.
    """
    log.unlink(missing_ok=True)
    child = os.fork()
    if child:
        return Started(child, log)
    code = 1
    try:
        for signum, handler in (
            (signal.SIGINT, signal.default_int_handler),
            (signal.SIGTERM, signal.SIG_DFL),
        ):
            signal.signal(signum, handler)
        written = os.open(log, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        os.dup2(written, 1)
        os.dup2(written, 2)
        sys.argv = ["tlkit", *words]
        prepare()
        tlkit.cli.main()
    except SystemExit as end:
        code = end.code or 0
    except KeyboardInterrupt:
        code = 130  # it came before the command listened
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def take_place(case, addresses, number):
    """Makes this process one of the hosts, with its logical devices."""
    if case.devices > 1:
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * case.devices,
        )
    if case.hosts > 1:
        os.environ |= described(addresses, number)


def ended(started):
    """Waits for a command; returns exit code and words of each process."""
    return [(one.look(0), one.said) for one in started]


def killed_after(started, which, number, seconds):
    """Sends a signal to one; returns whether it was still there."""
    one = started[which]
    until = time.time() + seconds
    while time.time() < until:
        if one.look() is not None:
            return False
        time.sleep(0.005)
    if one.look() is not None:
        return False
    os.kill(one.child, number)
    one.look(0)
    return True


def outlasting(started, which):
    """Yields the hosts that do not end when one is gone, and ends them."""
    until = time.time() + MOST_SECONDS
    for number, one in enumerate(started):
        wait_for(one, until - MOST_SECONDS + WAITS)
        # One that waits for the others to come would wait for long, and
        # rightly so: they may be started later.
        if one.look() is None and one.said.rstrip().endswith(WAITING):
            os.kill(one.child, signal.SIGTERM)
        wait_for(one, until)
        if one.look() is None:
            os.kill(one.child, signal.SIGKILL)
            yield f"host {number} goes on without {which}: {one.said[-500:]}"


def wait_for(one, until):
    while one.look() is None and time.time() < until:
        time.sleep(0.1)


def way_on(ends):
    """Counts where a command has gone on, by what its first process says."""
    _, said = ends[0]
    return {
        column: len(re.findall(words, said, re.MULTILINE))
        for column, words in WAYS_ON.items()
    }


def wrong_ends(which, number, ends):
    """Yields what is wrong with the ends after one got a signal."""
    for host, (code, said) in enumerate(ends):
        if "Traceback" in said:
            yield f"{SIGNALS[number]} gave a traceback: {said[-1500:]}"
        if host == which:
            right = code in right_ends(number)
        else:
            # They end together, or this one says that the other is gone. It
            # may also have done everything, or waited for the other.
            right = code in (*right_ends(number), *right_ends(signal.SIGTERM))
            right = right or (code == 1 and said.count("Error:") == 1)
        if not right:
            yield f"{SIGNALS[number]} to {which} of {in_short(ends)}"


def right_ends(number):
    """Returns the exit codes that a signal may give."""
    if number == signal.SIGKILL:
        return (-number, 0)
    # By the signal itself where the command did not listen yet; 0 where it
    # had just done everything.
    return (ENDS[number], -number, 0)


def in_short(ends):
    return "; ".join(f"exit code {code}, {said[-500:]}" for code, said in ends)


def damages(folder, store):
    """Yields every file that is not whole."""
    for path in folder.rglob("*"):
        if path.name.startswith(".partial") or not path.is_file():
            continue
        try:
            read_whole(path)
        except Exception as error:
            yield f"damaged: {path}: {error}"
    os.environ["TLKIT_STORE"] = str(Path(store).absolute())
    for path in verify_store()[1]:
        yield f"damaged: {path}"


def read_whole(path):
    """Raises an error unless a file of a run is whole."""
    if path.suffix == ".json":
        json.loads(path.read_text())
    elif path.suffix == ".keras":
        weights_of(path)
    elif path.suffix == ".csv":
        rows = list(csv.reader(path.open()))
        assert {len(row) for row in rows} == {len(rows[0])}
    elif path.suffix == ".npz":
        assert read_state(path) is not None
    elif path.suffix == ".png":
        assert path.read_bytes().endswith(b"IEND\xaeB`\x82")


def is_finished(folder):
    """Returns whether the same command would be refused."""
    runs = runs_in(folder)
    expected = 2 if (folder / "minivgg").exists() else 1
    return len(runs) == expected and all(r.state == "finished" for r in runs)


def runs_in(folder):
    """Returns the run, or those of the bases that were compared."""
    run = tlkit.Run(folder)
    return [run] if is_run(run) else tlkit.find_runs(folder)


def facts(folder):
    """Returns all that must be equal, by the name of the file."""
    found = {}
    for run in sorted(runs_in(folder), key=lambda run: run.path):
        name = str(run.path.relative_to(folder))
        metrics = json.loads((run.path / "metrics.json").read_text())
        for cost in COSTS:
            metrics["training"].pop(cost, None)
        found[name, "weights"] = weights_of(run.model_path)
        found[name, "metrics"] = metrics
        for table in ("history.csv", "heads.csv"):
            found[name, table] = rows_of(run.path / table)
    for path in [*folder.glob("cells/*.json"), *folder.glob("results.csv")]:
        found[path.name] = without_costs(path)
    return found


def without_costs(path):
    """Returns what a study has found."""
    if path.suffix == ".csv":
        return rows_of(path)
    found = json.loads(path.read_text())
    return {n: v for n, v in found.items() if n not in COSTS}


def weights_of(path):
    """Returns the SHA-256 of the weights in a `.keras` file."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        weights = io.BytesIO(archive.read("model.weights.h5"))
    digest = hashlib.sha256()

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            digest.update(f"{name}{item.dtype}{item.shape}".encode())
            digest.update(np.asarray(item).tobytes())

    with h5py.File(weights) as file:
        file.visititems(add)
    return digest.hexdigest()


def rows_of(path):
    if not path.exists():
        return None
    with path.open() as file:
        return [
            {n: v for n, v in row.items() if n not in COSTS}
            for row in csv.DictReader(file)
        ]


def differing(found, expected):
    names = {*found, *expected}
    return [
        f"{name} differs: {found.get(name)} instead of {expected.get(name)}"
        for name in sorted(names, key=str)
        if found.get(name) != expected.get(name)
    ]


BEGIN, END = "<!-- written by make faults -->", "<!-- up to here -->"


def write_part(path, text, mark=BEGIN):
    """Replaces what stands between a mark of a page and the next `END`."""
    page = path.read_text(encoding="utf-8")
    before, begin, rest = page.partition(mark)
    _, end, after = rest.partition(END)
    assert end, f"{path} has no {mark} before {END}"
    whole = "".join([before, begin, text, end, after])
    path.write_text(whole, encoding="utf-8")


def part(report, seed):
    """Returns the part of the page that has the figures."""
    cases = report["cases"]
    columns = [*SIGNALS.values(), *WAYS_ON, "trials", "equal"]
    rows = [
        f"| {name} | {' | '.join(str(own.get(c, 0)) for c in columns)} |"
        for name, own in cases.items()
    ]
    killed = sum(map(kills_in, cases.values()))
    problems = report["problems"]
    return PART.format(
        killed=killed,
        rows="\n".join(rows),
        problems="\n".join(f"- {x}" for x in problems) or "None.",
        seed=seed,
        minutes=round(report["seconds"] / 60),
        machine=f"{describe_devices()['processor']}, {os.cpu_count()} cores",
    )


PART = """
{killed} kills; a trial has up to three. Seeds from {seed} on, {minutes} \
minutes, {machine}.

| command | SIGKILL | SIGTERM | SIGINT | went on after a step | after an \
epoch | trained already, judged | began anew | with finished cells | trials \
| equal to the bit |
|---|---|---|---|---|---|---|---|---|---|---|
{rows}

Damaged, lost or different: {problems}
"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
