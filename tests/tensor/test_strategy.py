"""Two devices train the same model as one; each strategy in its own process."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tlkit.base.errors import UsageError
from tlkit.models.precision import choose_precision
from tlkit.models.specs import BASES
from tlkit.tensor.strategy import make_strategy

TRAIN = """
import json, sys
from dataclasses import replace
import tensorflow as tf
devices, folder = int(sys.argv[1]), sys.argv[2]
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * devices,
)
import tlkit
data = tlkit.load_dataset(sys.argv[3])
recipe = tlkit.Recipe(epochs=2, batch_size=24, precision="float32")
together = dict(recipe=recipe, machine=tlkit.Machine(devices))
network = tlkit.Network(
    "minivgg", image_size=32, pooling="average", units=8, dropout=0.0
)
convnet = tlkit.Network(image_size=64, dropout=0.0)
scratch = tlkit.train(
    tlkit.Plan("scratch", convnet, **together), data, folder + "/scratch"
)
plan = tlkit.Plan(
    "features", network, views=tlkit.Views(dtype="float32"), **together
)
features = tlkit.extract_features(plan, data)
head = tlkit.train(plan, data, folder + "/features")
tuned = tlkit.train(
    tlkit.Plan("finetune", augmentation="none", start=head, **together),
    data,
    folder + "/finetune",
)
together["recipe"] = replace(recipe, balance=True)
uneven = data.split("train").select(range(18))
balanced = tlkit.train(
    tlkit.Plan("scratch", convnet, **together),
    replace(data, splits={**data.splits, "train": uneven}),
    folder + "/balanced",
)
odd = tlkit.Plan(
    "scratch",
    tlkit.Network(image_size=64),
    recipe=tlkit.Recipe(epochs=1, batch_size=5),
    machine=tlkit.Machine(devices),
)
tlkit.train(odd, data, folder + "/odd")
print(json.dumps({
    "computed": features.computed,
    "losses": [run.history["val_loss"] for run in
        (scratch, head, tuned, balanced)],
    "features": features.arrays["test"][:].tolist(),
}))
"""


def train(devices, folder, data, monkeypatch):
    monkeypatch.setenv("TLKIT_STORE", str(folder / "store"))
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(devices), str(folder), str(data)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_two_devices_learn_what_one_learns(tmp_path, monkeypatch):
    from tlkit.drawn.make import write_sample

    # One batch an epoch: Keras takes one pass more from the data under a
    # strategy, so that the order of images is another.
    data = write_sample(
        tmp_path / "pets",
        {"train": 24, "validation": 10, "test": 5},
        image_size=48,
    )
    one = train(1, tmp_path / "one", data, monkeypatch)
    two = train(2, tmp_path / "two", data, monkeypatch)
    assert one["computed"] == two["computed"] == 39
    np.testing.assert_allclose(one["features"], two["features"], atol=1e-5)
    for alone, together in zip(one["losses"], two["losses"], strict=True):
        np.testing.assert_allclose(alone, together, rtol=1e-3)


def test_more_devices_than_there_are_is_a_usage_error():
    with pytest.raises(UsageError, match="number of devices"):
        make_strategy(1000)
    with pytest.raises(UsageError, match="number of devices"):
        make_strategy(0)


def test_one_device_is_the_default_strategy():
    assert make_strategy(1).num_replicas_in_sync == 1


def test_unknown_precision_is_a_usage_error():
    with pytest.raises(UsageError, match="Unknown precision"):
        choose_precision("float8")
    assert choose_precision("float32") == "float32"
    assert choose_precision("auto") in ("float32", "mixed_bfloat16")
    if not tf.config.list_physical_devices("GPU"):
        # Depthwise convolutions gain nothing by it on a processor.
        assert choose_precision("auto", BASES["mobilenet_v2"]) == "float32"
    asked = choose_precision("mixed_bfloat16", BASES["mobilenet_v2"])
    assert asked == "mixed_bfloat16"
