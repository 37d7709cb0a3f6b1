"""Processes in different working folders share a store."""

import os
import signal
import subprocess
import sys
import time

WORKER = """
import os, sys, time
import numpy as np
from tlkit.store.store import Store
first, last, stop = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
names = [str(number) for number in range(first, last)]
rows = np.arange(first, last)[:, None] + np.arange(6) / 8
until = time.time() + 60
print("ready", flush=True)
while not os.path.exists(stop) and time.time() < until:
    store = Store({"base": "shared"})
    with store.computing():
        for start in range(0, len(names), 8):
            wanted = store.missing(names[start:start + 8])
            if wanted:
                own = [names.index(name) for name in wanted]
                store.add(wanted, rows[own])
        stored = store.open(names)
    assert (stored[:] == rows).all()
    del stored
    time.sleep(0.01)
"""
PRUNER = """
import sys, time
from pathlib import Path
from tlkit.store.housekeeping import list_store, prune_store, verify_store
print("ready", flush=True)
removed, until = 0, time.time() + 60
while removed < 5 and time.time() < until:
    list_store()
    assert verify_store()[1] == []
    removed += len(prune_store(0))
Path(sys.argv[1]).touch()
print(removed)
"""


def begin(code, folder, store, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "TLKIT_STORE": str(store)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_rows_stay_right_whatever_the_others_do(tmp_path):
    """Pruning ended in FileNotFoundError while others extracted."""
    folders = [tmp_path / name for name in ("a", "b", "c", "d")]
    for folder in (*folders, tmp_path / "store"):
        folder.mkdir()
    (folders[1] / "link").symlink_to(tmp_path / "store")
    stop = tmp_path / "stop"
    workers = [
        begin(WORKER, folders[0], "../store", 0, 60, stop),
        begin(WORKER, folders[1], "link", 30, 90, stop),
    ]
    pruner = begin(PRUNER, folders[2], "../c/../store", stop)
    victim = begin(WORKER, folders[3], tmp_path / "store", 0, 90, stop)
    for process in (*workers, pruner, victim):
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    time.sleep(0.1)
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    for process in (*workers, pruner):
        told, errors = process.communicate()
        assert process.returncode == 0, errors
    assert told == "5\n"  # the pruner's: they have met each other
    assert not list(tmp_path.glob("store/.removed-*"))
    assert not list(folders[2].iterdir())


def test_a_store_stays_where_it_is_when_the_folder_changes(
    tmp_path, monkeypatch
):
    """A relative path meant another store after `os.chdir`."""
    from test_store import NAMES, RECIPE, fill

    from tlkit.store.store import Store

    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TLKIT_STORE", "store")
    store = Store(RECIPE)
    fill(NAMES)
    monkeypatch.chdir("inside")
    assert store.lacking(NAMES) == []


def test_what_a_killed_pruning_has_left_is_removed(tmp_path, monkeypatch):
    from test_store import NAMES, RECIPE, fill

    from tlkit.store.housekeeping import list_store, prune_store
    from tlkit.store.store import Store

    monkeypatch.setenv("TLKIT_STORE", str(tmp_path))
    stored, _ = fill(NAMES)
    Store(RECIPE).folder.rename(tmp_path / ".removed-0123456789abcdef")
    del stored
    assert list_store() == []
    prune_store(10**9)
    assert not list(tmp_path.glob(".removed-*"))


WITHOUT_LOCKS = """
import errno, sys
def refuse(event, arguments):
    if event == "fcntl.flock":
        raise OSError(errno.ENOLCK, "none here")
sys.addaudithook(refuse)
import numpy as np
from tlkit.store.store import Store
names = [str(number) for number in range(40)]
rows = np.arange(40)[:, None] + np.arange(6) / 8
store = Store({"base": "shared"})
with store.computing():
    assert store.missing(names) == names
    print("ready", flush=True)
    sys.stdin.readline()
    store.add(names, rows)
    stored = store.open(names)
assert (stored[:] == rows).all()
"""


def test_without_locks_two_may_compute_the_same(tmp_path, monkeypatch):
    from tlkit.store.housekeeping import verify_store

    (tmp_path / "a").mkdir()
    both = [
        begin(WITHOUT_LOCKS, tmp_path, "store"),
        begin(WITHOUT_LOCKS, tmp_path / "a", "../store"),
    ]
    for process in both:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in both:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    monkeypatch.setenv("TLKIT_STORE", str(tmp_path / "store"))
    assert verify_store() == (2, [])
    shards = list(tmp_path.glob("store/*/*.npy"))
    assert len({path.read_bytes() for path in shards}) == 1
