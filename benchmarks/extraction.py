"""How near a conv base comes to what the processor can do.

    pip install openvino
    python benchmarks/extraction.py

VGG16 at 150 pixels on batches in memory: tlkit's frozen part and OpenVINO in
bfloat16 take turns, on the same cores, with the limit of the arithmetic in
between: a large product of bfloat16 matrices, once as such and once as the
1x1 convolution that it equals, which other kernels compute. The faster of the
two is the limit.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import openvino
import tensorflow as tf
from turns import median, take_turns

import tlkit
from tlkit.models.inputs import without_resize
from tlkit.models.precision import choose_precision, computing_in
from tlkit.tensor.strategy import describe_devices

SIZE, BATCH, TURNS, SIDE = 150, 32, 7, 4096


def main():
    print(describe_devices()["processor"], os.cpu_count(), "cores")
    network = tlkit.Network("vgg16", "none", SIZE).resolved()
    with computing_in(choose_precision()):
        base = network.build_base()
    images = np.random.default_rng(0).integers(
        0, 256, (BATCH, SIZE, SIZE, 3), np.uint8
    )
    sides = {
        "tlkit": run_tlkit(without_resize(base), tf.constant(images)),
        "openvino": run_openvino(network, images),
        "product": run_product(),
        "convolution": run_convolution(),
    }
    seconds = take_turns(sides, TURNS)
    rates = {name: BATCH / median(seconds[name]) for name in sides}
    work = multiply_adds(base)
    limits = {
        name: 2 * SIDE**3 / median(seconds[name])
        for name in ("product", "convolution")
    }
    limit = max(limits.values())
    print(f"tlkit       {rates['tlkit']:>8.1f} images/s")
    print(f"OpenVINO    {rates['openvino']:>8.1f} images/s")
    ratio = median(
        theirs / ours
        for ours, theirs in zip(
            seconds["tlkit"], seconds["openvino"], strict=True
        )
    )
    print(f"ratio to OpenVINO {ratio:.2f}")
    print(f"an image is {2 * work / 1e9:.1f} GFLOP")
    for name, rate in limits.items():
        print(f"{name:<12}{rate / 1e12:.2f} TFLOP/s")
    print(f"limit       {limit / (2 * work):>8.1f} images/s")
    print(f"share of the limit {rates['tlkit'] * 2 * work / limit:.2f}")


def run_tlkit(base, images):
    step = tf.function(lambda batch: base(batch, training=False))
    return lambda: step(images).numpy()


def run_openvino(network, images):
    pixels = keras.Input((SIZE, SIZE, 3), batch_size=BATCH)
    base = keras.applications.VGG16(
        include_top=False, weights=None, input_tensor=pixels
    )
    converted = openvino.convert_model(base)
    compiled = openvino.Core().compile_model(
        converted,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": "bf16",
            "PERFORMANCE_HINT": "THROUGHPUT",
            "NUM_STREAMS": "1",
        },
    )
    batch = images.astype("float32")
    return lambda: compiled(batch)


def run_product():
    matrix = tf.cast(tf.random.normal((SIDE, SIDE)), tf.bfloat16)
    step = tf.function(lambda: tf.matmul(matrix, matrix)[0, 0])
    return lambda: step().numpy()


def run_convolution():
    """As many multiply-adds: 16,384 places, 1,024 to 4,096 channels."""
    images = tf.cast(tf.random.normal((4, 64, 64, 1024)), tf.bfloat16)
    kernel = tf.cast(tf.random.normal((1, 1, 1024, 4096)), tf.bfloat16)
    step = tf.function(
        lambda: tf.nn.conv2d(images, kernel, 1, "SAME")[0, 0, 0, 0]
    )
    return lambda: step().numpy()


def multiply_adds(base):
    """Of all convolutions, for one image."""
    total = 0
    for layer in base.layers:
        if isinstance(layer, keras.layers.Conv2D):
            height, width = layer.output.shape[1:3]
            total += height * width * int(np.prod(layer.kernel.shape))
    return total


if __name__ == "__main__":
    main()
