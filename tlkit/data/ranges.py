"""Ranges that random views are drawn from, as a person writes them."""

from __future__ import annotations

Range = tuple[float, float]
"""The lowest and the highest value."""


def read_range(text: str) -> float | Range:
    """Reads `0.2`, or two numbers with a comma between, as `0.8,1.2`.

    Raises:
        ValueError: The text is neither.

    Example:
        >>> read_range("0.2"), read_range("0.8,1.2")
        (0.2, (0.8, 1.2))
    """
    parts = text.split(",")
    try:
        numbers = tuple(map(float, parts))
    except ValueError:
        numbers = ()
    if len(numbers) == 1:
        return numbers[0]
    if len(numbers) == 2:
        return numbers[0], numbers[1]
    raise ValueError(f"expected a number, or LOW,HIGH, and received {text!r}")


def read_pair(text: str) -> Range:
    """Reads two numbers with a comma between.

    Raises:
        ValueError: The text is something else.
    """
    value = read_range(text)
    if not isinstance(value, tuple):
        raise ValueError(f"expected LOW,HIGH, and received {text!r}")
    return value


def factors(value: float | Range | None) -> Range:
    """Returns the lowest and the highest factor that a field allows.

    Example:
        >>> factors(0.25), factors((0.5, 2)), factors(None)
        ((0.75, 1.25), (0.5, 2.0), (1.0, 1.0))
    """
    if value is None:
        return 1.0, 1.0
    if isinstance(value, int | float):
        return 1.0 - value, 1.0 + value
    low, high = value
    return float(low), float(high)
