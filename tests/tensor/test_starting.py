"""TensorFlow is loaded in silence, and stays silent."""

import subprocess
import sys

CODE = """
from tlkit.tensor.starting import start_tensorflow
start_tensorflow()
import sys
import tensorflow as tf
tf.get_logger().warning("traced anew")
tf.get_logger().error("cannot go on")
print("after it", file=sys.stderr)
"""


def test_only_errors_of_tensorflow_are_printed():
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True
    )
    assert done.returncode == 0
    error, after = done.stderr.splitlines()
    assert error.endswith("cannot go on")
    assert after == "after it"
