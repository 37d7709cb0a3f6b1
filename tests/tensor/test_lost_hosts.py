"""A host that is lost while hosts join does not keep the others waiting."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from hosts_here import described, free_addresses

CHIEF = """
import json, sys
from tlkit.tensor.hosts import _alike
from tlkit.tensor.meeting import meet
meet(json.loads(sys.argv[1]), 0, _alike())
"""
OTHER = """
from tlkit.tensor import hosts
hosts._JOINING = 2
hosts.find_hosts()
"""


@pytest.mark.slow
def test_a_chief_that_is_lost_after_the_meeting():
    """TensorFlow itself would wait for an hour."""
    places = free_addresses(2)
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER],
        env={**os.environ, **described(places, 1)},
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
