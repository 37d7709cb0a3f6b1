"""How long a step takes on N hosts: a model on paper.

    python benchmarks/hosts_model.py            # prints the tables
    python benchmarks/hosts_model.py --measure  # prints `ANCHORS` anew

A step on N hosts takes, for a batch of B images and G bytes of gradients,

    T(N) = B/N * (compute + input) + 2 (N-1)/N * G/W + 2 * 2 (N-1) * L

where compute and input are seconds an image on one host, W is the bandwidth
in bytes a second and L the latency of a message. The second term and half of
the third are those of an all-reduce in a ring (P. Patarasuk and X. Yuan,
Bandwidth optimal all-reduce algorithms for clusters of workstations, 2009);
the other half is a second one, of six numbers, in each step of tlkit's.
Gradients are float32, and so G is four times the number of trainable
parameters, which tlkit's own arithmetic gives.
"""

import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from turns import median
from ways import our_cut

import tlkit
from tlkit.data.index import Split
from tlkit.models.heads import HEAD_LAYERS
from tlkit.plans.recipe import ResolvedRecipe
from tlkit.sums.describe import describe_network
from tlkit.tensor.row_batches import make_row_batches
from tlkit.training.engine import compile_model

SIZE, MEASURED_BATCH, BATCH, ROUNDS = 150, 32, 256, 7
HOSTS = (1, 2, 4, 8, 16, 32, 64)
GIGABITS = (1, 10, 100)
#: Seconds of a message, by `benchmarks/devices.py`: half of what the sum of
#: one number takes between two processes here. TensorFlow's own work is most
#: of it, and the network's is beside it.
LATENCY = 5e-4
#: By name: milliseconds an image of compute and of input, on one host.
ANCHORS = {
    "vgg16 from block5": (14.55, 0.066),
    "a head on vgg16's rows": (0.20, 0.041),
    "mobilenet_v2 from block_13": (3.59, 0.042),
    "the convnet from scratch": (7.86, 0.368),
}


def networks():
    """Yields name, network whose weights are trained, and what is trained."""
    for base, size in (("vgg16", 150), ("mobilenet_v2", 224)):
        network = tlkit.Network(base, "none", size).resolved()
        layer = network.spec.fine_tune_from
        cut = our_cut(network, layer)
        yield f"{base} from {layer}", cut.whole, cut.suffix
        if base == "vgg16":
            cut = our_cut(network, HEAD_LAYERS[0])
            yield "a head on vgg16's rows", cut.whole, cut.suffix
    convnet = tlkit.build_convnet(2, SIZE)
    yield "the convnet from scratch", convnet, convnet


def measure():
    for name, whole, learner in networks():
        shape = [size or SIZE for size in learner.input_shape[1:]]
        compute = compute_of(learner, shape)
        given = input_of(learner is whole, shape)
        print(f'    "{name}": ({1000 * compute:.2f}, {1000 * given:.3f}),')


def compute_of(learner, shape):
    """Returns the seconds of a step for an image."""
    recipe = ResolvedRecipe(1e-4, MEASURED_BATCH, 1, precision="float32")
    compile_model(learner, recipe, 1)
    images = np.ones((MEASURED_BATCH, *shape), np.float32)
    labels = np.arange(MEASURED_BATCH) % 2
    learner.train_on_batch(images, labels)  # compiles
    seconds = seconds_of(lambda: learner.train_on_batch(images, labels))
    return seconds / MEASURED_BATCH


def seconds_of(run):
    """Returns the median of some rounds.

    It is processor time divided by the number of cores, as the machine does
    other work beside it.
    """
    seconds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        run()
        seconds.append((time.process_time() - started) / os.cpu_count())
    return median(seconds)


def input_of(has_pixels, shape):
    """Returns the seconds in which an image, or a row, is brought."""
    count = 8 * MEASURED_BATCH
    labels = np.arange(count) % 2
    if has_pixels:
        images = np.zeros((count, *shape), np.uint8)
        split = Split(images, labels, tuple(map(hex, range(count))))
        index = tlkit.DatasetIndex("a", "a", ("b", "c"), {"train": split})
        how = tlkit.Augmentation()
        batches = tlkit.make_batches(
            index, "train", SIZE, MEASURED_BATCH, how, seed=0
        )
    else:
        rows = np.zeros((count, *shape), np.float16)
        batches = make_row_batches([rows], labels, MEASURED_BATCH, seed=0)
    return seconds_of(lambda: [None for _ in batches]) / count


def step(name, gradients, hosts, gigabits):
    """Returns the seconds of a step."""
    compute, given = (value / 1000 for value in ANCHORS[name])
    return (
        BATCH / hosts * (compute + given)
        + 2 * (hosts - 1) / hosts * gradients / (gigabits * 1e9 / 8)
        + 2 * 2 * (hosts - 1) * LATENCY
    )


def pays_until(name, gradients, gigabits):
    """Returns the most hosts that halve the step, or nearly: by 1.6."""
    last = 1
    for hosts in HOSTS[1:]:
        before = step(name, gradients, hosts // 2, gigabits)
        if before / step(name, gradients, hosts, gigabits) < 1.6:
            break
        last = hosts
    return last


def main():
    if "--measure" in sys.argv:
        measure()
        return
    head = " | ".join(f"{hosts}" for hosts in HOSTS)
    print(f"| what | gradients | Gbit/s | {head} | pays until |")
    print("|---|---|---|" + "---|" * (len(HOSTS) + 1))
    for name, whole, _ in networks():
        gradients = 4 * describe_network(whole).trainable
        for gigabits in GIGABITS:
            steps = [step(name, gradients, n, gigabits) for n in HOSTS]
            gains = " | ".join(f"{steps[0] / s:.1f}" for s in steps[1:])
            print(
                f"| {name} | {gradients / 1e6:.1f} MB | {gigabits} | "
                f"{steps[0]:.3g} s | {gains} | "
                f"{pays_until(name, gradients, gigabits)} |"
            )


if __name__ == "__main__":
    main()
