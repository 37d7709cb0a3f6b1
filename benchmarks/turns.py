"""Timing sides that take turns, so that a drifting machine decides nothing."""

import statistics
import time


def take_turns(sides, turns):
    """Returns `{name: [seconds, ...]}`; every side runs once to warm up."""
    for run in sides.values():
        run()
    seconds = {name: [] for name in sides}
    for _ in range(turns):
        for name, run in sides.items():
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def median(values):
    return statistics.median(values)
