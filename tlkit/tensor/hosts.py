"""Several hosts that train one model: who they are, and which one writes.

Each host runs the same command. A description of them all comes by `TF_CONFIG`
or from SLURM. The first one is the chief: it alone writes the run, and what it
finds on its disk it tells the others.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tlkit.base.console import be_silent, say
from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.interruption import listen_again
from tlkit.base.machine import library_versions
from tlkit.tensor.meeting import meet

_CONFIG, _TASKS = "TF_CONFIG", "SLURM_STEP_NUM_TASKS"
#: The first port of a host that SLURM describes; it names none.
_PORT = 8888
#: Seconds for which hosts that have met wait for each other.
_JOINING = 60


@dataclass(frozen=True, eq=False)
class Hosts:
    """The hosts of this training.

    Args:
        strategy: The strategy that binds them together.
        count: Number of hosts.
        number: Number of this one, from 0.
    """

    strategy: tf.distribute.Strategy
    count: int
    number: int


def are_described() -> bool:
    """Returns whether the environment describes more than one host."""
    return _in_config() > 1 or _in_slurm() > 1


@functools.lru_cache(maxsize=1)
def find_hosts() -> Hosts | None:
    """Joins this host to the others, once in a process.

    Returns:
        The hosts; None where the environment describes no others.

    Raises:
        UsageError: What the environment says is not understood, or TensorFlow
            has computed something in this process already.
    """
    if not are_described():
        return None
    resolver = _resolver()
    addresses = _addresses(resolver)
    number = int(resolver.task_id)
    say(
        f"host {number + 1} of {len(addresses)}, {addresses[number]}: waiting "
        "for the others"
    )
    if number:
        be_silent()  # the same lines as the chief's
    meet(addresses, number, _alike())
    _limit_joining(len(addresses))
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy(resolver)
    except (RuntimeError, tf.errors.OpError) as error:
        raise _cannot_join(error) from error
    # TensorFlow has taken SIGTERM over, and does nothing with it.
    listen_again()
    return Hosts(strategy, len(addresses), number)


def _alike() -> dict[str, Any]:
    """Returns what all hosts must have alike."""
    gpus = len(tf.config.get_visible_devices("GPU"))
    return {"GPUs": gpus, **library_versions()}


def _limit_joining(count: int) -> None:
    """Lets TensorFlow wait for a minute for hosts that are known to be there.

    One may be killed while they join, and TensorFlow (2.21) would wait for an
    hour, in which it hears no signal. Only its internals can change that.
    """
    from tensorflow.python.eager import context

    config = tf.compat.v1.ConfigProto().experimental.coordination_config
    config.coordinated_job_list.add(name="worker", num_tasks=count)
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader="/job:worker/replica:0/task:0",
        cluster_register_timeout_in_ms=1000 * _JOINING,
        coordinated_jobs=list(config.coordinated_job_list),
    )


def _cannot_join(error: Exception) -> TlkitError:
    # TensorFlow says so where its devices were used before.
    if isinstance(error, RuntimeError) and "startup" in str(error):
        return UsageError(
            "The hosts cannot be joined any more: TensorFlow has computed "
            "something in this process already.",
            remedy="Train in a new process, before anything else.",
        )
    return TlkitError(
        "The hosts cannot be joined.",
        received=str(error).strip().splitlines()[0][:200],
        remedy="Check the addresses and ports of all hosts.",
    )


def _in_config() -> int:
    return len(_workers(_read_config()))


def _in_slurm() -> int:
    # Of a step that `srun` has started. A shell inside an allocation has
    # other variables, and nobody but itself runs a command there.
    text = os.environ.get(_TASKS, "")
    return int(text) if text.isdigit() and "SLURM_PROCID" in os.environ else 0


def _read_config() -> dict[str, Any]:
    text = os.environ.get(_CONFIG)
    if not text:
        return {}
    try:
        found = json.loads(text)
        _workers(found)
    except (ValueError, AttributeError, TypeError) as error:
        raise UsageError(
            f"The environment variable {_CONFIG} is not understood.",
            expected='{"cluster": {"worker": ["HOST:PORT", ...]}, '
            '"task": {"type": "worker", "index": 0}}',
            received=text[:200],
        ) from error
    return found


def _workers(config: dict[str, Any]) -> list[str]:
    """Returns the addresses of the hosts that compute, the chief first."""
    cluster = config.get("cluster", {})
    return [*cluster.get("chief", []), *cluster.get("worker", [])]


def _resolver() -> tf.distribute.cluster_resolver.ClusterResolver:
    if _in_config() > 1:
        return _resolver_of_config()
    # Its own way to count GPUs asks a program of NVIDIA's and fails without
    # it; and SLURM has given each task its GPUs already.
    most = _in_slurm()
    resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
        port_base=_PORT,
        gpus_per_node=most,
        gpus_per_task=1,
        auto_set_gpu=False,
    )
    resolver.cluster_spec()  # it fills in what the resolver is asked for
    resolver.task_type, resolver.task_id = resolver.get_task_info()
    return resolver


def _resolver_of_config() -> tf.distribute.cluster_resolver.ClusterResolver:
    config = _read_config()
    task = config.get("task", {})
    kind, index = task.get("type"), task.get("index")
    of_kind = config["cluster"].get(kind, [])
    whole = isinstance(index, int) and 0 <= index < len(of_kind)
    if kind not in ("chief", "worker") or not whole:
        raise UsageError(
            f"{_CONFIG} does not say which of the hosts this one is.",
            where=f"task in {_CONFIG}",
            expected="type chief or worker, and the index of one in cluster",
            received=json.dumps(task),
        )
    # As one list of equals: a chief apart would have a number of its own.
    workers = _workers(config)
    number = index if kind == "chief" else index + len(workers) - len(of_kind)
    return tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": workers}),
        task_type="worker",
        task_id=number,
        rpc_layer="grpc",
    )


def _addresses(resolver: Any) -> list[str]:
    return resolver.cluster_spec().as_dict()["worker"]


def is_chief() -> bool:
    """Returns whether this host writes: the first one, or the only one."""
    hosts = find_hosts()
    return hosts is None or hosts.number == 0


def from_chief(content: bytes) -> bytes:
    """Returns what the chief gives, on every host.

    Args:
        content: What the chief has; that of other hosts is not looked at.

    Raises:
        TlkitError: Another host is gone.
    """
    hosts = find_hosts()
    if hosts is None:
        return content
    mine = content if hosts.number == 0 else b""
    # As sums of whole numbers below 2**16, which every device adds exactly.
    length = np.array([len(mine)], np.uint64).view(np.uint16)
    length = _sum(hosts, length).view(np.uint64)[0]
    padded = np.zeros(int(length + length % 2), np.uint8)
    padded[: len(mine)] = np.frombuffer(mine, np.uint8)
    whole = _sum(hosts, padded.view(np.uint16)) if length else padded
    return whole.view(np.uint8)[: int(length)].tobytes()


def wait_for_hosts() -> None:
    """Returns when all hosts have come here.

    Raises:
        TlkitError: Another host is gone.
    """
    from_chief(b"")


def leave_hosts() -> None:
    """Returns when all hosts can end.

    The first one to end closes its connections, perhaps before others have
    read what was sent last. So there is a second wait, in which nobody waits
    for a result, and which may fail.

    Raises:
        TlkitError: Another host is gone, and did not come here.
    """
    wait_for_hosts()
    with contextlib.suppress(TlkitError):
        wait_for_hosts()


def _sum(hosts: Hosts, numbers: np.ndarray) -> np.ndarray:
    """Returns the sum of what the hosts give, uint16 numbers in a row."""
    strategy, values = hosts.strategy, numbers.astype(np.float32)

    def of_replica(context: Any) -> tf.Tensor:
        # A host gives its values once, however many devices it has.
        each = len(strategy.extended.worker_devices)
        first = context.replica_id_in_sync_group % each == 0
        return tf.constant(values if first else np.zeros_like(values))

    with gone_in_words():
        given = strategy.experimental_distribute_values_from_function(
            of_replica
        )
        added = strategy.experimental_local_results(_adder(strategy)(given))
        return added[0].numpy().astype(np.uint16)


@functools.lru_cache(maxsize=1)
def _adder(strategy: tf.distribute.Strategy) -> Any:
    """Compiles the sum once, for all lengths."""

    def add(own: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        # What only came in has no device yet.
        own = tf.identity(own)
        return context.all_reduce(tf.distribute.ReduceOp.SUM, own)

    return tf.function(
        lambda given: strategy.run(add, args=(given,)),
        reduce_retracing=True,
        autograph=False,
    )


@contextlib.contextmanager
def gone_in_words() -> Iterator[None]:
    """Turns TensorFlow's errors about a lost host into one in words.

    Raises:
        TlkitError: Another host is gone, or does not answer.
    """
    try:
        yield
    except (
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.DeadlineExceededError,
        tf.errors.InternalError,
        tf.errors.UnavailableError,
    ) as error:
        if find_hosts() is None:
            raise
        raise TlkitError(
            "Another host is gone, or does not answer.",
            received=_reason(error),
            remedy="See what the other hosts say, and give all of them the "
            "same command again: the run goes on from its checkpoint.",
        ) from error


def _reason(error: tf.errors.OpError) -> str:
    """Returns the line of TensorFlow's message that says something."""
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines if "aborted by" in line]
    return (telling or lines)[0].rpartition("aborted by: ")[2][:200]
