"""Way 1: a small convnet trained from scratch.

    python scripts/train_from_scratch.py photos/ --augment

The same flags as `tlkit scratch`, and the same code beneath.
"""

import tlkit
from tlkit.cli import print_result, read_data, run_script


def train(flags):
    data = read_data(flags.data, flags.validation_fraction, flags.test_fraction)
    run = tlkit.train_from_scratch(
        data,
        image_size=flags.image_size,
        augmentation=tlkit.Augmentation() if flags.augment else None,
        dropout=flags.dropout,
        l2=flags.l2,
        training=flags.training,
        run_folder=flags.run,
    )
    print_result(run)


if __name__ == "__main__":
    run_script("scratch", train)
