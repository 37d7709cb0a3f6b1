"""Hosts find each other, or say in words why they do not."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tlkit.base.errors import TlkitError, UsageError
from tlkit.tensor import hosts, meeting
from tlkit.tensor.meeting import meet

sys.path.insert(0, str(Path(__file__).parents[1]))

from hosts_here import free_addresses

SHARE = """
import hashlib, os, sys
from tlkit.tensor.starting import start_tensorflow
start_tensorflow()
from tlkit.tensor import hosts
own = sys.argv[1].encode() * 30001
for content in (b"", own[:1], own[:2], own, own[:5]):
    got = hosts.from_chief(content)
    print(hosts.is_chief(), len(got), hashlib.sha256(got).hexdigest())
hosts.wait_for_hosts()
print(hosts.find_hosts().count, hosts.find_hosts().number)
"""


def slurm(number, addresses):
    return {
        "SLURM_PROCID": str(number),
        "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_STEP_TASKS_PER_NODE": "2",
    }


def tf_config(number, addresses):
    # A chief apart from the workers is the first of all.
    kind = ("chief", "worker")[number]
    cluster = {"chief": addresses[:1], "worker": addresses[1:]}
    task = {"type": kind, "index": 0}
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}


@pytest.mark.parametrize("described", [tf_config, slurm])
def test_hosts_learn_what_the_chief_has(described):
    """Keras 3.15.1 and TensorFlow 2.21; two processes on one machine."""
    addresses = free_addresses(2)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", SHARE, f"host {number}"],
            env={**os.environ, **described(number, addresses)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    said = [process.communicate(timeout=600) for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    chief, other = (out.splitlines() for out, _ in said)
    assert [line.split()[1] for line in chief[:5]] == [
        *("0", "1", "2", "180006", "5")
    ]
    assert [line.split()[1:] for line in chief[:5]] == [
        line.split()[1:] for line in other[:5]
    ]
    assert {line.split()[0] for line in chief[:5]} == {"True"}
    assert {line.split()[0] for line in other[:5]} == {"False"}
    assert (chief[5], other[5]) == ("2 0", "2 1")
    assert "host 1 of 2" in said[0][1]
    assert "host 2 of 2" in said[1][1]


def test_one_host_alone_is_none(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert not hosts.are_described()
    alone = {"cluster": {"worker": ["localhost:1"]}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(alone))
    assert not hosts.are_described()
    # A shell inside an allocation is no step.
    monkeypatch.setenv("SLURM_NTASKS", "4")
    monkeypatch.setenv("SLURM_PROCID", "0")
    assert not hosts.are_described()
    assert hosts.find_hosts() is None
    assert hosts.is_chief()
    assert hosts.from_chief(b"content") == b"content"
    hosts.find_hosts.cache_clear()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("{", "not understood"),
        ("[]", "not understood"),
        ('{"cluster": {"worker": 3}}', "not understood"),
        ({"worker": ["a:1", "b:2"]}, "which of the hosts"),
        ({"worker": ["a:1", "b:2"], "index": 2}, "which of the hosts"),
        ({"worker": ["a:1", "b:2"], "index": "0"}, "which of the hosts"),
    ],
)
def test_a_description_that_is_wrong_is_a_usage_error(
    monkeypatch, config, words
):
    if isinstance(config, dict):
        task = {"type": "worker"}
        if "index" in config:
            task["index"] = config.pop("index")
        config = json.dumps({"cluster": config, "task": task})
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(UsageError, match=words):
        hosts.find_hosts()


def in_threads(calls):
    """Runs calls side by side; returns for each what it has raised."""
    raised = [None] * len(calls)

    def run(number):
        try:
            calls[number]()
        except Exception as error:
            raised[number] = error

    threads = [
        threading.Thread(target=run, args=(number,))
        for number in range(len(calls))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    return raised


def test_three_hosts_meet_whoever_else_calls():
    places = free_addresses(3)
    host, port = places[0].split(":")

    def stranger():
        for content in (b"GET / HTTP/1.1\r\n\r\n", b"", b'{"number": 7}\n'):
            try:
                with socket.create_connection((host, int(port)), 5) as line:
                    line.sendall(content)
            except OSError:
                pass

    calls = [lambda n=n: meet(places, n, {}) for n in (2, 1, 0)]
    assert in_threads([*calls, stranger]) == [None] * 4


@pytest.mark.parametrize("number", [0, 1])
def test_who_does_not_come_is_named(monkeypatch, number):
    monkeypatch.setattr(meeting, "MOST_SECONDS", 0.5)
    places = free_addresses(2)
    with pytest.raises(TlkitError, match="Not all hosts") as raised:
        meet(places, number, {})
    assert places[1 - number] in str(raised.value)


def test_hosts_that_are_not_alike_are_an_error_on_both_sides():
    places = free_addresses(2)
    chief, other = in_threads(
        [
            lambda: meet(places, 0, {"GPUs": 1, "keras": "1"}),
            lambda: meet(places, 1, {"GPUs": 1, "keras": "2"}),
        ]
    )
    for error in (chief, other):
        assert isinstance(error, UsageError)
        assert "expected:  {'keras': '1'}" in str(error)
        assert "received:  {'keras': '2'}" in str(error)
    assert places[1] in str(chief)


def test_a_port_in_use_is_an_error():
    with socket.create_server(("", 0)) as door:
        place = f"127.0.0.1:{door.getsockname()[1]}"
        with pytest.raises(TlkitError, match="port cannot be opened"):
            meet([place, "127.0.0.1:1"], 0, {})
