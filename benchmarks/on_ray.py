"""What actors of Ray add to one process, and whether they give the same rows.

    python benchmarks/on_ray.py cats_vs_dogs/ --weights FILE

The features of 2,000 photographs by MobileNetV2 at 224 pixels, from the files:
by one process with all cores, by one actor with one core, and by two actors
with one core each, in turns; and once by two actors of which one is killed in
the middle. The rows of all are compared by their SHA-256. The rate is the
slope of the shards over the moments at which they were written, so that
starting the actors is in the seconds alone.
"""

import argparse
import hashlib
import os
import signal
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import psutil
from turns import median

import tlkit
from tlkit.cluster import streaming
from tlkit.cluster.engines import keeping_ray, started_ray
from tlkit.cluster.shares import Share
from tlkit.features.frozen import FrozenPart
from tlkit.store.store import Store
from tlkit.tensor.strategy import describe_devices, make_strategy

COUNT, TURNS, SIZE = 2000, 3, 224
SIDES = {"one process": 0, "one actor": 1, "two actors": 2}
KILLED = "two actors, one killed"


def main():
    options = read_options()
    data = tlkit.load_dataset(options.data)
    rows = np.linspace(0, len(data.split("train")) - 1, COUNT).astype(int)
    split = data.split("train").select(rows)
    network = tlkit.Network("mobilenet_v2", options.weights, SIZE).resolved()
    base = network.build_base()
    print(describe_devices()["processor"], os.cpu_count(), "cores")
    found = {name: [] for name in (*SIDES, KILLED)}
    with keeping_ray():
        started_ray()
        for _ in range(options.turns):
            for name, actors in SIDES.items():
                found[name].append(extract(base, split, actors))
        with killing_one():
            found[KILLED].append(extract(base, split, 2))
    report(found)


def read_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--turns", type=int, default=TURNS)
    return parser.parse_args()


def extract(base, split, actors):
    """Returns the rate, the seconds, and the SHA-256 of all rows."""
    streaming.find_share = lambda ray: Share(actors, 1, 0)
    engine = "ray" if actors else "local"
    with tempfile.TemporaryDirectory() as store, noting() as moments:
        os.environ["TLKIT_STORE"] = store
        part = FrozenPart(
            base, {}, (SIZE, SIZE), make_strategy(), engine=engine
        )
        started = time.perf_counter()
        opened, _ = part.rows({"train": split})
        seconds = time.perf_counter() - started
        digest = hashlib.sha256(opened["train"][0][:].tobytes()).hexdigest()
        del opened
    when, counts = np.array(moments).T
    return np.polyfit(when, np.cumsum(counts), 1)[0], seconds, digest


@contextmanager
def noting():
    """Yields a list that gets the moment and the rows of each shard."""
    moments, add = [], Store.add

    def noted(self, ids, rows):
        moments.append((time.perf_counter(), len(ids)))
        add(self, ids, rows)

    Store.add = noted
    try:
        yield moments
    finally:
        Store.add = add


@contextmanager
def killing_one():
    """Kills an actor as soon as a few shards are written."""

    def kill():
        while len(list(Path(os.environ["TLKIT_STORE"]).glob("*/*.npy"))) < 3:
            time.sleep(0.05)
        ours = psutil.Process().children(recursive=True)
        victim = next(one for one in ours if "MapWorker" in one.name())
        os.kill(victim.pid, signal.SIGKILL)
        print(f"killed {victim.pid}")

    os.environ["TLKIT_STORE"] = "not-there"
    killer = threading.Thread(target=kill)
    killer.start()
    yield
    killer.join()


def report(found):
    process = found["one process"]
    for name, turns in found.items():
        rates, seconds, digests = zip(*turns, strict=True)
        ratio = median(
            rate / other[0] for rate, other in zip(rates, process, strict=False)
        )
        print(
            f"{name:<24}{median(rates):>7.1f} images/s, ratio {ratio:.2f}, "
            f"{median(seconds):.0f} s, rows {', '.join(set(digests))[:16]}"
        )
    every = {digest for turns in found.values() for _, _, digest in turns}
    print("rows equal by SHA-256:", len(every) == 1)


if __name__ == "__main__":
    main()
