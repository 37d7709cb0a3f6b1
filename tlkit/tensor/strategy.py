"""Chooses the devices that compute; no other file names them."""

from __future__ import annotations

import platform
from pathlib import Path

import tensorflow as tf

from tlkit.base.errors import UsageError
from tlkit.base.machine import ALL, AUTO, CPU
from tlkit.tensor.hosts import Hosts, find_hosts


def count_devices(devices: int | str = "auto") -> int:
    """Returns the number of devices that a plan asks for.

    Args:
        devices: Number of GPUs (or, without GPUs, of logical CPU devices)
            that train together on parts of each batch; `"all"` takes every
            one that the machine has, `"cpu"` no GPU, and `"auto"` one GPU or,
            without GPUs, the CPU. Where several hosts train together, they
            take all of their devices.

    Raises:
        UsageError: The machine, or the hosts together, have another number
            of devices.
    """
    if devices == CPU:
        _hide_gpus()
    hosts = find_hosts()
    if hosts is not None:
        return _of_hosts(devices, hosts)
    kind, found = _devices()
    if devices in (AUTO, CPU):
        return 1
    wanted = len(found) if devices == ALL else int(devices)
    if not 1 <= wanted <= len(found):
        raise UsageError(
            "This number of devices is not possible on this machine.",
            where="--devices",
            expected=f"1 to {len(found)} ({kind}), or all",
            received=devices,
        )
    return wanted


def _of_hosts(devices: int | str, hosts: Hosts) -> int:
    count = hosts.strategy.num_replicas_in_sync
    if devices not in (AUTO, CPU, ALL, count):
        raise UsageError(
            "Several hosts train with all of their devices.",
            where="--devices",
            expected=f"auto, cpu, all or {count}, on {hosts.count} hosts",
            received=devices,
        )
    return count


def _hide_gpus() -> None:
    try:
        tf.config.set_visible_devices([], "GPU")
    except RuntimeError as error:
        if not tf.config.list_logical_devices("GPU"):
            return
        raise UsageError(
            "The GPUs cannot be left out any more: TensorFlow uses them in "
            "this process already.",
            where="--devices",
            received=CPU,
            remedy="Train in a new process.",
        ) from error


def make_strategy(devices: int | str = "auto") -> tf.distribute.Strategy:
    """Chooses the `tf.distribute` strategy for a number of devices.

    Args:
        devices: Number of devices or a word, see `count_devices`.

    Returns:
        The default strategy for one device, a `MirroredStrategy` for several,
        and a `MultiWorkerMirroredStrategy` for several hosts.

    Raises:
        UsageError: See `count_devices`.
    """
    wanted = count_devices(devices)
    hosts = find_hosts()
    if hosts is not None:
        return hosts.strategy
    if wanted == 1:
        return tf.distribute.get_strategy()
    kind, found = _devices()
    # On CPUs the default all-reduce fails where several steps run in one call.
    reduction = tf.distribute.ReductionToOneDevice() if kind == "CPU" else None
    return tf.distribute.MirroredStrategy(
        found[:wanted], cross_device_ops=reduction
    )


def _devices() -> tuple[str, list[str]]:
    kind = "GPU" if tf.config.get_visible_devices("GPU") else "CPU"
    return kind, [one.name for one in tf.config.list_logical_devices(kind)]


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
