"""The table of trackers, and of what they need."""

import re
from pathlib import Path

from tlkit.plans.plan import TRACKERS
from tlkit.training import trackers

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_each_name_has_a_function_and_an_extra():
    assert sorted(trackers.TRACKERS) == sorted(TRACKERS)
    extras = PROJECT.read_text("utf-8").partition("optional-dependencies]")[2]
    assert set(TRACKERS) <= set(re.findall(r"(?m)^(\w+) = \[", extras))
