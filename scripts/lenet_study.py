"""The LeNet study: one factor after the other, each several times.

    python scripts/lenet_study.py --data fashion_mnist.npz --quick

The same flags as `tlkit study`, and the same code beneath.
"""

from pathlib import Path

from tlkit.cli import run_script
from tlkit.tensor.starting import start_tensorflow


def study(flags):
    start_tensorflow()
    from tlkit.experiments.images import load_images
    from tlkit.experiments.named import open_study
    from tlkit.experiments.report import write_report

    only = flags.only.split(",") if flags.only else ()
    chosen = open_study(flags.name, flags.quick, flags.repeats, only)
    images = load_images(flags.data)
    ending = "-quick" if flags.quick else ""
    folder = flags.output or Path("studies") / f"{chosen.name}{ending}"
    outcomes = chosen.run(images, folder, flags.processes)
    title = f"{chosen.name} on {images.name}"
    page, *_ = write_report(folder, title, outcomes, chosen.notes)
    print(page.read_text())


if __name__ == "__main__":
    run_script("study", study)
