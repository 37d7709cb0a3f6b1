"""Finds networks by name or file, and describes them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import keras
from keras.src.backend.common import global_state

from tlkit.base.choices import did_you_mean
from tlkit.base.errors import UsageError
from tlkit.models.classic import NETWORKS, build_classic
from tlkit.models.minivgg import MiniVGG
from tlkit.models.saving import load_model, read_about
from tlkit.models.specs import MINIVGG
from tlkit.sums.arithmetic import NetworkArithmetic
from tlkit.sums.describe import describe_network

#: The builders of `keras.applications`, by name in lower case.
_APPLICATIONS = {
    name.lower(): getattr(keras.applications, name)
    for name in dir(keras.applications)
    if name[0].isupper()
}
NAMES = tuple(sorted({*NETWORKS, *_APPLICATIONS, MINIVGG.name}))
"""The networks that have a name: those of `keras.applications`, tlkit's own,
and the classic ones that Keras does not have."""

#: Sizes from here on are taken for typing errors.
_TOO_LARGE = 100_000


def describe(
    model: str, input_shape: tuple[int, int, int] | None = None
) -> NetworkArithmetic:
    """Works out the arithmetic of a named network or of a saved model.

    Args:
        model: A name in `NAMES`, a `.keras` file, or a run folder. Case,
            hyphens and underscores do not matter: `MobileNet_V2` is
            `mobilenetv2`.
        input_shape: Shape of the image, `(height, width, channels)`. None takes
            the network's own.

    Raises:
        UsageError: There is no such name or file, or the network cannot take
            this input.
        TlkitError: The file is damaged.
    """
    if _plain(model) in map(_plain, NAMES):
        with _without_weights():
            built = build_by_name(model, input_shape)
            return describe_network(built, input_shape)
    path = Path(model)
    if path.is_dir():
        path = path / "model.keras"
    # A word without ending and folder is a name that was mistyped.
    if not path.exists() and path.suffix == "" and os.sep not in model:
        raise UsageError(
            f"There is no network {model!r}.",
            where="MODEL",
            expected=f"a .keras file, a run folder, or {', '.join(NAMES)}",
            remedy=did_you_mean(model.lower(), NAMES),
        )
    return describe_network(load_model(path), input_shape or _size_in(path))


def build_by_name(
    name: str, input_shape: tuple[int, int, int] | None = None
) -> keras.Model:
    """Builds a named network with its classifier and random weights.

    Args:
        name: One of `NAMES`.
        input_shape: Shape of the image, `(height, width, channels)`. None takes
            the network's own.

    Raises:
        UsageError: The network cannot take this input.
    """
    name = next(known for known in NAMES if _plain(known) == _plain(name))
    if name in NETWORKS and name not in _APPLICATIONS:
        return build_classic(name, input_shape)
    try:
        if name == MINIVGG.name:
            side = MINIVGG.image_size
            return MiniVGG(keras.Input(input_shape or (side, side, 3)))
        return _APPLICATIONS[name](weights=None, input_shape=input_shape)
    except UsageError:  # a ValueError too, which already says what is wrong
        raise
    except ValueError as error:
        raise UsageError(
            f"{name} cannot take this input.",
            where="--input",
            expected=str(error).strip().split("\n")[0][:300],
            received=input_shape and "x".join(map(str, input_shape)),
        ) from error


def read_input_shape(text: str) -> tuple[int, int, int]:
    """Reads an input size such as `224x224x3`: height, width, channels.

    Args:
        text: Three whole numbers above 0 with an x between them.

    Raises:
        UsageError: The text is not of this form, or a number is too large.

    Example:
        >>> read_input_shape("28x28x1")
        (28, 28, 1)
    """
    parts = text.lower().split("x")
    # `isdigit` alone would let superscripts pass. Six digits are enough to see
    # that a number is too large, however many follow.
    if len(parts) != 3 or not all(
        part.isascii() and part.isdigit() and 0 < int(part[:6]) < _TOO_LARGE
        for part in parts
    ):
        raise UsageError(
            "This is not an input size.",
            where="--input",
            expected="height x width x channels, such as 224x224x3, each "
            f"below {_TOO_LARGE:,}",
            received=text,
        )
    height, width, channels = map(int, parts)
    return height, width, channels


def _plain(name: str) -> str:
    """Writes `MobileNet_V2` and `lenet-5` as `mobilenetv2` and `lenet5`."""
    return name.lower().replace("_", "").replace("-", "")


def _size_in(path: Path) -> tuple[int, int, int] | None:
    """Returns the size that a tlkit model works at; None for another model."""
    size = read_about(path).get("image_size")
    return (*size, 3) if size else None


@contextlib.contextmanager
def _without_weights() -> Iterator[None]:
    """Lets networks be built whose weights have shapes but no values.

    VGG16's 138 million random numbers take longer than all the rest, and at
    2,000 pixels its first dense layer would not fit into memory.
    """
    with keras.StatelessScope(initialize_variables=False):
        yield
    # Keras keeps a list of variables without values and would fill them in
    # when it next traces a layer.
    global_state.set_global_attribute("uninitialized_variables", [])
