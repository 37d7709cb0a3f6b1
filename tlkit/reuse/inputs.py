"""What a model takes: one image of which size, how many channels, which values.

A model that tlkit has made says it in its file. Of all others the graph says
some of it, and what it leaves open is told to the user.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras

from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.image_size import CROP, PAD, STRETCH, as_height_width
from tlkit.tensor.graphs import graph_of, nodes_in_order

OPEN_SIZE = 224
"""Height and width of images for a model that takes any, and says no more."""

#: Layers before which an image's values are still what they were.
_KEEPING = (
    keras.layers.Resizing,
    keras.layers.CenterCrop,
    keras.layers.ZeroPadding2D,
    keras.layers.Identity,
    keras.layers.Dropout,
    keras.layers.GaussianNoise,
)
#: Layers that bring raw pixels into the range of a network.
_SCALING = (
    keras.layers.Rescaling,
    keras.layers.Normalization,
    keras.layers.Lambda,
)


class Takes(NamedTuple):
    """What a model takes.

    Attributes:
        image_size: `(height, width)` in pixels.
        channels: 3 for colour, 1 for gray.
        fit: How images of another shape are brought to the size.
        notes: What a user should know, as the file does not say it.
    """

    image_size: tuple[int, int]
    channels: int
    fit: str = STRETCH
    notes: tuple[str, ...] = ()


def as_functional(model: keras.Model, where: object) -> keras.Model:
    """Returns a model with a graph, for one whose layers are hidden.

    Args:
        model: Any model. A functional or sequential one is returned as it is.
        where: The model's file, for messages.

    Raises:
        TlkitError: The shape of the images that it takes is not known.
    """
    graph = graph_of(model)
    if graph is not None:
        return model
    # The model becomes the only step of a graph.
    shape = (model.get_build_config() or {}).get("input_shape")
    try:
        inputs = keras.Input(tuple(shape)[1:])  # type: ignore[arg-type]
        return keras.Model(inputs, model(inputs), name=model.name)
    except Exception as error:
        raise TlkitError(
            "This model does not say which images it takes.",
            where=where,
            expected="a model that has been called on images before it was "
            "saved",
            received=f"{type(model).__name__}, input shape {shape}",
        ) from error


def find_input(model: keras.Model, where: object) -> keras.KerasTensor:
    """Returns the one input of a functional model, if it takes images.

    Args:
        model: A functional or sequential model.
        where: The model's file, for messages.

    Raises:
        TlkitError: There are several inputs, or it takes no images.
    """
    if len(model.inputs) != 1:
        raise TlkitError(
            "This model takes several inputs, and an image is only one.",
            where=where,
            expected="one input (batch, height, width, channels)",
            received=", ".join(
                f"{one.name} {tuple(one.shape)}" for one in model.inputs
            ),
        )
    (tensor,) = model.inputs
    shape = tuple(tensor.shape)
    if len(shape) == 4 and shape[3] in (1, 3):
        return tensor
    raise TlkitError(
        "This model does not map images to classes.",
        where=where,
        expected="input (batch, height, width, channels), with 3 channels for "
        "colour or 1 for gray",
        received=f"input {shape}",
        remedy=_turned(shape),
    )


def _turned(shape: tuple[int | None, ...]) -> str | None:
    """Returns the line that turns images for a model with channels first."""
    if len(shape) != 4 or shape[1] not in (1, 3):
        return None
    _, channels, height, width = shape
    return (
        "Its channels come first. Save one that turns images around: "
        f"keras.Sequential([keras.Input(({height}, {width}, {channels})), "
        "keras.layers.Permute((3, 1, 2)), model])."
    )


def read_takes(
    model: keras.Model,
    about: dict[str, Any],
    image_size: int | Sequence[int] | None,
    where: object,
) -> Takes:
    """Finds out which images a model takes.

    Args:
        model: A functional or sequential model with one input.
        about: What tlkit has written into the model's file; empty for a model
            of someone else's.
        image_size: Size that the caller asks for; None takes the model's own.
        where: The model's file, for messages.

    Raises:
        UsageError: The model works at another size than was asked for.
    """
    shape = tuple(find_input(model, where).shape[1:])
    if "image_size" in about:
        height, width = about["image_size"]
        size = _agreed((height, width), image_size, where)
        return Takes(size, shape[2], about.get("fit", STRETCH))
    resizing = None if all(shape[:2]) else _resizing(model)
    own = (resizing.height, resizing.width) if resizing else shape[:2]
    size = _agreed(own, image_size, where)
    notes = () if _scales(model) else (_values_note(shape),)
    if not all(own) and image_size is None:
        notes = (_size_note(size), *notes)
    return Takes(size, shape[2], _fit_of(resizing), notes)


def _agreed(
    own: tuple[int | None, int | None],
    asked: int | Sequence[int] | None,
    where: object,
) -> tuple[int, int]:
    wanted = as_height_width(OPEN_SIZE if asked is None else asked)
    height, width = own[0] or wanted[0], own[1] or wanted[1]
    if asked is not None and (height, width) != wanted:
        raise UsageError(
            "The model works at another size.",
            where=where,
            expected=f"{height} x {width} pixels",
            received=f"image_size={asked!r}",
            remedy="Leave image_size out: images are resized as they are read.",
        )
    return height, width


def _size_note(size: tuple[int, int]) -> str:
    height, width = size
    return (
        "the model takes images of any size, and its file does not say at "
        f"which it was trained: they are resized to {height} x {width} pixels. "
        "If it was another, tlkit.load_classifier(path, image_size=...) takes "
        "it, or a keras.layers.Resizing before the model"
    )


def _values_note(shape: tuple[int | None, ...]) -> str:
    return (
        "the model's file does not say which values it takes: it gets pixels "
        "from 0 to 255. If it was trained on 0 to 1, use and save "
        f"keras.Sequential([keras.Input({shape}), "
        "keras.layers.Rescaling(1 / 255), model])"
    )


def _resizing(model: keras.Model) -> keras.layers.Resizing | None:
    """Returns the `Resizing` layer that comes before all others, if any."""
    for operation in _operations(model):
        if isinstance(operation, keras.layers.Resizing):
            return operation
        if not _keeps_values(operation):
            return None
    return None


def _fit_of(resizing: keras.layers.Resizing | None) -> str:
    # Images come to the model at its size, so what the layer would have done
    # to others is done when they are read.
    if getattr(resizing, "crop_to_aspect_ratio", False):
        return CROP
    if getattr(resizing, "pad_to_aspect_ratio", False):
        return PAD
    return STRETCH


def _scales(model: keras.Model) -> bool:
    """Returns whether a model begins by scaling the values of pixels."""
    for operation in _operations(model):
        if not _keeps_values(operation):
            # A bare operation on the pixels, such as a division, scales too.
            layer = isinstance(operation, keras.Layer)
            return isinstance(operation, _SCALING) or not layer
    return False


def _keeps_values(operation: Any) -> bool:
    augments = type(operation).__name__.startswith("Random")
    return augments or isinstance(operation, _KEEPING)


def _operations(model: Any) -> Iterator[Any]:
    """Yields a model's operations, those of models inside it included."""
    for node in nodes_in_order(graph_of(model)):
        if graph_of(node.operation) is not None:
            yield from _operations(node.operation)
        else:
            yield node.operation
