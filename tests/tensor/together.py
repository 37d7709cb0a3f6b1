"""Trains every way on one device, on two, or on two hosts, to be compared.

    python together.py one|two|hosts DATA FOLDER [NUMBER ADDRESS...]

Each in a process of its own, as TensorFlow has one set of devices in each.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from hosts_here import described, free_addresses

#: Whether all hosts have the same store.
SHARED = "store"
WAYS = ("scratch", "features", "augmented", "end to end", "finetune")
KINDS = ("one", "two", "hosts")


def main(kind, data, folder, *host):
    folder = Path(folder)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["TLKIT_STORE"] = str(folder / SHARED)
    if host:
        number, *addresses = host
        os.environ |= described(addresses, int(number))
    import tensorflow as tf

    if kind == "two":
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * 2,
        )
    import tlkit

    index = tlkit.load_dataset(data)
    machine = tlkit.Machine("all" if kind == "two" else "auto")
    facts = {}
    for way in WAYS:
        run = tlkit.train(plan_of(way, folder, machine), index, folder / way)
        if run.writes:
            facts[way] = facts_of(run, folder)
    if facts:
        (folder / "facts.json").write_text(json.dumps(facts))


def plan_of(way, folder, machine):
    import tlkit

    # Batches that cannot be divided by two, and a last one of a single image.
    recipe = tlkit.Recipe(
        epochs=2,
        batch_size=13,
        precision="float32",
        optimizer="sgd",
        learning_rate=0.01,
        balance=way == "scratch",
    )
    network = tlkit.Network(
        "minivgg", image_size=32, pooling="average", units=8, dropout=0.5
    )
    how = {
        "scratch": {"network": tlkit.Network(image_size=64)},
        "features": {"network": network},
        "augmented": {"network": network, "views": tlkit.Views(2)},
        "end to end": {"network": network, "views": tlkit.Views(0)},
        "finetune": {"start": str(folder / "end to end")},
    }[way]
    name = "augmented" if way == "end to end" else way
    if name == "scratch":
        how["augmentation"] = "book"
    return tlkit.Plan(name, recipe=recipe, machine=machine, **how)


def facts_of(run, folder):
    import keras

    model = keras.models.load_model(run.model_path)
    np.savez(folder / f"{run.path.name}.npz", *model.get_weights())
    metrics = run.metrics
    return {
        "history": {
            name: values
            for name, values in run.history.items()
            if name != "seconds"
        },
        "count": metrics["count"],
        "accuracy": metrics["accuracy"],
        "interval": metrics["accuracy_interval"],
        "files": sorted(
            str(path.relative_to(run.path)) for path in run.path.rglob("*")
        ),
    }


def start(kind, data, folder):
    """Starts the processes of a kind."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, __file__, kind, str(data), str(folder)]
    addresses = free_addresses(2)
    hosts = [[str(number), *addresses] for number in range(2)]
    return [
        subprocess.Popen(
            [*command, *host],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for host in (hosts if kind == "hosts" else [[]])
    ]


def train_all(data, folder):
    """Trains on all kinds of devices; returns what each has come to."""
    facts = {}
    for kind in KINDS:
        for process in start(kind, data, folder / kind):
            said = process.communicate()[0]
            assert process.returncode == 0, f"{kind}: {said[-3000:]}"
        facts[kind] = json.loads((folder / kind / "facts.json").read_text())
    return facts


def largest_difference(folder, way, kind):
    """Returns by how much a weight differs at most from one device's."""
    with (
        np.load(folder / "one" / f"{way}.npz") as one,
        np.load(folder / kind / f"{way}.npz") as other,
    ):
        return max(np.abs(one[n] - other[n]).max() for n in one.files)


if __name__ == "__main__":
    main(*sys.argv[1:])
