"""A field says once what it means and which values it takes."""

from dataclasses import dataclass

import numpy as np
import pytest

from tlkit.base.errors import UsageError
from tlkit.base.fields import (
    Checked,
    Option,
    field,
    options_of,
    range_text,
)


@dataclass(frozen=True)
class Recipe(Checked):
    rate: float = field(0.1, Option("How fast.", above=0, below=1))
    steps: int | None = field(None, Option("How long.", at_least=1))
    name: str = field("a", Option("Which.", choices=lambda: ("a", "b")))
    pair: float | tuple[float, float] = field(0.5, Option("How wide."))
    flag: bool = field(False, Option("Whether."))


@dataclass(frozen=True)
class Narrowed(Recipe):
    steps: int = 3


def test_values_take_the_type_of_their_field():
    made = Recipe(rate=np.float32(0.5), steps=np.int64(3), pair=[1, 2])
    assert made == Recipe(0.5, 3, "a", (1.0, 2.0))
    assert type(made.rate) is float
    assert type(made.steps) is int


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rate": 0}, "above 0, below 1"),
        ({"rate": float("nan")}, "out of its range"),
        ({"rate": "0.1"}, "expected:  a number"),
        ({"rate": True}, "wrong kind"),
        ({"steps": 0}, "1 or more"),
        ({"steps": 1.5}, "a whole number"),
        ({"name": "c"}, "a, b"),
        ({"pair": (1, 2, 3)}, "a number or"),
        ({"flag": 1}, "true or false"),
    ],
)
def test_other_values_are_refused(given, words):
    with pytest.raises(UsageError, match=words):
        Recipe(**given)


def test_a_near_name_is_offered():
    with pytest.raises(UsageError, match="There is no name 'aa'"):
        Recipe(name="aa")


def test_a_narrowed_class_keeps_the_limits_of_its_parent():
    assert options_of(Narrowed)["steps"].at_least == 1
    with pytest.raises(UsageError, match="1 or more"):
        Narrowed(steps=0)
    with pytest.raises(UsageError, match="wrong kind"):
        Narrowed(steps=None)


def test_a_field_without_limits_takes_any_finite_number():
    assert range_text(Option("")) == "a finite number"
