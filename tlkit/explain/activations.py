"""The outputs of a network's layers for images, channel by channel."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from tlkit.base.errors import UsageError
from tlkit.explain.opened.graphs import (
    find_step,
    graph_of,
    layer_outputs,
    list_steps,
)

#: Layers that apply a nonlinearity and nothing else.
_NONLINEAR = (
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ELU,
)
_POOLING = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)


def activations(
    model: keras.Model,
    images: np.ndarray,
    layers: Sequence[str] | None = None,
) -> dict[str, np.ndarray]:
    """Computes the outputs of layers, all of them in one forward pass.

    Args:
        model: A functional or sequential model with one input, with or without
            models inside it. It is not changed.
        images: Batch of shape `(batch, height, width, channels)`, with values
            in the range that the model takes. tlkit's models take values from
            0 to 255 and images of any size.
        layers: Names of layers. A layer in a model inside the model is named
            `"base/block1_conv1"`, or `"block1_conv1"` where only one layer has
            this name. None takes those of `visible_layers`.

    Returns:
        For each layer, by the name that was asked for, its output as float32
        `(batch, height, width, channels)`.

    Raises:
        UsageError: There is no such layer, it has no height and width, or
            `images` is not a batch.
        TlkitError: The model's layers are not known.
    """
    if np.ndim(images) != 4:
        raise UsageError(
            "This is not a batch of images.",
            where="images",
            expected="the shape (batch, height, width, channels)",
            received=np.shape(images),
            remedy="Pass images[None] for a single image.",
        )
    names = visible_layers(model) if layers is None else list(layers)
    steps = list_steps(graph_of(model), "")
    # The result keeps the names that were asked for, which may be bare ones.
    paths = {name: find_step(steps, name, model.name).path for name in names}
    outputs = layer_outputs(model, images, list(paths.values()))
    return {
        name: np.asarray(keras.ops.cast(outputs[path], "float32"))
        for name, path in paths.items()
    }


def visible_layers(model: keras.Model) -> list[str]:
    """Lists the layers whose output is worth looking at.

    These are the layers with height and width that apply a nonlinearity, be
    it as their activation (a convolution with ReLU) or as all they do, and
    those that pool. Their outputs are what the next layer gets to see. A
    convolution before batch normalisation is left out; the ReLU behind the
    normalisation is listed.

    Args:
        model: A functional or sequential model.

    Returns:
        Paths from input to output, including those in models inside the model.

    Raises:
        UsageError: The model has no such layer.
    """
    steps = list_steps(graph_of(model), "")
    found = [step.path for step in steps if _is_visible(step.operation)]
    if not found:
        raise UsageError(
            "The model has no nonlinear layer with height and width.",
            where=f"model {model.name}",
            expected="a convolutional network",
        )
    return found


def _is_visible(layer: keras.Operation) -> bool:
    own = getattr(layer, "activation", keras.activations.linear)
    bends = own not in (None, keras.activations.linear)
    if not bends and not isinstance(layer, _NONLINEAR + _POOLING):
        return False
    return len(getattr(layer.output, "shape", ())) == 4


def dead_channels(
    model: keras.Model,
    images: np.ndarray,
    layers: Sequence[str] | None = None,
    batch_size: int = 32,
) -> dict[str, np.ndarray]:
    """Finds channels that have the same value for all images.

    A channel is dead over these images if it has one and the same value at
    every place of every image. After a ReLU that value is mostly 0. How much
    this says depends on the images: over a single image many channels are
    silent that work for others, over a few hundred hardly any.

    Args:
        model: A functional or sequential model. It is not changed.
        images: Images as `activations` takes them, 1 or more.
        layers: Names of layers. None takes those of `visible_layers`.
        batch_size: Number of images in one forward pass. It changes time and
            memory, not the result.

    Returns:
        For each layer bool `(channels,)`, True where the channel is dead. The
        mean is the share of dead channels.

    Raises:
        UsageError: As in `activations`, or there are no images.

    Example:
        >>> from tlkit.models.bases import build_base
        >>> black = np.zeros((1, 32, 32, 3))
        >>> dead = dead_channels(build_base("minivgg"), black, ["block1_conv1"])
        >>> dead["block1_conv1"].shape
        (32,)
    """
    if len(images) == 0:
        raise UsageError("There are no images.", where="images")
    # Running extremes, so that the outputs of one batch at a time are kept.
    lowest: dict[str, np.ndarray] = {}
    highest: dict[str, np.ndarray] = {}
    for first in range(0, len(images), batch_size):
        batch = images[first : first + batch_size]
        for name, values in activations(model, batch, layers).items():
            low, high = values.min((0, 1, 2)), values.max((0, 1, 2))
            lowest[name] = np.minimum(lowest.get(name, low), low)
            highest[name] = np.maximum(highest.get(name, high), high)
    return {name: lowest[name] == highest[name] for name in lowest}
