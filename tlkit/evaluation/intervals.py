"""How sure a share is that was counted on so many images."""

from __future__ import annotations

from tlkit.base.records import INTERVAL, Column

#: What every interval of a share is called, in tables and sentences.
INTERVAL_NAME = "95 % interval"
INTERVAL_COLUMN = Column(INTERVAL_NAME, INTERVAL)
"""The column in which a table has `confidence_interval`."""


def confidence_interval(correct: int, count: int) -> tuple[float, float]:
    """Returns the interval that tlkit gives beside every accuracy.

    It is Wilson's. Whoever wants another one changes this function, and its
    name above if it is no longer one of 95 %: nothing else names the method.

    Args:
        correct: How many images were classified correctly, 0 to `count`.
        count: How many images there were, 1 or more.

    Returns:
        `(low, high)`, both in [0, 1].
    """
    return wilson_interval(correct, count)


def wilson_interval(correct: int, count: int) -> tuple[float, float]:
    """Returns the 95 % confidence interval of a share of successes.

    Wilson's score interval (E. B. Wilson, *Probable inference, the law of
    succession, and statistical inference*, JASA 22, 1927): unlike the
    normal approximation it stays inside [0, 1] and is right for shares
    near 0 and 1.

    Args:
        correct: The number of successes, 0 to `count`.
        count: The number of trials, 1 or more.

    Returns:
        `(low, high)`, both in [0, 1].

    Example:
        >>> low, high = wilson_interval(490, 500)
        >>> round(low, 3), round(high, 3)
        (0.964, 0.989)
    """
    # Tables of runs have their intervals already and do without SciPy.
    from scipy.stats import binomtest

    interval = binomtest(correct, count).proportion_ci(0.95, "wilson")
    return float(interval.low), float(interval.high)
