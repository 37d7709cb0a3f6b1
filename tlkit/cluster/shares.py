"""What a worker gets of a cluster: its share of cores, and a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: A network gains little from more cores than this; another actor gains more.
_MOST_CORES = 4


@dataclass(frozen=True)
class Share:
    """How a cluster is divided.

    Attributes:
        workers: Number of workers that the cluster has room for.
        cores: Number of cores, and so of TensorFlow's threads, of each.
        gpus: Number of GPUs of each, 0 or 1.
    """

    workers: int
    cores: int
    gpus: int


def find_share(ray: Any, cores: int | None = None) -> Share:
    """Divides the hosts of a cluster among workers.

    Where there are GPUs, each is one worker's, with its part of the cores of
    its host. Else a worker has half the cores of a host, four at most.

    Args:
        ray: The module; it is running.
        cores: Number of cores of each worker, unless it has a GPU; None for
            as many as said above.

    Example:
        Two cores make two workers of one core each; hosts of 16 cores have
        four workers each.
    """
    hosts = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    with_gpu = [host for host in hosts if host.get("GPU", 0) >= 1]
    if with_gpu:
        least = min(host.get("CPU", 1) // host["GPU"] for host in with_gpu)
        count = sum(int(host["GPU"]) for host in with_gpu)
        return Share(count, max(1, int(least)), 1)
    found = [int(host["CPU"]) for host in hosts if host.get("CPU", 0) >= 1]
    if cores is None:
        cores = max(1, min(_MOST_CORES, min(found, default=1) // 2))
    return Share(max(1, sum(own // cores for own in found)), cores, 0)
