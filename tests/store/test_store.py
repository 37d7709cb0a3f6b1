"""The store survives kills, flipped bits, full disks and company."""

import gc
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tlkit.base.errors import TlkitError, UsageError
from tlkit.cli import app
from tlkit.store.cap import read_size, store_cap
from tlkit.store.housekeeping import (
    list_store,
    prune_store,
    store_table,
    verify_store,
)
from tlkit.store.store import Store, file_digest

RECIPE = {"base": "vgg16", "image_size": [150, 150], "weights": "abc"}


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    folder = tmp_path / "store"
    monkeypatch.setenv("TLKIT_STORE", str(folder))
    return folder


def rows_of(names, length=6):
    """Rows that can be told from their names."""
    return np.array(
        [[int(name) + k / 8 for k in range(length)] for name in names],
        np.float32,
    )


def fill(names, size=4, recipe=RECIPE):
    """Adds what is missing, shard by shard, and opens all."""
    store = Store(recipe)
    with store.computing():
        missing = store.missing(names)
        for start in range(0, len(missing), size):
            part = missing[start : start + size]
            store.add(part, rows_of(part))
        return store.open(names), len(missing)


NAMES = [str(number) for number in range(10)]


def test_rows_come_back_in_any_order():
    stored, added = fill(NAMES)
    assert added == 10
    assert stored.shape == (10, 6)
    assert stored.dtype == np.float32
    np.testing.assert_array_equal(stored, rows_of(NAMES))
    for rows in (slice(2, 7), np.array([9, 0, 5, 5]), np.arange(10) > 6, [3]):
        np.testing.assert_array_equal(stored[rows], rows_of(NAMES)[rows])
    turned, added = fill([*NAMES[::-1], "3"])
    assert added == 0
    np.testing.assert_array_equal(turned, rows_of([*NAMES[::-1], "3"]))


def test_they_are_mapped_and_not_read():
    stored, _ = fill(NAMES)
    assert all(isinstance(shard, np.memmap) for shard in stored.shards)
    with pytest.raises(ValueError, match="copied"):
        np.asarray(stored, copy=False)


def test_only_what_is_new_is_added():
    fill(NAMES[:6])
    stored, added = fill(NAMES)
    assert added == 4
    np.testing.assert_array_equal(stored, rows_of(NAMES))


@pytest.mark.parametrize("ingredient", RECIPE)
def test_any_other_ingredient_is_another_key(ingredient):
    fill(NAMES)
    assert Store({**RECIPE, ingredient: "other"}).key != Store(RECIPE).key
    assert fill(NAMES, recipe={**RECIPE, ingredient: "other"})[1] == 10


def test_the_order_of_ingredients_says_nothing():
    turned = dict(reversed(RECIPE.items()))
    assert Store(turned).key == Store(RECIPE).key


def test_every_flipped_bit_is_detected(root):
    fill(NAMES)
    shards = [
        path
        for path in sorted(root.glob("*/*.*"))
        if path.name != "recipe.json"
    ]
    assert len(shards) == 6
    rng = random.Random(0)
    for _ in range(200):
        path = rng.choice(shards)
        whole = path.read_bytes()
        place = rng.randrange(len(whole))
        flipped = bytearray(whole)
        flipped[place] ^= 1 << rng.randrange(8)
        path.write_bytes(flipped)
        _, damaged = verify_store()
        path.write_bytes(whole)
        assert damaged == [path.with_suffix(".json")], (path.name, place)
    assert verify_store() == (3, [])


def test_what_a_killed_writer_leaves_is_no_damaged_shard(root):
    fill(NAMES)
    (shard, *_) = root.glob("*/*.npy")
    for name in (".partial-0a1b2c3d-0123456789abcdef.json", "notes.json"):
        (shard.parent / name).write_text('{"sha256": "')
    assert verify_store() == (3, [])
    assert fill(NAMES)[1] == 0


def test_a_damaged_shard_alone_is_computed_again(root):
    fill(NAMES)
    path = min(root.glob("*/*.npy"))
    lost = len(np.load(path))
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    stored, added = fill(NAMES)
    assert added == lost
    np.testing.assert_array_equal(stored, rows_of(NAMES))
    assert verify_store()[1] == []
    assert not path.exists()


WRITER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from test_store import NAMES, RECIPE, rows_of
from tlkit.store.store import Store
many = [str(number) for number in range(400)]
store = Store(RECIPE)
with store.computing():
    missing = store.missing(many)
    print("ready", flush=True)
    for start in range(0, len(missing), 4):
        time.sleep(0.002)
        store.add(missing[start:start + 4], rows_of(missing[start:start + 4]))
        with open(sys.argv[2], "a") as log:
            log.write(f"{len(missing[start:start + 4])}\\n")
"""


def start_writer(log):
    here = str(Path(__file__).parent)
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, here, str(log)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_forty_kills_damage_nothing(root, tmp_path):
    rng = random.Random(1)
    many = [str(number) for number in range(400)]
    unfinished = 0
    for attempt in range(40):
        if attempt % 8 == 0:
            shutil.rmtree(root, ignore_errors=True)
        writer = start_writer(tmp_path / "log")
        assert writer.stdout.readline() == "ready\n", writer.stderr.read()
        time.sleep(rng.uniform(0, 0.12))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        unfinished += len(Store(RECIPE).missing(many)) > 0
        assert verify_store()[1] == []
    assert unfinished > 10
    for path in root.glob("*/*"):
        os.utime(path, (1000, 1000))
    stored, _ = fill(many)
    np.testing.assert_array_equal(stored, rows_of(many))
    assert not list(root.glob("*/.partial-*"))
    arrays, manifests = root.glob("*/*.npy"), root.glob("*/*.json")
    assert len(list(arrays)) == len(list(manifests)) - 1  # and the recipe


@pytest.mark.slow
def test_eight_processes_compute_everything_once(tmp_path):
    log = tmp_path / "log"
    writers = [start_writer(log) for _ in range(8)]
    for writer in writers:
        _, errors = writer.communicate()
        assert writer.returncode == 0, errors
    assert sum(map(int, log.read_text().split())) == 400
    many = [str(number) for number in range(400)]
    stored, added = fill(many)
    assert added == 0
    np.testing.assert_array_equal(stored, rows_of(many))
    assert verify_store()[1] == []


LIMITED = """
import resource, sys
import numpy as np
from tlkit.store.store import Store
store = Store({"base": "large"})
with store.computing():
    store.add(["1"], np.zeros((1, 10), np.float32))
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    store.add(["2"], np.zeros((1, 1_000_000), np.float32))
"""


def test_a_disk_that_is_full_leaves_the_store_whole(root):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED], capture_output=True, text=True
    )
    assert done.returncode == 1
    # NumPy would say "1000000 requested and 24968 written".
    assert "TlkitError: Cannot write" in done.stderr
    assert "File too large" in done.stderr
    assert verify_store() == (1, [])
    store = Store({"base": "large"})
    with store.computing():
        assert store.missing(["1", "2"]) == ["2"]
    assert not list(root.glob("*/.partial-*"))


@pytest.fixture
def only_read(monkeypatch):
    """`only_read(names)`: a filled store that this process may not write.

    The superuser may write everywhere, so the test goes on as nobody.
    """
    folder = Path(tempfile.mkdtemp())
    monkeypatch.setenv("TLKIT_STORE", str(folder / "store"))
    user = os.geteuid()

    def only_read(names):
        folder.chmod(0o755)
        fill(names)
        gc.collect()  # gives back the marks
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        if user == 0:
            os.seteuid(65534)
        return sorted(
            (path, path.stat().st_mtime_ns) for path in folder.rglob("*")
        )

    yield only_read
    os.seteuid(user)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)
    shutil.rmtree(folder)


def test_a_store_that_cannot_be_written_gives_what_it_has(only_read):
    before = only_read(NAMES)
    stored, computed = fill(NAMES[3:])
    assert computed == 0
    # Nobody may not read NumPy's files, so nothing is imported here.
    assert (stored[:] == rows_of(NAMES[3:])).all()
    assert len(list_store()) == 1
    assert verify_store() == (3, [])
    folder = Store(RECIPE).root.parent
    assert before == sorted(
        (path, path.stat().st_mtime_ns) for path in folder.rglob("*")
    )


def test_what_a_store_lacks_that_cannot_be_written_is_said_at_once(only_read):
    only_read(NAMES)
    store = Store(RECIPE)
    with (
        pytest.raises(TlkitError, match="lacks 2 of the rows"),
        store.computing(),
    ):
        store.missing([*NAMES, "98", "99"])
    with (
        pytest.raises(TlkitError, match="TLKIT_STORE"),
        Store({"another": "identity"}).computing(),
    ):
        pass


WITHOUT_LOCKS = """
import errno, sys
def refuse(event, arguments):
    if event == "fcntl.flock":
        raise OSError(getattr(errno, sys.argv[2]), "no such thing here")
sys.addaudithook(refuse)
sys.path.insert(0, sys.argv[1])
from test_store import NAMES, fill, rows_of
from tlkit.base.errors import TlkitError
from tlkit.store.housekeeping import prune_store, prune_to_cap
stored, computed = fill(NAMES)
assert (stored[:] == rows_of(NAMES)).all()
print(computed)
prune_to_cap()
try:
    prune_store(0)
except TlkitError as error:
    print(error)
"""


@pytest.mark.parametrize("answer", ["ENOLCK", "ENOSYS", "EOPNOTSUPP"])
def test_a_disk_without_locks_is_filled_and_never_pruned(answer, root):
    """It was an error, although nothing can go wrong but double work."""
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", WITHOUT_LOCKS, here, answer]
    for expected in ("10\n", "0\n"):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(expected)
        assert "this disk has no locks" in done.stdout
        assert "while no process uses the store" in done.stdout
    assert verify_store() == (3, [])


def test_what_another_machine_may_be_writing_is_left_to_it(root):
    """The lock may not reach it, and its file was removed under its hands."""
    fill(NAMES)
    folder = Store(RECIPE).folder
    young = [folder / ".partial-0a1b2c3d-x.npy", folder / f"{'0' * 16}.npy"]
    old = [folder / ".partial-1a1b2c3d-x.npy", folder / f"{'1' * 16}.npy"]
    for path in (*young, *old):
        path.write_bytes(b"half")
    for path in old:
        os.utime(path, (time.time() - 7200,) * 2)
    fill(NAMES)
    assert [path.exists() for path in (*young, *old)] == [True] * 2 + [
        False
    ] * 2


def test_what_cannot_be_read_is_computed_again_and_not_removed(root):
    """It may be readable again: a disk far away is not there for a while."""
    fill(NAMES)
    path = min(root.glob("*/*.npy"))
    path.rename(path.with_suffix(".aside"))
    path.symlink_to(path)  # to open it is an error, even for the superuser
    stored, computed = fill(NAMES)
    assert computed == len(np.load(path.with_suffix(".aside")))
    np.testing.assert_array_equal(stored, rows_of(NAMES))
    assert path.is_symlink()


def test_rows_that_have_gone_are_one_clear_error(root):
    """They ended in a KeyError and in a FileNotFoundError."""
    fill(NAMES)
    store = Store(RECIPE)
    with pytest.raises(TlkitError, match="1 rows of the store have gone"):
        store.open([*NAMES, "99"])
    for path in root.glob("*/*.npy"):
        path.unlink()
    with pytest.raises(TlkitError, match="computed again"):
        store.open(NAMES)


def test_a_store_that_cannot_be_made_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TLKIT_STORE", str(tmp_path / "file" / "store"))
    with (
        pytest.raises(TlkitError, match="Cannot write to the store"),
        Store(RECIPE).computing(),
    ):
        pass


def fill_three():
    """Three entries, the last one used most recently."""
    for number in range(3):
        fill(NAMES, recipe={"number": number})
        path = Store({"number": number}).folder / "recipe.json"
        os.utime(path, (1000 + number, 1000 + number))


def numbers():
    return [entry.identity["number"] for entry in list_store()]


def test_pruning_takes_what_was_not_used_for_longest():
    fill_three()
    assert numbers() == [2, 1, 0]
    one = list_store()[0].size
    assert prune_store(3 * one) == []
    (removed,) = prune_store(3 * one - 1)
    assert removed.identity == {"number": 0}
    assert numbers() == [2, 1]
    fill(NAMES, recipe={"number": 1})  # used, so it is the younger now
    prune_store(one)
    assert numbers() == [1]
    prune_store(0)
    assert list_store() == []


def test_pruning_never_touches_what_is_in_use():
    fill_three()
    stored, _ = fill(NAMES, recipe={"number": 0})
    with Store({"number": 1}).computing():
        assert [e.identity["number"] for e in prune_store(0)] == [2]
    np.testing.assert_array_equal(stored, rows_of(NAMES))
    del stored
    prune_store(0)
    assert list_store() == []


READER = """
import os, sys
sys.path.insert(0, sys.argv[1])
from test_store import NAMES, fill
stored = fill(NAMES)
print("reading", flush=True)
sys.stdin.read()
os.kill(os.getpid(), 9)
"""


def test_a_reader_of_another_process_is_heeded_until_it_dies(root):
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(Path(__file__).parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout.readline() == "reading\n"
    assert prune_store(0) == []
    reader.communicate()
    assert len(prune_store(0)) == 1
    assert not list(root.glob("*.use"))


def test_sizes_are_read():
    assert read_size("500M") == 500_000_000
    assert read_size(" 2gb ") == 2_000_000_000
    assert read_size("0") == 0
    for wrong in ("", "much", "-1G", "1X"):
        with pytest.raises(UsageError, match="not a size"):
            read_size(wrong)


def test_the_cap_is_a_setting(monkeypatch):
    assert store_cap() == 50_000_000_000
    monkeypatch.setenv("TLKIT_STORE_CAP", "1K")
    assert store_cap() == 1000


def call(*arguments):
    return CliRunner().invoke(app, ["store", *map(str, arguments)])


def test_the_command_lists_checks_and_prunes(root):
    assert call("where").stdout.strip() == str(root)
    assert "0.0 MB" in call("ls").stdout
    fill(NAMES)
    shown = call("ls").stdout
    assert "vgg16" in shown
    assert "150x150" in shown
    (row,) = store_table(list_store()).to_records()
    assert (row["base"], row["size"]) == ("vgg16", [150, 150])
    assert row["images"] == len(NAMES)
    size = sum(x.stat().st_size for x in root.glob("*/*") if x.is_file())
    assert row["MB"] == size / 1e6
    assert abs(row["last used"] - time.time()) < 600
    assert call("verify").stdout == "3 shards, all sound\n"
    path = min(root.glob("*/*.npy"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"?")
    done = call("verify")
    assert done.exit_code == 1
    assert f"damaged: {path.with_suffix('.json')}" in done.output
    assert "1 damaged" in done.output
    assert path.exists()  # nothing is changed by looking
    assert call("prune", "--to", "lots").exit_code == 2
    assert "removed 1 entries" in call("prune", "--to", "0").stdout
    assert list_store() == []


def test_the_digest_of_a_file_is_that_of_sha256sum(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert file_digest(tmp_path / "a") == (
        # FIPS 180-2, appendix B.1
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    with pytest.raises(FileNotFoundError):
        file_digest(tmp_path / "b")
