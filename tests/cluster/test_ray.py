"""What Ray computes is what one process computes, also where processes die."""

import functools
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import psutil
import pytest

import tlkit
from tlkit.base.errors import TlkitError
from tlkit.cluster.engines import keeping_ray, started_ray
from tlkit.cluster.streaming import stream
from tlkit.data.arrays import array_split
from tlkit.drawn.make import write_sample
from tlkit.experiments.images import ImageArrays
from tlkit.experiments.sweep import Sweep
from tlkit.models.classic import lenet
from tlkit.store.store import store_folder

pytestmark = [
    pytest.mark.slow,
    # Not by importing it, which tlkit does in its own way.
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is an extra"),
]

NETWORK = tlkit.Network("minivgg", image_size=32, pooling="average")
RECIPE = tlkit.Recipe(precision="float32", batch_size=8, epochs=2)
ON_RAY = tlkit.Machine(engine="ray")


@pytest.fixture(scope="module", autouse=True)
def one_ray():
    with keeping_ray():
        yield started_ray()


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "pets"
    counts = {"train": 70, "validation": 20, "test": 10}
    return tlkit.load_dataset(write_sample(folder, counts, image_size=48))


@pytest.fixture
def stores(tmp_path, monkeypatch):
    """`stores(name)` makes a store of its own the one that is used."""

    def use(name):
        monkeypatch.setenv("TLKIT_STORE", str(tmp_path / name))

    return use


def noise(count, seed=0):
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (count, 32, 32, 3), np.uint8)
    return array_split(images, np.arange(count) % 2)


def shards():
    """What the shards of the store say of themselves, their names apart.

    A manifest holds the ids of a shard's rows and the SHA-256 of its array.
    Names are drawn at random. Decoded images are left out.
    """
    found = []
    for path in store_folder().glob("*/*.npy"):
        key = (path.parent / "recipe.json").read_text()
        if json.loads(key).get("kind") is None:
            manifest = path.with_suffix(".json").read_text()
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            assert digest == json.loads(manifest)["sha256"]
            found.append((path.parent.name, key, manifest))
    return sorted(found)


def actors():
    """The processes that run networks."""
    ours = psutil.Process().children(recursive=True)
    return [one for one in ours if "MapWorker" in one.name()]


def test_stored_views_are_those_of_one_process(pets, stores, tmp_path):
    """The plain rows of the validation images, and files of images, too."""
    views = tlkit.Views(2, dtype="float32")
    plan = tlkit.Plan("augmented", NETWORK, views=views, recipe=RECIPE)
    stores("local")
    here = tlkit.train(plan, pets, tmp_path / "here")
    one = shards()
    stores("ray")
    there = tlkit.train(replace(plan, machine=ON_RAY), pets, tmp_path / "there")
    assert shards() == one
    assert len(one) == 3  # validation; two views of train
    measured = [{**run.metrics} for run in (here, there)]
    for one in measured:
        assert one.pop("training")["images_through_base"] == 20 + 140
    assert measured[0] == measured[1]


def test_the_work_of_a_killed_actor_is_done_again(stores):
    plan = tlkit.Plan("features", NETWORK, recipe=RECIPE)
    splits = {"train": noise(6000), "validation": noise(100, 1)}
    data = tlkit.DatasetIndex("noise", "noise", ("a", "b"), splits)
    stores("local")
    tlkit.extract_features(plan, data)
    one = shards()
    stores("ray")
    before = []

    def kill():
        while len(list(store_folder().glob("*/*.npy"))) < 3:
            time.sleep(0.01)
        before.extend(actors())
        os.kill(before[0].pid, signal.SIGKILL)
        before.append(len(list(store_folder().glob("*/*.npy"))))

    killer = threading.Thread(target=kill)
    killer.start()
    found = tlkit.extract_features(replace(plan, machine=ON_RAY), data)
    killer.join()
    assert shards() == one
    assert found.computed == 6100
    *killed, written = before
    assert len(killed) == 2  # actors, of which one is dead
    assert not killed[0].is_running()
    assert written < len(one) / 2


def test_a_comparison_finds_what_one_process_finds(pets, stores, tmp_path):
    networks = NETWORK, replace(NETWORK, weights="none")
    plans = [tlkit.Plan("features", n, recipe=RECIPE) for n in networks]
    grid = tlkit.HeadGrid((0, 8), (0.5,), (1e-3,), (0.0,))
    stores("local")
    here = tlkit.compare_bases(plans, pets, grid, tmp_path / "here")
    stores("ray")
    on_ray = [replace(plan, machine=ON_RAY) for plan in plans]
    there = tlkit.compare_bases(on_ray, pets, grid, tmp_path / "there")
    for one, other in zip(here.bases, there.bases, strict=True):
        assert other.validation == one.validation
        for a, b in zip(one.search.scores, other.search.scores, strict=True):
            assert (a.head, a.correct) == (b.head, b.correct)
            assert a.log_loss == b.log_loss


def test_a_study_finds_what_two_processes_find(tmp_path):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (120, 14, 14, 1), np.uint8)
    labels = np.arange(120, dtype=np.int32) % 3
    data = ImageArrays(
        *("noise", ("a", "b", "c"), images[:90], labels[:90]),
        *(images[90:], labels[90:]),
    )
    brief = {"epochs": 2, "batch_size": 32, "kernel_size": 3}
    sweep = Sweep(lenet, brief, {"activation": ["sigmoid", "tanh", "relu"]})
    there = sweep.run(data, tmp_path / "there", engine="ray", processes=2)
    here = sweep.run(data, tmp_path / "here", processes=2)
    for one, other in zip(here, there, strict=True):
        assert one.results[0].epochs == other.results[0].epochs
    names = [
        sorted(path.name for path in (tmp_path / folder).glob("cells/*"))
        for folder in ("here", "there")
    ]
    assert names[0] == names[1]
    assert len(names[0]) == 3


def test_an_unreadable_image_is_one_error_in_words(stores, tmp_path):
    stores("ray")
    folder = write_sample(tmp_path / "pets", {"train": 9, "validation": 4}, 48)
    data = tlkit.load_dataset(folder)
    gone = data.split("train").images[3]
    gone.unlink()
    plan = tlkit.Plan("features", NETWORK, machine=ON_RAY)
    with pytest.raises(TlkitError, match="Cannot read this image") as refused:
        tlkit.extract_features(plan, data)
    assert type(refused.value) is TlkitError
    assert str(gone) in str(refused.value)
    assert "Traceback" not in str(refused.value)


class Deadly:
    """Work whose item 1 kills every process that takes it."""

    def __call__(self, item):
        if item == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        yield np.full(2, item)


def test_what_kills_every_process_is_not_tried_for_ever(one_ray):
    # The processes of Ray cannot import this file.
    one_ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    given = stream(functools.partial(Deadly), [0, 1, 2])
    with pytest.raises(TlkitError, match="4 processes of Ray have died"):
        list(given)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_leaves_no_process(tmp_path, number):
    split, few = noise(20_000), noise(40, 1)
    np.savez(
        tmp_path / "noise.npz",
        x_train=split.images,
        y_train=split.labels,
        x_test=few.images,
        y_test=few.labels,
    )
    command = ["features", "noise.npz", "--engine", "ray"]
    command += ["--base", "minivgg", "--image-size", "32", "--run", "run"]
    running = subprocess.Popen(
        [sys.executable, "-m", "tlkit", *command],
        cwd=tmp_path,
        env={**os.environ, "TLKIT_STORE": str(tmp_path / "store")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Whoever runs the tests in the background has Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not list(tmp_path.glob("store/*/*.npy")):
        assert running.poll() is None
        time.sleep(0.05)
    started = psutil.Process(running.pid).children(recursive=True)
    assert any(one.name() == "raylet" for one in started)
    # As a terminal does it: to the command and to its processes.
    os.killpg(running.pid, number)
    results, told = running.communicate(timeout=60)
    assert running.returncode == 128 + number
    assert results == ""
    assert told.endswith("Interrupted.\n")
    assert "Traceback" not in told
    _, left = psutil.wait_procs(started, timeout=30)
    assert not left
