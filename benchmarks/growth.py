"""Does time for each image, or memory, grow with the data set?

    python benchmarks/growth.py [COUNT ...]

For each number of images a new process extracts features (MiniVGG at 64
pixels, average pooling), and then trains a head for 3 epochs on what is
stored: a whole `tlkit.train`, which builds the base again. The pictures
are 500 drawn JPEG files, taken again and again under other digests, so that
each counts as an image of its own. Printed are milliseconds for each image
and the most memory the process held: in all, and without the pages of mapped
files, which the system takes back when it needs them.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

COUNTS = (500, 1000, 2000, 4000, 8000)
DRAWN = 500
CHILD = """
import json, os, sys, threading, time
from pathlib import Path
import numpy as np
import tlkit
from tlkit.data.index import DatasetIndex, Split

folder, count = Path(sys.argv[1]), int(sys.argv[2])
files = sorted(folder.glob("*.jpg"))

def split(count, name):
    return Split(
        tuple(files[number % len(files)] for number in range(count)),
        np.arange(count) % 2,
        tuple(f"{name}{number:030x}" for number in range(count)),
    )

peak = {"VmHWM": 0, "RssAnon": 0}

def look():
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in peak:
            peak[name] = max(peak[name], int(value.split()[0]) / 1e3)

def watch():
    while True:
        look()
        time.sleep(0.05)

threading.Thread(target=watch, daemon=True).start()
data = DatasetIndex("growth", "drawn", ("even", "odd"), {
    "train": split(count, "1e"), "validation": split(100, "7a")})

def plan(pooling):
    network = tlkit.Network("minivgg", image_size=64, pooling=pooling)
    return tlkit.Plan("features", network, recipe=tlkit.Recipe(epochs=3))

tlkit.extract_features(plan("max"), data)  # warm up: another key
started = time.perf_counter()
tlkit.extract_features(plan("average"), data)
extracted = time.perf_counter()
tlkit.train(plan("average"), data, folder / f"run-{count}")
trained = time.perf_counter()
look()
print(json.dumps({"extract": extracted - started,
                  "train": trained - extracted, **peak}))
"""


def main():
    counts = [int(text) for text in sys.argv[1:]] or COUNTS
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        draw(folder)
        print("images   extract ms  train ms   peak MB  without mapped files")
        for count in counts:
            row = measure(folder, count)
            each = 1e3 / count
            print(
                f"{count:>7,}{each * row['extract']:>12.2f}"
                f"{each * row['train']:>10.2f}{row['VmHWM']:>10,.0f}"
                f"{row['RssAnon']:>12,.0f}",
                flush=True,
            )


def draw(folder):
    from PIL import Image

    from tlkit.drawn.sample import draw_pets

    for number, image in enumerate(draw_pets(DRAWN, size=96)[0]):
        Image.fromarray(image).save(folder / f"{number:03d}.jpg")


def measure(folder, count):
    store = tempfile.mkdtemp(dir=folder)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), str(count)],
        env={**os.environ, "TLKIT_STORE": store, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
