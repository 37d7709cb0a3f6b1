"""Way 2: the conv base runs once, a head is trained on what it gave.

    python scripts/fast_feature_extraction.py photos/ --base vgg16
    python scripts/fast_feature_extraction.py photos/ --base vgg16,minivgg

The same flags as `tlkit features`, and the same code beneath.
"""

import tlkit
from tlkit.cli import print_comparison, read_data, run_script


def train(flags):
    data = read_data(flags.data, flags.validation_fraction, flags.test_fraction)
    # The second time the features come from the disk.
    compared = tlkit.compare_bases(
        data,
        flags.networks,
        flags.training,
        flags.features_dtype,
        flags.grid,
        flags.run,
    )
    print_comparison(compared)


if __name__ == "__main__":
    run_script("features", train)
