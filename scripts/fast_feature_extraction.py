"""Way 2: the conv base runs once, a head is trained on what it gave.

    python scripts/fast_feature_extraction.py photos/ --base vgg16

The same flags as `tlkit features`, and the same code beneath.
"""

import tlkit
from tlkit.cli import print_result, read_data, run_script


def train(flags):
    data = read_data(flags.data, flags.validation_fraction, flags.test_fraction)
    # The second time the features come from the disk.
    features = tlkit.extract_features(
        data, flags.network, flags.training, flags.features_dtype
    )
    run = tlkit.train_on_features(features, flags.training, flags.run)
    print_result(run)


if __name__ == "__main__":
    run_script("features", train)
