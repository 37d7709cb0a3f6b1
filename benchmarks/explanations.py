"""Heat maps side by side with pytorch-grad-cam and tf-keras-vis.

    pip install torch torchvision grad-cam tf-keras-vis
    python benchmarks/explanations.py agreement
    python benchmarks/explanations.py speed gradcam layercam smoothgrad
    python benchmarks/explanations.py speed scorecam --turns 2
    python benchmarks/explanations.py speed gradcam --network vgg16

One network with the same weights in Keras and in PyTorch, one batch of 32
drawn cats and dogs. `agreement` prints the correlation of the maps, image by
image; `speed` the time, in float32 and with as many threads on each side.
"""

import argparse
import contextlib
import functools
import os
import time
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import explanation_peers as peers
import keras
import numpy as np
import tensorflow as tf
import torch
from threadpoolctl import threadpool_limits
from turns import median

from tlkit.drawn.sample import draw_pets
from tlkit.explain.methods.noise import noisy_copies
from tlkit.explain.methods.registry import METHODS, draw_heat_maps
from tlkit.explain.opened.heat import enlarge
from tlkit.explain.opened.network import OpenNetwork
from tlkit.models.minivgg import MiniVGG

SAMPLES, NOISE = 16, 0.15
SIZES = {"minivgg": 96, "vgg16": 150}
LAYERS = {"minivgg": "block5_conv2", "vgg16": "block5_conv3"}


class Bench:
    """The network in both libraries, images, and classes to explain."""

    def __init__(self, name, count):
        keras.utils.set_random_seed(0)
        size = SIZES[name]
        self.model = build(name, size)
        self.layer = LAYERS[name]
        images, _, _ = draw_pets(count, size)
        self.images = (images / 127.5 - 1).astype(np.float32)
        self.network, named = peers.copy_to_torch(self.model)
        self.module = named[self.layer]
        self.labels = self.check_logits().argmax(axis=1).astype(np.int64)

    def check_logits(self):
        """Both libraries' logits are equal, or nothing else would mean much."""
        ours = OpenNetwork(self.model).scores(tf.constant(self.images))
        with torch.no_grad():
            theirs = self.network(peers.torch_pixels(self.images))
        np.testing.assert_allclose(ours, theirs, atol=1e-3)
        return np.asarray(ours)

    def tlkit(self, method):
        """Returns what draws with tlkit."""
        layer = self.layer if METHODS[method].has_layer else None
        return lambda: draw_heat_maps(
            self.model, self.images, method, self.labels, layer
        )

    def torch(self, method):
        """Returns what draws with pytorch-grad-cam."""
        return peers.torch_side(
            method, self.network, self.module, self.images, self.labels
        )

    def keras(self, method, **options):
        """Returns what draws with tf-keras-vis."""
        given = self.images, self.labels
        if method in ("saliency", "smoothgrad"):
            return peers.keras_saliency_side(self.model, *given, **options)
        return peers.keras_side(
            method, self.model, self.layer, *given, **options
        )


def build(name, size):
    """A VGG with a head of 64 units and fixed random weights."""
    pixels = keras.Input((size, size, 3))
    base = (
        MiniVGG(pixels, "tlkit")
        if name == "minivgg"
        else keras.applications.VGG16(
            include_top=False, weights=None, input_tensor=pixels
        )
    )
    x = keras.layers.Flatten()(base.output)
    x = keras.layers.Dense(64, activation="relu")(x)
    x = keras.layers.Dense(2, activation="softmax")(x)
    return keras.Model(base.input, x)


def compare(bench, methods):
    print(f"{'correlation of maps':<46}{'median':>9}{'lowest':>9}")
    for method in methods:
        ours = bench.tlkit(method)()
        for title, theirs in peer_maps(bench, method):
            found = correlations(ours, theirs)
            print(
                f"{method + ', ' + title:<46}"
                f"{np.median(found):>9.4f}{found.min():>9.4f}",
                flush=True,
            )


def peer_maps(bench, method):
    size = bench.images.shape[1:3]
    if method in peers.TORCH:
        yield "pytorch-grad-cam", bench.torch(method)()
    if method in peers.KERAS:
        small = bench.keras(method, expand_cam=False, normalize_cam=False)()
        yield "tf-keras-vis, enlarged alike", enlarge(small, size)
        yield "tf-keras-vis", bench.keras(method)()
    if method == "scorecam":
        with masks_between_centres():
            maps = bench.torch(method)()
        yield "pytorch-grad-cam, masks enlarged alike", maps
    if method == "saliency":
        given = bench.network, bench.images, bench.labels
        gradients = peers.torch_gradients(*given)
        yield "PyTorch's gradients", np.abs(gradients).max(axis=3)
        yield "tf-keras-vis", bench.keras(method)()
    if method == "smoothgrad":
        yield from smoothgrad_maps(bench)


def masks_between_centres():
    """Lets pytorch-grad-cam interpolate masks as it does maps."""
    upsample = functools.partial(torch.nn.Upsample, mode="bilinear")
    return mock.patch("torch.nn.UpsamplingBilinear2d", upsample)


def smoothgrad_maps(bench):
    options = {"smooth_samples": SAMPLES, "smooth_noise": NOISE}
    with tlkit_noise(bench.images):
        signed = bench.keras(
            "smoothgrad",
            gradient_modifier=None,
            keepdims=True,
            normalize_map=False,
            **options,
        )()
        yield "tf-keras-vis, signed", np.abs(signed).max(axis=3)
        yield "tf-keras-vis", bench.keras("smoothgrad", **options)()


@contextlib.contextmanager
def tlkit_noise(images):
    """Lets tf-keras-vis add the noise that tlkit adds."""
    copies = np.stack(list(noisy_copies(images, SAMPLES, NOISE, seed=0)))
    with mock.patch("numpy.random.normal", return_value=copies - images):
        yield


def correlations(ours, theirs):
    pairs = zip(ours, theirs, strict=True)
    found = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs]
    return np.array(found)


def measure(bench, methods, turns):
    print(
        f"{'ms for an image':<30}{'elapsed':>9}{'ratio':>7}"
        f"{'processor':>11}{'ratio':>7}"
    )
    for method in methods:
        sides = {"tlkit": bench.tlkit(method)}
        if method in peers.TORCH:
            sides["pytorch-grad-cam"] = bench.torch(method)
        if method in peers.KERAS or method == "saliency":
            sides["tf-keras-vis"] = bench.keras(method)
        if method == "smoothgrad":
            sides["tf-keras-vis"] = bench.keras(
                method, smooth_samples=SAMPLES, smooth_noise=NOISE
            )
        show(method, take_turns(sides, turns), len(bench.images))


def take_turns(sides, turns):
    """Like `turns.take_turns`, with the processor's time beside the clock's.

    On a busy machine the clock also counts what others compute.
    """
    for run in sides.values():
        run()
    seconds = {name: [] for name in sides}
    for _ in range(turns):
        for name, run in sides.items():
            started = time.perf_counter(), time.process_time()
            run()
            ended = time.perf_counter(), time.process_time()
            seconds[name].append(np.subtract(ended, started))
    return seconds


def show(method, seconds, count):
    ours = np.array(seconds["tlkit"])
    for name, taken in seconds.items():
        elapsed, processor = 1000 * np.median(taken, axis=0) / count
        ratios = [median(column) for column in (taken / ours).T]
        print(
            f"{method + ', ' + name:<30}{elapsed:>9.2f}{ratios[0]:>7.2f}"
            f"{processor:>11.2f}{ratios[1]:>7.2f}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("agreement", "speed"))
    parser.add_argument("methods", nargs="*")
    parser.add_argument("--network", choices=SIZES, default="minivgg")
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=5)
    flags = parser.parse_args()
    threadpool_limits(flags.threads)  # NumPy's, which each side uses
    torch.set_num_threads(flags.threads)
    tf.config.threading.set_intra_op_parallelism_threads(flags.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    bench = Bench(flags.network, flags.images)
    methods = flags.methods or [*peers.TORCH, "saliency", "smoothgrad"]
    if flags.what == "agreement":
        compare(bench, methods)
    else:
        measure(bench, methods, flags.turns)


if __name__ == "__main__":
    main()
