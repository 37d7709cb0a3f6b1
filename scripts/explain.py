"""What a classifier looks at: heat maps of pictures.

    python scripts/explain.py runs/my-run photos/test/cats --method gradcam

The same flags as `tlkit explain`, and the same code beneath.
"""

from tlkit.cli import run_script
from tlkit.tensor.starting import start_tensorflow


def explain(model, images, options):
    start_tensorflow()
    from tlkit.explain.explained import explain_pictures

    # All methods and models run on the same pictures, a batch at a time.
    done = explain_pictures(model, images, options)
    for record in done.records:
        # The box holds the hot region: what speaks most for the class.
        print(record["image"], record["class"], record["box"])
    print(*done.written, sep="\n")


if __name__ == "__main__":
    run_script("explain", explain)
