"""Kills real trainings at random moments, and looks whether anything is lost.

    python tests/faults/harness.py --kills 200 --write docs/reliability.md

Each trial is a command of its own, in a fork of this process, which has only
imported TensorFlow, so that a trial takes no seconds of imports. It is killed
at a random moment, up to three times, and the same command is given again
until it ends. After every kill each file that is there must be whole; at the
end weights, history and figures must be those of a command that nobody has
killed. POSIX only.
"""

import argparse
import csv
import hashlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import numpy as np

import tlkit
import tlkit.cli
import tlkit.search.bases
import tlkit.ways.train
from tlkit.drawn.make import write_sample
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
    "after an epoch": "goes on after epoch",
    "trained already": "is judged now",
    "anew": "begins anew",
}
ENDS = {signal.SIGTERM: 143, signal.SIGINT: 130}
BASE = ["--base", "minivgg", "--image-size", "32", "--pooling", "average"]
SMALL = [*BASE, "--units", "8"]
#: What is different each time: what it cost.
COSTS = ("seconds_training", "images_through_base")
#: By name: the verb and its options. `START` is a finished run.
CASES = {
    "scratch": ["scratch", "--image-size", "48", "--epochs", "8"],
    "scratch, augmented": [
        *("scratch", "--image-size", "48", "--epochs", "8"),
        *("--augment", "book", "--schedule", "cosine"),
    ],
    "features": ["features", *SMALL, "--epochs", "20", "--batch-size", "16"],
    "augmented": ["augmented", *SMALL, "--epochs", "8", "--views", "2"],
    "augmented, end to end": [
        *("augmented", *SMALL, "--epochs", "6", "--views", "0"),
    ],
    "finetune": ["finetune", "--start", "START", "--epochs", "6"],
    "head grid": [
        *("features", *SMALL, "--head-grid", "--l2", "0", "--epochs", "3"),
    ],
    "comparison": [
        *("features", "--base", "minivgg,minivgg", "--weights", "tlkit,none"),
        *("--epochs", "3", *SMALL[2:]),
    ],
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
        write_part(asked.write, page(report, asked.seed))
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
    counts = {"train": 40, "validation": 20, "test": 12}
    write_sample(Path("pets"), counts, image_size=48)
    words = on_pets([*CASES["augmented"], "--run", "START"])
    ended(start(words, "start-store"))
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


def kills_in(counts):
    return sum(counts.get(name, 0) for name in SIGNALS.values())


class Whole:
    """A command that nobody kills: its facts, and how long it takes."""

    def __init__(self, name):
        self.name = name
        slug = f"whole-{list(CASES).index(name)}"
        started = time.time()
        words = on_pets([*CASES[name], "--run", slug])
        code, said = ended(start(words, f"{slug}-st"))
        assert code == 0, said
        self.seconds = time.time() - started
        self.facts = facts(Path(slug))


def one_trial(whole, trial, chance):
    """Kills a command up to three times, and lets it end."""
    folder, store = Path(f"run-{trial}"), f"store-{trial}"
    words = on_pets([*CASES[whole.name], "--run", str(folder)])
    killed, problems = Counter(), []
    for _ in range(chance.randint(1, MOST_KILLS)):
        number = chance.choice(list(SIGNALS))
        moment = chance.uniform(0, whole.seconds)
        fate, said = killed_after(start(words, store), number, moment)
        killed.update(way_on(said))
        if fate is None:
            break  # it had ended before
        killed[SIGNALS[number]] += 1
        problems += [*wrong_ends(number, fate, said), *damages(folder, store)]
    if not is_finished(folder):
        code, said = ended(start(words, store))
        killed.update(way_on(said))
        if code != 0:
            problems.append(f"did not go on: {code}, {said[-500:]}")
            return killed, problems
    problems += differing(facts(folder), whole.facts)
    problems += [
        f"left over: {path}"
        for path in folder.rglob("*")
        if path.name.startswith(".partial")
    ]
    shutil.rmtree(folder)
    shutil.rmtree(store)
    return killed, problems


def on_pets(words):
    """Returns the words of a case as those of a command."""
    return [words[0], "pets", *words[1:]]


def start(words, store, prepare=lambda: None):
    """Starts a command in a fork; returns its number and its log.

    What `prepare` does is done in the fork, before the command.
    """
    log = Path(f"{store}.log")
    child = os.fork()
    if child:
        return child, log
    code = 1
    try:
        for number, handler in (
            (signal.SIGINT, signal.default_int_handler),
            (signal.SIGTERM, signal.SIG_DFL),
        ):
            signal.signal(number, handler)
        written = os.open(log, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        os.dup2(written, 1)
        os.dup2(written, 2)
        os.environ["TLKIT_STORE"] = str(Path(store).absolute())
        sys.argv = ["tlkit", *words]
        prepare()
        tlkit.cli.main()
    except SystemExit as end:
        code = end.code or 0
    except KeyboardInterrupt:
        code = 130  # it came before the command listened
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        sys.stdout.flush()
        os._exit(code)


def ended(started):
    """Waits for a command; returns its exit code and what it has said."""
    child, log = started
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), log.read_text()


def killed_after(started, number, seconds):
    """Sends a signal; returns the exit code, or None if it ended before."""
    child, log = started
    until = time.time() + seconds
    while time.time() < until:
        if os.waitpid(child, os.WNOHANG)[0]:
            return None, log.read_text()
        time.sleep(0.005)
    os.kill(child, number)
    _, status = os.waitpid(child, 0)
    # The log may not be there yet.
    said = log.read_text() if log.exists() else ""
    return os.waitstatus_to_exitcode(status), said


def way_on(said):
    """Counts where a command has gone on, by what it has said."""
    return {column: said.count(words) for column, words in WAYS_ON.items()}


def wrong_ends(number, code, said):
    """Yields what is wrong with the end of a command that was told to end."""
    # By the signal itself where the command did not listen yet; 0 where it
    # had just done everything.
    if number != signal.SIGKILL and code not in (ENDS[number], -number, 0):
        yield f"{SIGNALS[number]} gave exit code {code}: {said[-500:]}"
    if number != signal.SIGKILL and "Traceback" in said:
        yield f"{SIGNALS[number]} gave a traceback: {said[-1500:]}"


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
    runs = runs_in(folder)
    expected = 2 if (folder / "minivgg").exists() else 1
    return len(runs) == expected and all(r.state == "finished" for r in runs)


def runs_in(folder):
    """Returns the run, or those of the bases that were compared."""
    found = [folder] if (folder / "config.json").exists() else []
    return [tlkit.Run(path) for path in found] or tlkit.find_runs(folder)


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
    return found


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
            {n: v for n, v in row.items() if n != "seconds"}
            for row in csv.DictReader(file)
        ]


def differing(found, expected):
    names = {*found, *expected}
    return [
        f"{name} differs: {found.get(name)} instead of {expected.get(name)}"
        for name in sorted(names)
        if found.get(name) != expected.get(name)
    ]


def page(report, seed):
    """Returns the page of figures."""
    cases = report["cases"]
    columns = [*SIGNALS.values(), *WAYS_ON, "trials", "equal"]
    rows = [
        f"| {name} | {' | '.join(str(own.get(c, 0)) for c in columns)} |"
        for name, own in cases.items()
    ]
    killed = sum(map(kills_in, cases.values()))
    problems = report["problems"]
    return PAGE.format(
        killed=killed,
        rows="\n".join(rows),
        problems="\n".join(f"- {x}" for x in problems) or "None.",
        seed=seed,
        minutes=round(report["seconds"] / 60),
        machine=f"{describe_devices()['processor']}, {os.cpu_count()} cores",
    )


def write_part(path, text):
    """Puts a part of a page in the place of the one with its title."""
    whole = path.read_text(encoding="utf-8") if path.exists() else ""
    parts = [f"# {x}" for x in f"\n{whole}".split("\n# ")[1:]]
    title = text.partition("\n")[0]
    titles = [part.partition("\n")[0] for part in parts]
    if title in titles:
        parts[titles.index(title)] = text
    else:
        parts.append(text)
    joined = "\n\n".join(part.strip() for part in parts)
    path.write_text(joined + "\n", encoding="utf-8")


PAGE = """# Runs that cannot be lost

    make faults

kills real trainings at random moments and gives the same command again until \
it ends; `tests/faults/harness.py` says how. The page is written by that \
command.

After each kill every file in the run folder and in the store was read: \
JSON and CSV, the sums of `model.keras`, the digest of `checkpoint.npz` and \
those of the store's shards. At the end the SHA-256 of the weights, the \
history without its column of seconds, `metrics.json` and `heads.csv` were \
compared with those of a command that nobody had killed. What a training cost, \
its seconds and the number of images that were computed just now, is not \
compared.

{killed} kills; a trial has up to three. Seeds from {seed} on, {minutes} \
minutes, {machine}.

| training | SIGKILL | SIGTERM | SIGINT | went on after an epoch | trained \
already, judged | began anew | trials | equal to the bit |
|---|---|---|---|---|---|---|---|---|
{rows}

Where a command neither went on nor began anew, the one before it had not come \
to its run folder yet; what it had put into the store was used.

Damaged, lost or different: {problems}

An epoch is the smallest part that is kept: of an epoch that was interrupted \
nothing is left, however long it is. Callbacks of your own begin anew, as a \
checkpoint does not have what they keep in memory. A run whose process was on \
another machine counts as running until somebody says that it is gone; the \
error says how.
"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
