"""What a classifier looks at: heat maps of pictures.

    python scripts/explain.py runs/my-run photos/test/cats --method gradcam

The same flags as `tlkit explain`, and the same code beneath.
"""

from pathlib import Path

import tlkit
from tlkit.cli import run_script
from tlkit.tensor.starting import start_tensorflow


def explain(flags):
    start_tensorflow()
    from tlkit.explain.files import explain_files, pick_files
    from tlkit.explain.sheets import check_folder, write_sheet
    from tlkit.explain.through_epochs import write_animations

    classifier, name = tlkit.load_classifier(flags.model), flags.class_name
    beside = [tlkit.load_classifier(path) for path in flags.beside or []]
    files, _ = pick_files(classifier, flags.images, name, flags.top)
    told = files, flags.method.split(","), name, flags.layer
    folder = flags.output or Path("explained") / classifier.name
    if flags.through:
        gifs = write_animations(classifier, flags.through, *told, folder)
        print(*gifs, sep="\n")
        return
    check_folder(folder)
    found = explain_files([classifier, *beside], *told)
    title = f"What {classifier.name} looks at"
    for record in write_sheet(folder, found, title):
        print(record["image"], record["class"], record["box"])
    print(folder / "sheet.html")


if __name__ == "__main__":
    run_script("explain", explain)
