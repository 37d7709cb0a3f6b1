"""What the layers of a network put out for images, channel by channel."""

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
    """Computes what layers put out, all of them in one forward pass.

    Args:
        model: a functional or sequential model with one input, other models
            inside it or not; it is not changed.
        images: `(batch, height, width, channels)`, as the model takes them;
            of tlkit's models, values 0 to 255 and any size.
        layers: names of layers; one in a model inside the model is
            `"base/block1_conv1"`, or `"block1_conv1"` where that is clear.
            None for those of `visible_layers`.

    Returns:
        Per layer, by the name that was asked for, float32
        `(batch, height, width, channels)`.

    Raises:
        UsageError: there is no such layer, it has no height and width, or
            the images are no batch of images.
        TlkitError: the model's layers are not known.
    """
    if np.ndim(images) != 4:
        raise UsageError(
            "This is no batch of images.",
            where="images",
            expected="the shape (batch, height, width, channels)",
            received=np.shape(images),
            remedy="Pass images[None] for a single image.",
        )
    names = visible_layers(model) if layers is None else list(layers)
    steps = list_steps(graph_of(model), "")
    paths = {name: find_step(steps, name, model.name).path for name in names}
    outputs = layer_outputs(model, images, list(paths.values()))
    return {
        name: np.asarray(keras.ops.cast(outputs[path], "float32"))
        for name, path in paths.items()
    }


def visible_layers(model: keras.Model) -> list[str]:
    """Names the layers whose output is worth a look.

    They are the layers with height and width that apply a nonlinearity, be
    it their own (a convolution with ReLU) or all they do, and those that
    pool: what the next layer gets to see. A convolution before batch
    normalisation is left out, the ReLU behind it is not.

    Args:
        model: a functional or sequential model.

    Returns:
        Paths, input to output, those in models inside the model too.

    Raises:
        UsageError: there is no such layer.
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
    """Finds channels that tell nothing of any of the images.

    A channel is dead over these images if it has one and the same value at
    every place of every one of them; after a ReLU that value is mostly 0.
    How much that says depends on the images: over one image many channels
    that are well alive are silent, over a few hundred hardly any.

    Args:
        model: a functional or sequential model; it is not changed.
        images: as `activations` takes them.
        layers: names of layers; None for those of `visible_layers`.
        batch_size: images in one forward pass.

    Returns:
        Per layer, bool `(channels,)`, True where the channel is dead. Its
        mean is the share of dead channels.

    Raises:
        UsageError: as `activations`, or there are no images.

    Example:
        >>> from tlkit.models.bases import build_base
        >>> black = np.zeros((1, 32, 32, 3))
        >>> dead = dead_channels(build_base("minivgg"), black, ["block1_conv1"])
        >>> dead["block1_conv1"].shape
        (32,)
    """
    if len(images) == 0:
        raise UsageError("There are no images.", where="images")
    lowest: dict[str, np.ndarray] = {}
    highest: dict[str, np.ndarray] = {}
    for first in range(0, len(images), batch_size):
        batch = images[first : first + batch_size]
        for name, values in activations(model, batch, layers).items():
            low, high = values.min((0, 1, 2)), values.max((0, 1, 2))
            lowest[name] = np.minimum(lowest.get(name, low), low)
            highest[name] = np.maximum(highest.get(name, high), high)
    return {name: lowest[name] == highest[name] for name in lowest}
