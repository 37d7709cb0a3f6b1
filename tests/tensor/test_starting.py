"""TensorFlow is loaded in silence, and Keras is made to compute with it."""

import json
import os
import subprocess
import sys

import pytest

CODE = """
from tlkit.tensor.starting import start_tensorflow
start_tensorflow()
import sys
import tensorflow as tf
tf.constant(1.0)
tf.get_logger().warning("traced anew")
tf.get_logger().error("cannot go on")
print("after it", file=sys.stderr)
"""


def run(code, home, **environment):
    """Runs Python whose Keras has a home of its own."""
    outer = {n: v for n, v in os.environ.items() if n != "KERAS_BACKEND"}
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**outer, "KERAS_HOME": str(home), **environment},
    )


def test_only_errors_of_tensorflow_are_printed(tmp_path):
    # A user's own level would let through what TensorFlow says of missing GPUs.
    done = run(CODE, tmp_path, TF_CPP_MIN_LOG_LEVEL="1")
    assert done.returncode == 0
    error, after = done.stderr.splitlines()
    assert error.endswith("cannot go on")
    assert after == "after it"


BUILT = """
import tlkit
model = tlkit.build_convnet(2, 48)
import keras
assert keras.config.backend() == "tensorflow"
assert keras.config.epsilon() == 1e-7
print(model.get_layer("resize").output.shape, model.get_weights()[0].dtype)
"""


def test_what_a_file_says_of_keras_is_set_aside_and_said(tmp_path):
    """Without this, jax is not found, and the channels come first."""
    config = {
        "backend": "jax",
        "image_data_format": "channels_first",
        "floatx": "float16",
        "epsilon": 0.001,
    }
    file = tmp_path / "keras.json"
    file.write_text(json.dumps(config))
    done = run(BUILT, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "(None, 48, 48, 3) float32\n"
    (note,) = [x for x in done.stderr.splitlines() if x.startswith("note: ")]
    for word in (*config.values(), str(file)):
        assert str(word) in note
    assert json.loads(file.read_text()) == config


@pytest.mark.parametrize("config", [[], {"epsilon": "x"}, {"floatx": 5}])
def test_a_file_of_keras_that_nobody_can_read_is_named(config, tmp_path):
    """TensorFlow reads it by itself, and it ended in a traceback."""
    file = tmp_path / "keras.json"
    file.write_text(json.dumps(config))
    code = "import sys; sys.argv = ['tlkit', 'describe', 'lenet5']; "
    done = run(code + "from tlkit.cli import main; main()", tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("Error: Keras does not start")
    assert str(file) in done.stderr


def test_a_backend_that_the_environment_names_is_refused(tmp_path):
    code = "from tlkit.cli import main; main()"
    command = f"import sys; sys.argv = ['tlkit', 'predict', 'a', 'b']; {code}"
    done = run(command, tmp_path, KERAS_BACKEND="torch")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: tlkit computes with TensorFlow")
    assert "KERAS_BACKEND=tensorflow" in done.stderr
    # What needs no Keras works as ever.
    code = "import tlkit; print(tlkit.find_runs('none'), tlkit.UsageError)"
    assert run(code, tmp_path, KERAS_BACKEND="torch").returncode == 0


@pytest.fixture
def change():
    """Changes how Keras computes, until the test ends."""
    import keras

    kept = keras.config.image_data_format(), keras.config.floatx()
    yield keras.config
    keras.config.set_image_data_format(kept[0])
    keras.config.set_floatx(kept[1])


def test_what_a_user_has_set_in_python_is_refused_and_kept(change):
    import tlkit

    change.set_image_data_format("channels_first")
    with pytest.raises(tlkit.UsageError, match="channels_last"):
        _ = tlkit.load_classifier
    assert change.image_data_format() == "channels_first"
    change.set_image_data_format("channels_last")
    change.set_floatx("float64")
    with pytest.raises(tlkit.UsageError, match=r"set_floatx\('float32'\)"):
        _ = tlkit.train
    change.set_floatx("float32")
    assert callable(tlkit.train)
