"""From what a model puts out to probabilities of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import keras
import numpy as np

from tlkit.base.choices import did_you_mean
from tlkit.base.errors import TlkitError, UsageError
from tlkit.models.ends import (
    DISTANCES,
    LINEAR,
    LOG_SOFTMAX,
    POOLS,
    SIGMOID,
    SOFTMAX,
    End,
    ends_in_scores,
    find_end,
    is_of_keras,
)
from tlkit.tensor.graphs import graph_of

#: How far from 1 probabilities may sum to: those of half precision are coarse.
_NEARLY = 0.01
#: What is said of outputs that are not the probabilities of one class each.
_SAID = {
    LINEAR: "the model ends in scores, not probabilities; their softmax is "
    "taken",
    LOG_SOFTMAX: "the model ends in logarithms of probabilities; their "
    "exponentials are taken",
    DISTANCES: "the model ends in distances to its classes; the nearest class "
    "wins, by the softmax of their negatives",
    SIGMOID: "the model has a sigmoid for each class: its probabilities stand "
    "each for itself and do not sum to 1",
}
_SAID_OF_ONE = {
    LINEAR: "the model ends in one score, not a probability; its sigmoid is "
    "taken, so that the second class begins at a score of 0",
}


class Output(NamedTuple):
    """The output of a model that tells classes apart.

    Attributes:
        tensor: The symbolic output, of shape `(batch, units)`.
        notes: What a user should know about the choice.
    """

    tensor: keras.KerasTensor
    notes: tuple[str, ...] = ()


def find_output(model: keras.Model, name: str | None, where: object) -> Output:
    """Finds the output of a functional model that classifies.

    Args:
        model: A functional or sequential model.
        name: Name of the output, if there are several. None takes the one
            that ends in probabilities; of several such the first that ends in
            a softmax.
        where: The model's file, for messages.

    Raises:
        UsageError: There is no output of this name.
        TlkitError: No output classifies, or it cannot be told which.
    """
    named = _named_outputs(model)
    if name is not None:
        return Output(_by_name(named, name, where))
    chosen = _choose(named)
    if chosen is None:
        raise _no_output(named, where)
    return Output(named[chosen], _choice(chosen, named))


def _choose(named: Mapping[str, keras.KerasTensor]) -> str | None:
    """Returns the name of the output of classes, if it can be told."""
    rows = {name: _end(one) for name, one in named.items() if _is_row(one)}
    # Single sigmoids may also be the corners of a box, and a linear end may be
    # anything, so these are taken only if there is nothing else.
    for ends in ((SOFTMAX, LOG_SOFTMAX, DISTANCES), (SIGMOID,), (LINEAR, None)):
        found = [name for name, end in rows.items() if end in ends]
        if len(found) == 1 or (found and SOFTMAX in ends):
            return found[0]
        if found:
            return None
    return None


def _named_outputs(model: keras.Model) -> dict[str, keras.KerasTensor]:
    # A sequential model that was never called has its output inside only.
    struct = graph_of(model).output
    if isinstance(struct, Mapping) and all(map(_is_tensor, struct.values())):
        return dict(struct)
    # A layer that is the end of several outputs would be named several times.
    tensors = keras.tree.flatten(struct)
    names = getattr(model, "output_names", None) or []
    if len(set(names)) != len(tensors):
        names = [f"output {number}" for number in range(len(tensors))]
    return dict(zip(names, tensors, strict=True))


def _by_name(
    named: Mapping[str, keras.KerasTensor], name: str, where: object
) -> keras.KerasTensor:
    if name in named and _is_row(named[name]):
        return named[name]
    raise UsageError(
        f"The model has no output {name!r} that classifies.",
        where=where,
        expected=_in_words(named),
        received=repr(name),
        remedy=did_you_mean(name, named),
    )


def _is_tensor(output: object) -> bool:
    return isinstance(output, keras.KerasTensor)


def _is_row(tensor: keras.KerasTensor) -> bool:
    return len(tensor.shape) == 2 and tensor.shape[1] is not None


def _end(tensor: keras.KerasTensor) -> str | None:
    end = find_end(tensor)
    return end.kind if end else None


def _choice(
    chosen: str, named: Mapping[str, keras.KerasTensor]
) -> tuple[str, ...]:
    if len(named) == 1:
        return ()
    said = f"the model has {len(named)} outputs; {chosen!r} tells the classes"
    rows = [name for name, tensor in named.items() if _is_row(tensor)]
    # One example is enough: the error for a wrong name lists all.
    others = [name for name in rows if name != chosen]
    if others:
        said += (
            ". In Python, tlkit.load_classifier(path, "
            f"output={others[0]!r}) takes another"
        )
    return (said,)


def _no_output(
    named: Mapping[str, keras.KerasTensor], where: object
) -> TlkitError:
    rows = [name for name, tensor in named.items() if _is_row(tensor)]
    if not rows or len(named) == 1:
        return TlkitError(
            "This model does not map images to classes.",
            where=where,
            expected="an output of shape (batch, classes)",
            received=_in_words(named),
        )
    return TlkitError(
        "This model has several outputs, and none is surely that of classes.",
        where=where,
        expected="one output of shape (batch, classes) that ends in a softmax",
        received=_in_words(named),
        remedy="Name one in Python: tlkit.load_classifier(path, "
        f"output={rows[0]!r}).",
    )


def _in_words(named: Mapping[str, keras.KerasTensor]) -> str:
    return ", ".join(
        f"{name} {tuple(tensor.shape)}" for name, tensor in named.items()
    )


def read_end(model: keras.Model, sample: np.ndarray, where: object) -> str:
    """Finds out what the numbers are that a classifier puts out.

    The graph tells it where the last layer is Keras's own. For all other ends,
    the values for some images do.

    Args:
        model: A model with one output, `(batch, units)`.
        sample: Some images as the model takes them, different from each other.
        where: The model's file, for messages.

    Returns:
        One of the kinds in `tlkit.models.ends`.

    Raises:
        TlkitError: The model cannot run, or what it puts out says nothing.
    """
    output = graph_of(model).output
    end = find_end(output)
    if end is not None and _is_certain(end):
        kind = end.kind
    elif ends_in_scores(output):
        kind = LINEAR
    else:
        kind = kind_of_values(run(model, sample, where))
    if output.shape[1] == 1 and kind not in (SIGMOID, LINEAR):
        raise TlkitError(
            "The model has a single output unit that always says the same.",
            where=where,
            expected="one unit with a sigmoid, or a softmax over two or more",
            received=f"one unit with {kind.replace('_', ' ')}",
            remedy="Train it again with another last layer.",
        )
    return kind


def _is_certain(end: End) -> bool:
    # What is pooled may be probabilities already, and a layer of someone's
    # own may do more than its attribute `activation` says.
    pools = isinstance(end.operation, POOLS)
    return is_of_keras(end.operation) and not pools


def kind_of_values(values: np.ndarray) -> str:
    """Says what the outputs for some images are, by their values alone.

    Args:
        values: Outputs of shape `(count, units)`, of different images.

    Returns:
        `SOFTMAX` for rows of probabilities that sum to 1, `LOG_SOFTMAX` for
        their logarithms, `SIGMOID` for other numbers from 0 to 1, which are
        probabilities that stand each for itself, else `LINEAR`.
    """
    within = bool((values >= 0).all() and (values <= 1).all())
    if within:
        several = values.shape[1] > 1
        return SOFTMAX if several and _sum_to_one(values) else SIGMOID
    if (values <= 0).all() and _sum_to_one(np.exp(values)):
        return LOG_SOFTMAX
    return LINEAR


def _sum_to_one(rows: np.ndarray) -> bool:
    return bool(np.allclose(rows.sum(axis=1), 1, rtol=0, atol=_NEARLY))


def run(model: keras.Model, images: np.ndarray, where: object) -> np.ndarray:
    """Runs a batch through a model of someone else's.

    Args:
        model: A model with one output, `(batch, units)`.
        images: A batch of images as the model takes them.
        where: The model's file, for messages.

    Returns:
        A float64 array of shape `(batch, units)`.

    Raises:
        TlkitError: The model cannot run, or puts out what is no number.
    """
    # Layers of someone else's may raise anything.
    try:
        outputs = np.asarray(model.predict_on_batch(images), np.float64)
    except Exception as error:
        raise TlkitError(
            "The model cannot work on these images.",
            where=where,
            received=f"{images.shape[1]} x {images.shape[2]} pixels: "
            f"{str(error).strip().splitlines()[0][:300]}",
        ) from error
    if not np.isfinite(outputs).all():
        raise TlkitError(
            "The model puts out values that are no numbers (NaN or infinite).",
            where=where,
            remedy="Its weights are broken, mostly since its training "
            "diverged: train it again with a smaller learning rate.",
        )
    return outputs


def note_on(kind: str, units: int) -> str | None:
    """Returns what is said where outputs are not one class's probabilities.

    Args:
        kind: One of the kinds in `tlkit.models.ends`.
        units: Number of output units.
    """
    return _SAID_OF_ONE.get(kind) if units == 1 else _SAID.get(kind)


def as_probabilities(values: np.ndarray, kind: str) -> np.ndarray:
    """Turns a model's outputs into probabilities of classes.

    Args:
        values: Outputs of shape `(count, units)`.
        kind: What they are; one of the kinds in `tlkit.models.ends`.

    Returns:
        float32 probabilities of shape `(count, classes)`. One unit tells two
        classes apart and stands for the second. Rows sum to 1, except those of
        several sigmoids.
    """
    if kind == LOG_SOFTMAX:
        values = np.exp(values)
    elif kind == DISTANCES:
        values = _softmax(-values)
    elif kind == LINEAR:
        # The softmax over 0 and z is the sigmoid of z.
        one = values.shape[1] == 1
        values = _softmax(_with_first(values, 0 * values) if one else values)
    if values.shape[1] == 1:
        values = _with_first(values, 1 - values)
    return values.astype(np.float32)


def _with_first(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    return np.concatenate([first, second], axis=1)


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
