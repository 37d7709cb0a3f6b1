"""The way `scratch`: a small convnet trained from scratch.

    python scripts/train_from_scratch.py photos/ --augment book

The same flags as `tlkit scratch`, and the same code beneath.
"""

import tlkit
from tlkit.cli import print_result, run_way_script


def train(request):
    # Every image goes through the whole network, in every epoch.
    print_result(tlkit.train(request.plan, request.data, request.run))


if __name__ == "__main__":
    run_way_script("scratch", train)
