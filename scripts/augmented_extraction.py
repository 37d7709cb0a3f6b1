"""Way 3: a head trained with augmentation on a frozen base.

    python scripts/augmented_extraction.py photos/ --base vgg16

The same flags as `tlkit augmented`, and the same code beneath.
"""

import tlkit
from tlkit.cli import print_result, read_data, run_script


def train(flags):
    data = read_data(flags.data, flags.validation_fraction, flags.test_fraction)
    run = tlkit.train_augmented(
        data,
        flags.network,
        augmentation=tlkit.Augmentation(),
        training=flags.training,
        run_folder=flags.run,
        views=flags.views,
    )
    print_result(run)


if __name__ == "__main__":
    run_script("augmented", train)
