"""Why tlkit has a loop of its own: what Keras does on several devices.

Each test shows one fault of Keras 3.15.1 with TensorFlow 2.21 that
docs/devices.md names. Where one fails with another version the fault may be
gone, and what goes round it can go, too.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest
import tensorflow as tf

sys.path.insert(0, str(Path(__file__).parents[1]))

from hosts_here import described, free_addresses

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        (keras.__version__, tf.__version__) != ("3.15.1", "2.21.0"),
        reason="these are faults of Keras 3.15.1 with TensorFlow 2.21.0",
    ),
]

TWO_DEVICES = """
import json
import numpy as np
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)
import keras
strategy = tf.distribute.MirroredStrategy(
    ["CPU:0", "CPU:1"],
    cross_device_ops=tf.distribute.ReductionToOneDevice(),
)
facts = {}

with strategy.scope():
    dropout = keras.layers.Dropout(0.5, seed=1)
ones = tf.ones((1, 64))
drawn = strategy.experimental_local_results(
    tf.function(
        lambda: strategy.run(lambda: dropout(ones, training=True))
    )()
)
facts["dropout"] = bool((drawn[0].numpy() == drawn[1].numpy()).all())

passes = []
def images():
    passes.append(1)
    return np.ones((4, 2), np.float32)

def model():
    with strategy.scope():
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.set_weights([np.zeros((2, 1)), np.zeros(1)])
        model.compile(keras.optimizers.SGD(1.0), "mse")
    return model

def load(_):
    batch = tf.numpy_function(images, [], tf.float32)
    return tf.ensure_shape(batch, (4, 2)), tf.ones((4, 1))

batches = tf.data.Dataset.range(2).map(load)
model().fit(batches, epochs=1, verbose=0)
facts["passes"] = len(passes)

# Three images whose gradients differ: the step is that of one device only if
# each of them counts a third.
x = np.array([[1.0], [0.0], [0.0]], np.float32).repeat(2, 1)
for name, count in {"three": 3, "one": 1}.items():
    tried = model()
    y = np.ones((count, 1), np.float32)
    try:
        tried.fit(x[:count], y, batch_size=count, verbose=0)
        facts[name] = float(tried.get_weights()[0][0, 0])
    except Exception as error:
        facts[name] = type(error).__name__
print(json.dumps(facts))
"""

TWO_HOSTS = """
import numpy as np
import tensorflow as tf
strategy = tf.distribute.MultiWorkerMirroredStrategy()
import keras
with strategy.scope():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
try:
    model.fit(np.ones((8, 2)), np.ones((8, 1)), batch_size=4, verbose=0)
    print("trained")
except Exception as error:
    print("PerReplica" in str(error), flush=True)
"""


@pytest.fixture(scope="module")
def facts():
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_dropout_draws_the_same_on_each_device(facts):
    assert facts["dropout"]


def test_fit_reads_more_than_the_epoch_has(facts):
    """Two batches."""
    assert facts["passes"] > 2


def test_an_uneven_batch_is_weighed_wrongly(facts):
    """The step from 0 is 2 / 3 where each of three images counts alike."""
    assert isinstance(facts["three"], str) or abs(facts["three"] - 2 / 3) > 0.05


def test_fewer_images_than_devices_fail(facts):
    assert facts["one"] == "InvalidArgumentError"


def test_fit_fails_on_two_hosts():
    addresses = free_addresses(2)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", TWO_HOSTS],
            env={**os.environ, **described(addresses, number)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for number in range(2)
    ]
    said = [process.communicate(timeout=600)[0] for process in started]
    assert "trained" not in "".join(said)
    assert "True" in "".join(said)
