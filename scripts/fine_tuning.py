"""The way `finetune`: the top blocks of the conv base learn on.

    python scripts/fine_tuning.py photos/ --start runs/my-augmented-run

The same flags as `tlkit finetune`, and the same code beneath.
"""

import tlkit
from tlkit.cli import print_result, run_way_script


def train(request):
    # The learning rate is low: what the base knows is adjusted.
    print_result(tlkit.train(request.plan, request.data, request.run))


if __name__ == "__main__":
    run_way_script("finetune", train)
