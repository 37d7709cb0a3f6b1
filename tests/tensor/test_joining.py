"""A host that is lost while hosts join does not keep the others waiting."""

import json
import os
import socket
import subprocess
import sys

import pytest

CHIEF = """
import json, sys
from tlkit.tensor.meeting import meet
meet(json.loads(sys.argv[1]), 0)
"""
OTHER = """
from tlkit.tensor import hosts
hosts._JOINING = 2
hosts.find_hosts()
"""


@pytest.mark.slow
def test_a_chief_that_is_lost_after_the_meeting():
    """TensorFlow itself would wait for an hour."""
    doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    places = [f"127.0.0.1:{door.getsockname()[1]}" for door in doors]
    for door in doors:
        door.close()
    task = {"type": "worker", "index": 1}
    config = {"cluster": {"worker": places}, "task": task}
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER],
        env={**os.environ, "TF_CONFIG": json.dumps(config)},
        stderr=subprocess.PIPE,
        text=True,
    )
    command = [sys.executable, "-c", CHIEF, json.dumps(places)]
    subprocess.run(command, check=True)
    try:
        _, said = other.communicate(timeout=60)
    finally:
        other.kill()
    assert "TlkitError: The hosts cannot be joined." in said
