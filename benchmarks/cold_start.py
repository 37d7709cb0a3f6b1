"""How long each command takes before it does anything.

    python benchmarks/cold_start.py

Wall time of whole commands in new processes, the median of 5; beside them,
in turns, what a Python script pays that imports Keras.
"""

import subprocess
import sys

from turns import median, take_turns

TURNS = 5
COMMANDS = {
    "tlkit --help": ["-m", "tlkit", "--help"],
    "tlkit features --help": ["-m", "tlkit", "features", "--help"],
    "tlkit store where": ["-m", "tlkit", "store", "where"],
    "tlkit store ls": ["-m", "tlkit", "store", "ls"],
    "tlkit runs": ["-m", "tlkit", "runs"],
    "tlkit features nowhere": ["-m", "tlkit", "features", "nowhere"],
    "import tlkit": ["-c", "import tlkit"],
    "import keras (TensorFlow)": ["-c", "import keras"],
    "import numpy": ["-c", "import numpy"],
}


def main():
    sides = {
        name: lambda words=words: subprocess.run(
            [sys.executable, *words], capture_output=True, check=False
        )
        for name, words in COMMANDS.items()
    }
    for name, seconds in take_turns(sides, TURNS).items():
        print(f"{name:<28}{median(seconds):>8.2f} s")


if __name__ == "__main__":
    main()
