"""Which conv bases gain by bfloat16 on this machine.

    python benchmarks/precision.py [BASE ...]

Batches of 32 in memory at each base's own size, float32 and bfloat16 taking
turns. `tlkit.models.specs` keeps what came out as `fast_in_bfloat16`.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from turns import median, take_turns

import tlkit
from tlkit.models.precision import computing_in
from tlkit.models.specs import BASES

BATCH, TURNS = 32, 3


def main():
    print("base              float32  bfloat16  images/s; ratio")
    for name in sys.argv[1:] or BASES:
        sides = {
            policy: step(tlkit.Network(name, "none").resolved(), policy)
            for policy in ("float32", "mixed_bfloat16")
        }
        exact, rough = (
            BATCH / median(seconds)
            for seconds in take_turns(sides, TURNS).values()
        )
        print(f"{name:<16}{exact:>9.1f}{rough:>10.1f}  {rough / exact:.2f}")


def step(network, policy):
    with computing_in(policy):
        base = network.build_base()
    images = np.random.default_rng(0).integers(
        0, 256, (BATCH, *network.image_size, 3), np.uint8
    )
    run = tf.function(lambda batch: base(batch, training=False))
    batch = tf.constant(images)
    return lambda: run(batch).numpy()


if __name__ == "__main__":
    main()
