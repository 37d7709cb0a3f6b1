"""Ten kills at random moments; `make faults` has two hundred."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_ten_kills_lose_nothing():
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("harness.py")],
        capture_output=True,
        text=True,
    )
    assert done.stdout, done.stderr[-3000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["problems"] == []
    killed = sum(
        count
        for counts in report["cases"].values()
        for name, count in counts.items()
        if name.startswith("SIG")
    )
    assert killed >= 10
