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
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import real_disks
from commands import (
    CASES,
    Whole,
    attempt,
    different,
    files,
    inside,
    losses,
    outcome,
    prepare,
    trial,
    wrong_end,
)
from failing import ANSWERS, Failing
from harness import is_finished, write_part

from tlkit.tensor.strategy import describe_devices


def main(arguments):
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--every", type=int, default=40)
    asked.add_argument("--cases", help="Names, with semicolons between.")
    asked.add_argument("--kinds", help="Kinds, with commas between.")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--minutes", type=float, default=60)
    asked.add_argument("--real", type=int, default=1)
    asked.add_argument("--write", type=Path)
    asked = asked.parse_args(arguments)
    names = asked.cases.split(";") if asked.cases else [*CASES]
    kinds = asked.kinds.split(",") if asked.kinds else [*ANSWERS]
    with tempfile.TemporaryDirectory() as place, inside(place):
        report = run_trials(names, kinds, asked)
    if asked.write:
        write_part(asked.write, page(report, asked.every), MARK)
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
                late = time.time() - started > 60 * asked.minutes
                if late or number % asked.every:
                    continue
                lasting = number // asked.every % 2 == 0
                fate, problems = one_trial(whole, kind, call, lasting)
                counted[kind] += 1
                counted[fate] += 1
                note(report, f"{name}, {kind} {call}", problems)
    report["real"] = real_disks.run(report) if asked.real else {}
    report["seconds"] = round(time.time() - started)
    return report


def note(report, where, problems):
    for problem in problems:
        print(f"{where}: {problem}", file=sys.stderr, flush=True)
        report["problems"].append(f"{where}: {problem}")


def one_trial(whole, kind, call, lasting):
    """Lets one call fail; returns what came of it, and problems in words."""
    with trial(whole.name) as folder:
        before = files(folder)
        faults = Failing(folder, kind, call, lasting)
        code, said = attempt(whole.name, folder, faults.install)
        problems = [*wrong_end(code, said, faults.answer)]
        # What cannot be read may not be known for what it is.
        if code == 2 and kind in ("read", "list"):
            problems = []
        problems += [*losses(whole, before, folder)]
        if code:
            again, told = attempt(whole.name, folder)
            # It may have been finished when its figures could not be read.
            if again and not is_finished(folder / "run"):
                problems.append(f"then it could not be done: {told[-700:]}")
        if not problems:
            found = outcome(folder)
            # A picture is not worth a failure; a line says that it lacks.
            expected = {
                name: value
                for name, value in whole.made.items()
                if "could not be drawn" not in said or not is_beside(name)
            }
            problems += different({x: found.get(x) for x in expected}, expected)
        return ("error" if code else "done all the same"), problems


def is_beside(name):
    """Whether something is a picture that is drawn beside results."""
    return str(name).endswith(("sheet.png", "_epochs.png"))


def page(report, every):
    """Returns the part of the page of figures."""
    fates = ("error", "done all the same")
    rows = [
        f"| {name} | {sum(report['calls'][name].values())} | "
        + " | ".join(str(own.get(x, 0)) for x in (*ANSWERS, *fates))
        + " |"
        for name, own in report["cases"].items()
    ]
    real = [
        f"| {name} | {own['trials']} | "
        + " | ".join(str(own.get(x, 0)) for x in fates)
        + " |"
        for name, own in report["real"].items()
    ]
    return PART.format(
        faults=sum(sum(x[f] for f in fates) for x in report["cases"].values()),
        every=every,
        kinds=" | ".join(ANSWERS),
        lines="|---" * (len(ANSWERS) + 4) + "|",
        rows="\n".join(rows),
        real="\n".join(real) or "None: nothing can be mounted here.",
        problems="\n".join(f"- {x}" for x in report["problems"]) or "None.",
        minutes=round(report["seconds"] / 60),
        machine=f"{describe_devices()['processor']}, {os.cpu_count()} cores",
    )


MARK = "<!-- written by tests/faults/disks.py -->"
PART = """
# Disks that refuse

    make faults

lets system calls of real commands fail, one after the other; \
`tests/faults/disks.py` says how. This part of the page is written by that \
command.

{faults} faults, one in {every} of all calls, by turns one alone or with all \
later ones of its kind; {minutes} minutes, {machine}. `all calls` is what an \
undisturbed command asks of the disk in its folder and in the store; the \
columns after it count the calls that failed. Where there are none, the time \
was up before.

| command | all calls | {kinds} | one error, exit 1 | done all the same |
{lines}
{rows}

After each fault the command had ended with one error in words, which says \
what the disk had answered, or had done its work all the same: a lock file or \
a picture is not worth a failure, and a store that cannot be written still \
gives what it has. Every file that was there before was there as it was, or \
as it was to become; every other was whole. The same command, given again, \
ended with the files, weights, figures and stored rows of a command that \
nothing had disturbed, equal by SHA-256.

The same was looked at on real disks: of two megabytes, of which so much was \
full that the training did not fit; a store that was mounted to be read only, \
with all rows, some and none; files that may not grow beyond 3 to 600 kB; and \
a store that two trainings fill at the same time, from different working \
folders, while a third is killed and `tlkit store prune --to 0` is called over \
and over again.

| disk | trials | one error, exit 1 | done all the same |
|---|---|---|---|
{real}

Damaged, lost or different, or a traceback: {problems}
"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
