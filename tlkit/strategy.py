"""Where and how precisely to compute: the only place that says so."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator
from pathlib import Path

import keras
import tensorflow as tf

from tlkit.errors import UsageError
from tlkit.models.precision import POLICIES
from tlkit.models.specs import ConvBaseSpec

PRECISIONS = ("auto", *POLICIES)


def make_strategy(devices: int | str = 1) -> tf.distribute.Strategy:
    """Chooses the `tf.distribute` strategy for a number of devices.

    Args:
        devices: how many GPUs (or, without GPUs, logical CPU devices) train
            together on parts of each batch; `"all"` for every one there is.

    Returns:
        The default strategy for one device, else a `MirroredStrategy`.

    Raises:
        UsageError: there are not so many devices.
    """
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    found = [device.name for device in tf.config.list_logical_devices(kind)]
    wanted = len(found) if devices == "all" else int(devices)
    if not 1 <= wanted <= len(found):
        raise UsageError(
            "The number of devices is not possible here.",
            where="--devices",
            expected=f"1 to {len(found)} ({kind}), or all",
            received=devices,
        )
    if wanted == 1:
        return tf.distribute.get_strategy()
    # On CPUs the default all-reduce fails where Keras runs several steps.
    reduction = tf.distribute.ReductionToOneDevice() if kind == "CPU" else None
    return tf.distribute.MirroredStrategy(
        found[:wanted], cross_device_ops=reduction
    )


def fill_last_batch(
    batches: tf.data.Dataset, strategy: tf.distribute.Strategy
) -> tf.data.Dataset:
    """Makes every batch divisible among the replicas of a strategy.

    A last batch that is not gets its first images again, at most one fewer
    than there are replicas; TensorFlow fails on a replica without images.

    Args:
        batches: pairs of images and labels.
        strategy: a strategy of one replica leaves the batches as they are.
    """
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return batches

    def fill(images: tf.Tensor, labels: tf.Tensor) -> tuple:
        count = tf.shape(labels)[0]
        filled = tf.math.floordiv(count + replicas - 1, replicas) * replicas
        rows = tf.range(filled) % count
        return tf.gather(images, rows), tf.gather(labels, rows)

    return batches.map(fill)


def choose_precision(
    precision: str = "auto", conv_base: ConvBaseSpec | None = None
) -> str:
    """Resolves `"auto"` for this machine.

    Args:
        precision: one of `PRECISIONS`. `"auto"` means `mixed_bfloat16` on
            CPUs with AMX and GPUs from NVIDIA's Ampere on, where it is
            several times faster, and `float32` elsewhere.
        conv_base: what it is for; on a CPU some gain nothing by bfloat16,
            and `"auto"` then means `float32`.

    Returns:
        The name of a Keras dtype policy.

    Raises:
        UsageError: the name is unknown.
    """
    if precision not in PRECISIONS:
        raise UsageError(
            "Unknown precision.",
            where="--precision",
            expected=", ".join(PRECISIONS),
            received=precision,
        )
    if precision != "auto":
        return precision
    return "mixed_bfloat16" if _has_fast_bfloat16(conv_base) else "float32"


@contextlib.contextmanager
def computing_in(policy: str) -> Iterator[None]:
    """Layers built inside the block use this dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def describe_devices() -> dict[str, object]:
    """Returns processor, cores and GPUs, for a run's `environment.json`."""
    gpus = tf.config.list_physical_devices("GPU")
    return {
        "processor": _processor_name(),
        "logical_cpu_devices": len(tf.config.list_logical_devices("CPU")),
        "gpus": [
            tf.config.experimental.get_device_details(gpu).get("device_name")
            for gpu in gpus
        ],
    }


def _has_fast_bfloat16(conv_base: ConvBaseSpec | None) -> bool:
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        gains = conv_base is None or conv_base.fast_in_bfloat16
        return gains and "amx_bf16" in _cpu_info()
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    lowest = min(item.get("compute_capability", (0, 0)) for item in details)
    return lowest >= (8, 0)


def _processor_name() -> str:
    for line in _cpu_info().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cpu_info() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""
