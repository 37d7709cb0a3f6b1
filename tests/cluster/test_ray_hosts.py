"""A cluster of two hosts, of which one is lost in the middle.

Both are this machine: two groups of Ray's processes that know each other by
their addresses alone.
"""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import psutil
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is an extra"),
]
RAY = Path(sys.executable).with_name("ray")
HOST = ["--num-cpus=1", "--object-store-memory=200000000", "--block"]
EXTRACT = """
import sys
import tlkit

network = tlkit.Network("minivgg", image_size=32, pooling="average")
machine = tlkit.Machine(engine=sys.argv[1])
plan = tlkit.Plan("features", network, machine=machine)
print(tlkit.extract_features(plan, "noise.npz").computed)
"""


def environment():
    """One of a cluster that has a token of its own, and sends nothing."""
    return {
        **os.environ,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
    }


@contextlib.contextmanager
def host(own, *words):
    """Starts the processes of a host, and ends all of them."""
    started = subprocess.Popen(
        [RAY, "start", *words, *HOST],
        env=own,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield psutil.Process(started.pid)
    finally:
        kill(psutil.Process(started.pid))
        started.wait()


def kill(process):
    with contextlib.suppress(psutil.NoSuchProcess):
        for one in [*process.children(recursive=True), process]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()


def until(true, seconds=120):
    end = time.time() + seconds
    while not true():
        assert time.time() < end
        time.sleep(0.1)


def listens(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


def has_actor(process):
    return any("MapWorker" in x.name() for x in process.children(True))


def extract(engine, folder, own):
    return subprocess.Popen(
        [sys.executable, "-c", EXTRACT, engine],
        cwd=folder,
        env={**own, "TLKIT_STORE": str(folder / engine)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def shards(folder):
    """The manifests, which hold the SHA-256 of their arrays."""
    paths = folder.glob("*/*.json")
    return sorted(json.dumps(json.loads(path.read_text())) for path in paths)


def test_a_host_that_is_lost_costs_nothing_but_time(tmp_path):
    random = np.random.default_rng(0)
    labels = np.arange(8000) % 2
    np.savez(
        tmp_path / "noise.npz",
        x_train=random.integers(0, 256, (8000, 32, 32, 3), np.uint8),
        y_train=labels,
        x_test=random.integers(0, 256, (40, 32, 32, 3), np.uint8),
        y_test=labels[:40],
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, own = f"127.0.0.1:{port}", environment()
    head = ["--head", f"--port={port}", "--include-dashboard=false"]
    with host(own, *head):
        until(lambda: listens(port))
        with host(own, f"--address={address}") as second:
            # Its actor is there, and a few shards are written.
            running = extract("ray", tmp_path, {**own, "RAY_ADDRESS": address})
            until(
                lambda: any("MapW" in x.name() for x in second.children(True))
            )
            until(lambda: len(list(tmp_path.glob("ray/*/*.npy"))) > 3)
            kill(second)
            assert running.poll() is None
            computed, told = running.communicate(timeout=200)
    assert running.returncode == 0, told[-2000:]
    assert computed == "8040\n"
    alone = extract("local", tmp_path, own)
    assert alone.communicate(timeout=200)[0] == computed
    assert shards(tmp_path / "ray") == shards(tmp_path / "local")
