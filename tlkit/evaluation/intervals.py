"""Confidence intervals of shares, such as an accuracy."""

from __future__ import annotations

from tlkit.base.records import INTERVAL, Column

#: Name of every interval of a share, in tables and in sentences.
INTERVAL_NAME = "95 % interval"
INTERVAL_COLUMN = Column(INTERVAL_NAME, INTERVAL)
"""The column of a table that shows a `confidence_interval`."""


def confidence_interval(correct: int, count: int) -> tuple[float, float]:
    """Returns the interval that tlkit gives beside every accuracy.

    It is Wilson's interval. No other place in tlkit depends on the method: to
    use another one, change this function, and `INTERVAL_NAME` if it is no
    longer an interval of 95 %.

    Args:
        correct: Number of images that were classified correctly, 0 to
            `count`.
        count: Number of images, 1 or more.

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
        correct: Number of successes, 0 to `count`.
        count: Number of trials, 1 or more.

    Returns:
        `(low, high)`, both in [0, 1].

    Example:
        >>> low, high = wilson_interval(490, 500)
        >>> round(low, 3), round(high, 3)
        (0.964, 0.989)
    """
    # SciPy takes long to import, and tables of finished runs, which have
    # their intervals in `metrics.json`, do not need it.
    from scipy.stats import binomtest

    interval = binomtest(correct, count).proportion_ci(0.95, "wilson")
    return float(interval.low), float(interval.high)
