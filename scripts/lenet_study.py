"""The LeNet study: one factor after the other, each several times.

    python scripts/lenet_study.py --data fashion_mnist.npz --quick

The same flags as `tlkit study`, and the same code beneath.
"""

from tlkit.base.console import use_log
from tlkit.cli import run_script
from tlkit.tensor.starting import start_tensorflow


def study(name, options, telling):
    use_log(telling.log)
    start_tensorflow()
    from tlkit.experiments.studied import run_study

    # What is finished in the folder already is read and not trained again.
    done = run_study(name, options)
    print(done.page.read_text())


if __name__ == "__main__":
    run_script("study", study)
