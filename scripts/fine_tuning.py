"""Way 4: the top blocks of the conv base learn on, gently.

    python scripts/fine_tuning.py photos/ --start runs/my-augmented-run

The same flags as `tlkit finetune`, and the same code beneath.
"""

import tlkit
from tlkit.cli import print_result, read_data, run_script


def train(flags):
    data = read_data(flags.data, flags.validation_fraction, flags.test_fraction)
    run = tlkit.fine_tune(
        data,
        flags.start,
        from_layer=flags.from_layer,
        augmentation=tlkit.Augmentation(),
        training=flags.training,
        run_folder=flags.run,
        views=flags.views,
    )
    print_result(run)


if __name__ == "__main__":
    run_script("finetune", train)
