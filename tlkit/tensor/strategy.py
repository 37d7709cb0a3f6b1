"""Chooses the devices that compute; no other file names them."""

from __future__ import annotations

import platform
from pathlib import Path

import tensorflow as tf

from tlkit.base.errors import UsageError


def count_devices(devices: int | str = 1) -> int:
    """Returns the number of devices that a plan asks for.

    Args:
        devices: Number of GPUs (or, without GPUs, of logical CPU devices)
            that train together on parts of each batch; `"all"` takes every
            one that the machine has.

    Raises:
        UsageError: The machine has fewer devices.
    """
    kind, found = _devices()
    wanted = len(found) if devices == "all" else int(devices)
    if not 1 <= wanted <= len(found):
        raise UsageError(
            "This number of devices is not possible on this machine.",
            where="--devices",
            expected=f"1 to {len(found)} ({kind}), or all",
            received=devices,
        )
    return wanted


def make_strategy(devices: int | str = 1) -> tf.distribute.Strategy:
    """Chooses the `tf.distribute` strategy for a number of devices.

    Args:
        devices: Number of devices or `"all"`, see `count_devices`.

    Returns:
        The default strategy for one device, else a `MirroredStrategy`.

    Raises:
        UsageError: The machine has fewer devices.
    """
    wanted = count_devices(devices)
    if wanted == 1:
        return tf.distribute.get_strategy()
    kind, found = _devices()
    # On CPUs the default all-reduce fails where Keras runs several steps in
    # one call.
    reduction = tf.distribute.ReductionToOneDevice() if kind == "CPU" else None
    return tf.distribute.MirroredStrategy(
        found[:wanted], cross_device_ops=reduction
    )


def _devices() -> tuple[str, list[str]]:
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    return kind, [one.name for one in tf.config.list_logical_devices(kind)]


def fill_last_batch(
    batches: tf.data.Dataset, strategy: tf.distribute.Strategy
) -> tf.data.Dataset:
    """Makes every batch divisible among the replicas of a strategy.

    A last batch that is not divisible gets its first images once more, which
    are fewer than there are replicas. TensorFlow fails where a replica has no
    images.

    Args:
        batches: Batches of images and labels, and of weights if there are
            some.
        strategy: The strategy. One of a single replica leaves the batches as
            they are.
    """
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return batches

    def fill(*parts: tf.Tensor) -> tuple:
        count = tf.shape(parts[1])[0]  # of the labels
        filled = tf.math.floordiv(count + replicas - 1, replicas) * replicas
        rows = tf.range(filled) % count
        return tuple(tf.gather(part, rows) for part in parts)

    return batches.map(fill)


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


def has_fast_bfloat16(without_gpu: bool = True) -> bool:
    """Returns whether this machine is much faster in bfloat16 than float32.

    Args:
        without_gpu: Whether the network is faster in bfloat16 on a CPU, too.
            False answers for GPUs alone.

    Returns:
        True on GPUs from NVIDIA's Ampere on and, without a GPU, on CPUs with
        AMX.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return without_gpu and "amx_bf16" in _cpu_info()
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    # All GPUs compute under the same policy, so the oldest one decides.
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
