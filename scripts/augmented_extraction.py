"""The way `augmented`: a head on a frozen base that sees augmented images.

    python scripts/augmented_extraction.py photos/ --base vgg16

The same flags as `tlkit augmented`, and the same code beneath.
"""

import tlkit
from tlkit.cli import print_result, run_way_script


def train(request):
    # Some views of each image go through the base once, see --views.
    print_result(tlkit.train(request.plan, request.data, request.run))


if __name__ == "__main__":
    run_way_script("augmented", train)
