"""An extraction killed at any moment leaves a sound store and goes on."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

KILLS = 40
# One process loads TensorFlow; each attempt is a fork of it that extracts, and
# is killed at a random moment of the time that the extraction takes.
DRIVER = """
import json, os, random, signal, sys, time
import numpy as np
import tlkit
from tlkit import extract_features
from tlkit.store import store
from tlkit.store.housekeeping import verify_store

source, root, kills = sys.argv[1], sys.argv[2], int(sys.argv[3])
data = tlkit.load_dataset(source)
network = tlkit.Network("minivgg", image_size=32, pooling="average")
plan = tlkit.Plan("features", network)
store.SHARD_ROWS = 32

ready, started = os.pipe()
missing = store.Store.missing

def told(self, ids):
    os.write(started, b"!")  # the network stands: now the work begins
    store.Store.missing = missing
    return missing(self, ids)

def extract(place):
    store.Store.missing = told
    os.environ["TLKIT_STORE"] = place
    return extract_features(plan, data)

def forked(work):
    child = os.fork()
    if child == 0:
        os.close(2)
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return child

def whole():
    features = extract(f"{root}/whole")
    np.save(f"{root}/whole.npy", np.asarray(features.arrays["train"]))

child = forked(whole)
os.read(ready, 1)
began = time.time()
assert os.waitpid(child, 0)[1] == 0
seconds = time.time() - began
def killed(place):
    # Says whether it had not finished yet.
    child = forked(lambda: extract(place))
    os.read(ready, 1)
    time.sleep(random.uniform(0, seconds))
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1] == signal.SIGKILL

def equal(place):
    def resume():
        rows = extract(place).arrays["train"]
        np.save(f"{place}.npy", np.asarray(rows))
    child = forked(resume)
    os.read(ready, 1)
    assert os.waitpid(child, 0)[1] == 0
    return np.array_equal(
        np.load(f"{place}.npy"), np.load(f"{root}/whole.npy"))

report = {"killed": 0, "damaged": 0, "shards": [], "equal": []}
random.seed(0)
while report["killed"] < kills:
    place = f"{root}/store-{len(report['equal'])}"
    while report["killed"] < kills and killed(place):
        report["killed"] += 1
        os.environ["TLKIT_STORE"] = place
        count, damaged = verify_store()
        report["damaged"] += len(damaged)
        report["shards"].append(count)
    report["equal"].append(bool(equal(place)))
print(json.dumps(report))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forty_kills_of_an_extraction_damage_nothing(tmp_path):
    random = np.random.default_rng(0)
    data = tmp_path / "noise.npz"
    np.savez(
        data,
        x_train=random.integers(0, 256, (2000, 32, 32, 3), np.uint8),
        y_train=np.arange(2000) % 2,
        x_test=random.integers(0, 256, (40, 32, 32, 3), np.uint8),
        y_test=np.arange(40) % 2,
    )
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, data, tmp_path, str(KILLS)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["killed"] == KILLS
    assert report["damaged"] == 0
    assert all(report["equal"])
    # They were killed at different stages of the work.
    assert len(set(report["shards"])) > 10, report["shards"]
