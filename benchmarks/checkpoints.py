"""What checkpoints cost: trainings with them and without, in turns.

    python benchmarks/checkpoints.py

The same training, with checkpoints as they are written and with none, on
drawn images: the convnet from scratch, and a head on the flat features of
MiniVGG, whose epochs are short and whose state is large. What is timed is
the training itself, from the first epoch to the last.
"""

import math
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from turns import median

import tlkit
from tlkit.drawn.make import write_sample
from tlkit.tensor.strategy import describe_devices
from tlkit.training import checkpoint, train

COUNTS, TURNS = {"train": 320, "validation": 80, "test": 16}, 7
PLANS = {
    "scratch": tlkit.Plan(
        "scratch",
        tlkit.Network(image_size=96),
        recipe=tlkit.Recipe(epochs=4, patience=100),
    ),
    "features": tlkit.Plan(
        "features",
        tlkit.Network("minivgg", image_size=128, pooling="flatten"),
        recipe=tlkit.Recipe(epochs=40, patience=100, batch_size=32),
    ),
}
USUAL = checkpoint._RARELY


def main():
    print(describe_devices()["processor"], os.cpu_count(), "cores")
    with tempfile.TemporaryDirectory() as place:
        os.environ["TLKIT_STORE"] = str(Path(place, "store"))
        data = tlkit.load_dataset(
            write_sample(Path(place, "pets"), COUNTS, image_size=128)
        )
        for name, plan in PLANS.items():
            measure(name, plan, data, Path(place))


def measure(name, plan, data, place):
    seconds, written = {"with": [], "without": []}, []
    sides = [("with", USUAL), ("without", math.inf)]
    for turn in range(TURNS + 1):
        # By turns also which of them is the first.
        for side, rarely in sides[:: 1 if turn % 2 else -1]:
            checkpoint._RARELY = rarely
            folder = place / f"{name}-{turn}-{side}"
            took, count = timed(plan, data, folder)
            if turn:  # the first one warms up
                seconds[side].append(took)
                written += [count] if side == "with" else []
    on, off = (median(seconds[side]) for side in seconds)
    print(
        f"{name:<10} with {on:.2f} s, without {off:.2f} s, "
        f"ratio {on / off:.3f}; checkpoints {median(written)}"
    )


def timed(plan, data, folder):
    took, count = [], []
    fit, write = train.fit, checkpoint.write_state

    def timing(*arguments):
        started = time.perf_counter()
        fit(*arguments)
        took.append(time.perf_counter() - started)

    def counting(*arguments):
        count.append(1)
        write(*arguments)

    train.fit, checkpoint.write_state = timing, counting
    try:
        tlkit.train(plan, data, folder)
    finally:
        train.fit, checkpoint.write_state = fit, write
    return took[0], len(count)


if __name__ == "__main__":
    main()
