"""Rows of the LeNet study trained by PyTorch, as a second opinion.

    pip install torch
    python benchmarks/lenet_in_pytorch.py fashion_mnist.npz [SEEDS]

Where `tlkit study lenet` and the article disagree, a third implementation can
say whether it is tlkit: the same network, weights from Glorot's uniform
distribution, biases as PyTorch draws them, SGD for 10 epochs, batches of 256,
accuracy on all test images after the last epoch. One process on each core.
"""

import multiprocessing
import statistics
import sys

import numpy as np

from tlkit.base.machine import cores

EPOCHS, BATCH = 10, 256

ROWS = {
    "learning rate 0.9": {},
    "learning rate 1.2": {"rate": 1.2},
    "learning rate 1.3": {"rate": 1.3},
    "learning rate 1.4": {"rate": 1.4},
    "ReLU, learning rate 0.9": {"activation": "ReLU"},
    "ReLU, learning rate 0.3": {"activation": "ReLU", "rate": 0.3},
    "pooling 1: none at all": {"window": 1, "stride": 1},
    "pooling 1 at steps of 2": {"window": 1},
}


def main(source, seeds=4):
    seeds = range(int(seeds))
    jobs = [(source, seed, row) for row in ROWS.values() for seed in seeds]
    print(f"| row | mean of {len(seeds)} | each seed |")
    print("| --- | --- | --- |")
    context = multiprocessing.get_context("spawn")
    with context.Pool(cores()) as pool:
        found = pool.imap(accuracy, jobs, chunksize=1)
        for name in ROWS:
            read = [next(found) for _ in seeds]
            each = ", ".join(f"{value:.4f}" for value in read)
            print(
                f"| {name} | {statistics.mean(read):.4f} | {each} |", flush=True
            )


def accuracy(job):
    """Trains a network and returns its accuracy on the test images."""
    import torch
    from torch import nn

    source, seed, row = job
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    row = dict(row)
    rate = row.pop("rate", 0.9)
    (images, labels), test = read(source, "train"), read(source, "test")
    net = lenet(**row)
    optimizer = torch.optim.SGD(net.parameters(), rate)
    criterion = nn.CrossEntropyLoss()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            criterion(net(images[rows]), labels[rows]).backward()
            optimizer.step()
    with torch.no_grad():
        guesses = torch.cat([net(x).argmax(1) for x in test[0].split(1000)])
    return float((guesses == test[1]).float().mean())


def lenet(activation="Sigmoid", window=2, stride=2):
    """Returns the network of the study, its weights drawn anew."""
    from torch import nn

    act = getattr(nn, activation)
    side = (28 // stride - 4) // stride
    net = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), act(), nn.AvgPool2d(window, stride)),
        *(nn.Conv2d(6, 16, 5), act(), nn.AvgPool2d(window, stride)),
        *(nn.Flatten(), nn.Linear(16 * side**2, 120), act()),
        *(nn.Linear(120, 84), act(), nn.Linear(84, 10)),
    )
    for layer in net:
        if hasattr(layer, "weight"):
            nn.init.xavier_uniform_(layer.weight)
    return net


def read(source, split):
    import torch

    with np.load(source) as arrays:
        images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"]
    values = torch.tensor(images[:, None] / 255, dtype=torch.float32)
    return values, torch.tensor(labels.astype(np.int64))


if __name__ == "__main__":
    main(*sys.argv[1:])
