"""The same training on one device, under strategies, and on two hosts.

    python benchmarks/devices.py

Each side is a process that trains with `tlkit.train` (two hosts are two
processes on this machine), all on the same drawn images. A side waits before
every epoch until it is its turn, so that no two compute at the same time; the
first epoch, which compiles, is left out. What is timed is an epoch with its
validation and, within it, a step of training.

All sides have the same cores. So what is measured is what the division of the
work costs, and nothing is gained by it: that needs more devices.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from turns import median

import tlkit
from tlkit.drawn.make import write_sample
from tlkit.tensor.hosts import find_hosts
from tlkit.tensor.strategy import describe_devices

COUNTS, BATCH = {"train": 320, "validation": 80, "test": 16}, 32
#: By name: number of turns, and the plan but for its recipe.
TASKS = {
    "scratch": (5, {"network": tlkit.Network(image_size=96)}),
    "features": (
        15,
        {"network": tlkit.Network("minivgg", "tlkit", 128, pooling="flatten")},
    ),
}
#: By name: number of devices, and of hosts; 0 devices mean a strategy of one.
SIDES = {
    "one device": (1, 1),
    "MirroredStrategy of one": (0, 1),
    "two logical devices": (2, 1),
    "two hosts": (1, 2),
}
SMALL, LARGE = 1, 4_000_000


def main():
    print(describe_devices()["processor"], os.cpu_count(), "cores")
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        os.environ["TLKIT_STORE"] = str(Path(place, "store"))
        write_sample(Path("pets"), COUNTS, image_size=128)
        for task in TASKS:
            measure(task)
        measure_link()


def measure(task):
    sides = {name: start(task, name) for name in SIDES}
    for own in sides.values():
        take_turn(own)  # the epoch that compiles
    found = {name: [] for name in sides}
    for _ in range(TASKS[task][0]):
        for name, own in sides.items():
            found[name].append(take_turn(own))
    for own in sides.values():
        for one in own:
            one.communicate()
    for name, readings in found.items():
        tell(task, name, readings, found["one device"])


def tell(task, name, readings, others):
    epoch, step, work = medians(readings)
    before, _, work_before = medians(others)
    print(
        f"{task:<9} {name:<24} epoch {epoch:.3f} s, step {1000 * step:.1f} ms, "
        f"processor time {work:.2f} s: {epoch / before:.2f} of one device's "
        f"seconds, {work / work_before:.2f} of its processor time",
        flush=True,
    )


def medians(readings):
    return [median(values) for values in zip(*readings, strict=True)]


def start(task, name):
    """Starts the processes of a side."""
    devices, hosts = SIDES[name]
    addresses = free_addresses(hosts)
    return [
        subprocess.Popen(
            [sys.executable, __file__, task, str(devices), f"{task}-{name}"],
            env=environment(addresses, number),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for number in range(hosts)
    ]


def environment(addresses, number):
    own = dict(os.environ)
    if len(addresses) > 1:
        task = {"type": "worker", "index": number}
        cluster = {"worker": addresses}
        own["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": task})
    return own


def free_addresses(count):
    """Returns addresses of this machine that are not in use."""
    doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{door.getsockname()[1]}" for door in doors]
    for door in doors:
        door.close()
    return addresses


def take_turn(processes):
    """Lets a side do one epoch.

    Returns:
        Its seconds, those of a step, and the processor time of all processes.
    """
    for one in processes:
        one.stdin.write("go\n")
        one.stdin.flush()
    found = [json.loads(one.stdout.readline()) for one in processes]
    seconds, steps, work = zip(*found, strict=True)
    return max(seconds), max(steps), sum(work)


class Turns(keras.callbacks.Callback):
    """Waits before each epoch, and tells how long it took."""

    def on_epoch_begin(self, epoch, logs=None):
        sys.stdin.readline()
        self.started, self.work = time.perf_counter(), time.process_time()

    def on_test_begin(self, logs=None):
        self.learned = time.perf_counter() - self.started

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self.started
        steps = -(-COUNTS["train"] // BATCH)
        work = time.process_time() - self.work
        print(json.dumps([seconds, self.learned / steps, work]), flush=True)


def train(task, devices, folder):
    """Trains as one side, in a process of its own."""
    turns, settings = TASKS[task]
    recipe = tlkit.Recipe(
        epochs=turns + 1, patience=100, batch_size=BATCH, precision="float32"
    )
    machine = tlkit.Machine(devices or 1) if devices != 1 else tlkit.Machine()
    plan = tlkit.Plan(task, recipe=recipe, machine=machine, **settings)
    if devices > 1:
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * devices,
        )
    if devices:
        tlkit.train(plan, "pets", folder, [Turns()])
        return
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        tlkit.train(plan, "pets", folder, [Turns()])


def measure_link():
    """Times the sum of two hosts' numbers, of a few and of many."""
    own = start("link", "two hosts")
    few, many = json.loads(own[0].stdout.readline())
    for one in own:
        one.communicate()
    rate = 4 * LARGE / (many - few)
    print(
        f"all-reduce between two hosts here: {1000 * few:.2f} ms for 4 bytes, "
        f"{1000 * many:.1f} ms for {4 * LARGE / 1e6:.0f} MB: {rate / 1e6:.0f} "
        "MB/s"
    )


def link():
    print(json.dumps([time_sum(count) for count in (SMALL, LARGE)]), flush=True)


def time_sum(count):
    strategy = find_hosts().strategy

    @tf.function
    def add():
        return strategy.run(
            lambda: tf.distribute.get_replica_context().all_reduce(
                tf.distribute.ReduceOp.SUM, tf.ones(count)
            )
        )

    seconds = []
    for _ in range(30):
        started = time.perf_counter()
        add().numpy()
        seconds.append(time.perf_counter() - started)
    return median(seconds)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    elif sys.argv[1] == "link":
        link()
    else:
        train(sys.argv[1], int(sys.argv[2]), sys.argv[3])
