"""The way `features`: the conv base runs once, a head is trained on that.

    python scripts/fast_feature_extraction.py photos/ --base vgg16
    python scripts/fast_feature_extraction.py photos/ --base vgg16,minivgg

The same flags as `tlkit features`, and the same code beneath.
"""

import tlkit
from tlkit.cli import print_comparison, run_way_script


def train(request):
    # The second time the features come from the disk.
    compared = tlkit.compare_bases(
        request.plans, request.data, request.grid, request.run
    )
    print_comparison(compared)


if __name__ == "__main__":
    run_way_script("features", train)
