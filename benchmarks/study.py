"""LeNet at batch 256: images a second beside what one would run instead.

    pip install torch
    python benchmarks/study.py [FILE.npz] [IMAGES]

tlkit's training of one network on all cores and, as `tlkit study` does it, of
one network on each core side by side; plain Keras `fit` from a NumPy array;
and the loop of "Dive into Deep Learning", chapter 6, in PyTorch if that is
installed: once through a `DataLoader`, once by indexing tensors in memory.
All train the same network in float32 by SGD, in a new random order, with
running loss and accuracy; each side has processes of its own, and they take
turns with one epoch each. Without a file the images are random, which changes
nothing about the time.

`fit` often waits at the end of an epoch for tf.data's tuning, see
`tlkit.tensor.pipeline.without_tuning`: it has quick and slow epochs. So each
side's rate over all turns together is printed beside its median and its best.
"""

import importlib.util
import multiprocessing
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import lenet_in_pytorch
import numpy as np
import tensorflow as tf
from turns import median

from tlkit.base.machine import cores
from tlkit.experiments.cells import make_recipe
from tlkit.experiments.images import load_images
from tlkit.experiments.training import epoch_order, make_epoch
from tlkit.models.classic import lenet
from tlkit.plans.optimizers import make_optimizer
from tlkit.tensor.strategy import describe_devices

BATCH, RATE, TURNS = 256, 0.9, 15


def main(source=None, count=60000):
    count = int(count)
    data = read(source, count)
    beside = f"tlkit, {cores()} networks"
    made = {"tlkit": (ours, 1), beside: (alone, cores()), "Keras fit": (fit, 1)}
    if importlib.util.find_spec("torch"):
        made |= {
            "PyTorch, DataLoader": (torch_loader, 1),
            "PyTorch, from memory": (torch_indexed, 1),
        }
    else:
        print("PyTorch is not installed")
    print(describe_devices()["processor"], os.cpu_count(), "cores")
    print(f"load {os.getloadavg()[0]:.1f}; {count} images an epoch")
    sides = {name: start(*how, data) for name, how in made.items()}
    seconds = {name: [] for name in sides}
    for turn in range(-1, TURNS):
        for name, run in sides.items():
            # In a study nobody waits for the slower of two networks: what
            # counts is how many images they see in a second together.
            each = 1 / sum(1 / own for own in run())
            if turn >= 0:
                seconds[name].append(each)
    print(f"{'':<22}{'all turns':>10}{'median':>10}{'best':>10}  images/s")
    taken = seconds["Keras fit"]
    for name, own in seconds.items():
        print(
            f"{name:<22}{TURNS * count / sum(own):>10,.0f}"
            f"{count / median(own):>10,.0f}{count / min(own):>10,.0f}"
            f"; {sum(taken) / sum(own):.2f} times `fit` over all turns, "
            f"{median(taken) / median(own):.2f} by median, "
            f"{min(taken) / min(own):.2f} best beside best"
        )


def start(make, processes, data):
    """Returns the call that trains for an epoch in each of new processes.

    It gives the seconds that each of them took.
    """
    context = multiprocessing.get_context("spawn")
    ends = []
    for _ in range(processes):
        here, there = context.Pipe()
        context.Process(target=work, args=(there, make, data)).start()
        there.close()
        ends.append(here)

    def run():
        for end in ends:
            end.send("an epoch")
        return [end.recv() for end in ends]

    return run


def work(end, make, data):
    run = make(*data)
    while True:
        try:
            end.recv()
        except EOFError:
            return
        started = time.perf_counter()
        run()
        end.send(time.perf_counter() - started)


def read(source, count):
    if source is not None:
        data = load_images(source)
        return data.train_images[:count], data.train_labels[:count]
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, 28, 28, 1), np.uint8)
    return images, random.integers(0, 10, count).astype(np.int32)


def ours(images, labels):
    recipe = make_recipe({"learning_rate": RATE, "batch_size": BATCH})
    model = lenet((28, 28, 1), 10)
    optimizer = make_optimizer(recipe, steps=1)
    optimizer.build(model.trainable_variables)
    epoch = make_epoch(model, optimizer, recipe)
    held = tf.constant(images), tf.constant(labels)

    def run():
        loss, _ = epoch(*held, tf.constant(epoch_order(len(labels), 0, 0)))
        return float(loss)

    return run


def alone(images, labels):
    """On one core."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    return ours(images, labels)


def fit(images, labels):
    model = lenet((28, 28, 1), 10)
    model.compile(
        keras.optimizers.SGD(RATE),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    values = images.astype("float32") / 255
    how = {"batch_size": BATCH, "verbose": 0}
    return lambda: model.fit(values, labels, **how).history["loss"][0]


def torch_loader(images, labels):
    from torch.utils.data import DataLoader, TensorDataset

    values, targets, train = torch_loop(images, labels)
    loader = DataLoader(TensorDataset(values, targets), BATCH, shuffle=True)
    return lambda: train(loader)


def torch_indexed(images, labels):
    import torch

    values, targets, train = torch_loop(images, labels)

    def batches():
        for rows in torch.randperm(len(values)).split(BATCH):
            yield values[rows], targets[rows]

    return lambda: train(batches())


def torch_loop(images, labels):
    import torch
    from torch import nn

    values = torch.tensor(images[..., 0][:, None] / 255, dtype=torch.float32)
    targets = torch.tensor(labels.astype(np.int64))
    net = lenet_in_pytorch.lenet()
    optimizer = torch.optim.SGD(net.parameters(), RATE)
    criterion = nn.CrossEntropyLoss()

    def train(batches):
        total = right = 0.0
        for x, y in batches:
            optimizer.zero_grad()
            guessed = net(x)
            loss = criterion(guessed, y)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                total += float(loss) * len(y)
                right += float((guessed.argmax(1) == y).sum())
        return total, right

    return values, targets, train


if __name__ == "__main__":
    main(*sys.argv[1:])
