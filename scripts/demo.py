"""The main job in three minutes, on drawn cats and dogs: nothing to download.

    make demo

Trains the small convnet without and with augmentation and measures both on
400 images that they have not seen. The ways that need a pretrained conv base
need its weights: see the README.
"""

import numpy as np

import tlkit
from tlkit import plots
from tlkit.cli import errors_in_words
from tlkit.progress import say
from tlkit.tables import describe_data, print_table, runs_table

IMAGE_SIZE = 128
EPOCHS = 40


def main():
    data = tlkit.load_dataset("cartoon")
    say(describe_data(data))
    runs = []
    for title, augmentation in (
        ("from scratch", None),
        ("from scratch, augmented", MILD),
    ):
        say(f"\n{title}")
        runs.append(
            tlkit.train_from_scratch(
                data,
                image_size=IMAGE_SIZE,
                augmentation=augmentation,
                training=tlkit.Training(epochs=EPOCHS, patience=15),
            )
        )
    print_table(runs_table(runs))
    print(f"curves:      {runs[-1].plots / 'curves.png'}")
    print(f"predictions: {draw_predictions(data, runs[-1])}")
    print(f"try:         tlkit predict {runs[-1].path} IMAGES...")


def draw_predictions(data, run):
    """Draws 24 test images with what the model says, mistakes in red."""
    split = data.split("test").select(np.arange(24))
    images = [split.read(row) for row in range(24)]
    shares = tlkit.load_classifier(run.path).predict(images)
    chosen = shares.argmax(axis=1)
    captions = [
        f"{data.class_names[label]} {row[label]:.0%}"
        for row, label in zip(shares, chosen, strict=True)
    ]
    path = run.plots / "predictions.png"
    right = chosen == split.labels
    plots.save(plots.draw_predictions(images, captions, right), path)
    return path


# Drawn animals stand upright: the book's 40 degrees would be too much.
MILD = tlkit.Augmentation(
    rotation_range=15, width_shift_range=0.1, height_shift_range=0.1
)

if __name__ == "__main__":
    with errors_in_words():
        main()
