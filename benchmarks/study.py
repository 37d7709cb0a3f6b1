"""LeNet at batch 256: images a second beside what one would run instead.

    pip install torch
    python benchmarks/study.py [FILE.npz] [IMAGES]

tlkit's training, plain Keras `fit` from a NumPy array, and the loop of "Dive
into Deep Learning", chapter 6, in PyTorch if that is installed: once through
a `DataLoader`, once by indexing tensors in memory. All train the same network
in float32 by SGD on all cores, in a new random order, with running loss and
accuracy; the sides take turns with one epoch each. Without a file the images
are random, which changes nothing about the time.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from turns import median, take_turns

from tlkit.models.classic import lenet
from tlkit.strategy import describe_devices
from tlkit.study.images import load_images
from tlkit.study.recipe import Recipe
from tlkit.study.training import epoch_order, make_epoch

BATCH, RATE, TURNS = 256, 0.9, 5


def main(source=None, count=15360):
    count = int(count)
    images, labels = read(source, count)
    print(describe_devices()["processor"], os.cpu_count(), "cores")
    print(f"load {os.getloadavg()[0]:.1f}; {count} images an epoch")
    sides = {"tlkit": ours(images, labels), "Keras fit": fit(images, labels)}
    try:
        sides |= torch_loops(images, labels)
    except ImportError:
        print("PyTorch is not installed")
    seconds = take_turns(sides, TURNS)
    for name, values in seconds.items():
        ratio = median(values) / median(seconds["tlkit"])
        print(
            f"{name:<22}{count / median(values):>9,.0f} images/s, "
            f"best {count / min(values):>9,.0f}; ratio {ratio:.2f}"
        )


def read(source, count):
    if source is not None:
        data = load_images(source)
        return data.train_images[:count], data.train_labels[:count]
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, 28, 28, 1), np.uint8)
    return images, random.integers(0, 10, count).astype(np.int32)


def ours(images, labels):
    model, recipe = lenet((28, 28, 1), 10), Recipe(RATE, BATCH)
    optimizer = recipe.make_optimizer(1)
    optimizer.build(model.trainable_variables)
    epoch = make_epoch(model, optimizer, recipe)
    held = tf.constant(images), tf.constant(labels)

    def run():
        loss, _ = epoch(*held, tf.constant(epoch_order(len(labels), 0, 0)))
        return float(loss)

    return run


def fit(images, labels):
    model = lenet((28, 28, 1), 10)
    model.compile(
        keras.optimizers.SGD(RATE),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    values = images.astype("float32") / 255
    return lambda: model.fit(values, labels, batch_size=BATCH, verbose=0)


def torch_loops(images, labels):
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    values = torch.tensor(images[..., 0][:, None] / 255, dtype=torch.float32)
    targets = torch.tensor(labels.astype(np.int64))
    net = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2, 2)),
        *(nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2, 2)),
        *(nn.Flatten(), nn.Linear(400, 120), nn.Sigmoid()),
        *(nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10)),
    )
    optimizer = torch.optim.SGD(net.parameters(), RATE)
    criterion = nn.CrossEntropyLoss()
    loader = DataLoader(TensorDataset(values, targets), BATCH, shuffle=True)

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

    def indexed():
        for rows in torch.randperm(len(values)).split(BATCH):
            yield values[rows], targets[rows]

    return {
        "PyTorch, DataLoader": lambda: train(loader),
        "PyTorch, from memory": lambda: train(indexed()),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
