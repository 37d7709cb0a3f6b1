"""CAM: the map that a pooled network itself adds up to a class's score."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tlkit.base.errors import UsageError
from tlkit.explain.opened.gradients import map_gradients
from tlkit.explain.opened.heat import as_heat_maps
from tlkit.explain.opened.network import OpenNetwork, Step
from tlkit.explain.opened.scores import ClassIndex, Opened, open_images, slices

_LINEAR = (
    keras.layers.Dense,
    keras.layers.Conv2D,
    keras.layers.Reshape,
    keras.layers.Flatten,
    keras.layers.Dropout,
    keras.layers.Activation,
)


def class_activation_map(
    model: keras.Model,
    images: np.ndarray,
    class_index: ClassIndex = None,
    layer: str | None = None,
) -> np.ndarray:
    """Draws what a global average pooling adds up for a class.

    Zhou et al., "Learning Deep Features for Discriminative Localization"
    (arXiv:1512.04150).

    Args:
        model: a classifier that ends in a global average pooling and one
            linear layer, or in the pooling alone; it is not changed.
        images: `(batch, height, width, channels)`, as the model takes them.
        class_index: for which class; see `ClassIndex`.
        layer: that which is pooled, or None: CAM has no other.

    Returns:
        float32 `(batch, height, width)`, 0 to 1, of the images' size.

    Raises:
        UsageError: there is no such layer or class, the images do not fit,
            or the network has another head: Grad-CAM explains any.
        TlkitError: the model is no image classifier.
    """
    opened = open_images(model, images, class_index)
    pooling = _find_pooling(opened.network, layer)
    maps = [
        _add_up(opened, part, pooling) for part in slices(len(opened.images))
    ]
    return as_heat_maps(np.concatenate(maps), opened.images.shape[1:3])


def _add_up(opened: Opened, part: slice, pooling: Step) -> np.ndarray:
    features: list[np.ndarray] = []

    def pool(feature_map: tf.Tensor) -> tf.Tensor:
        features.append(np.asarray(tf.cast(feature_map, tf.float32)))
        return pooling.operation(feature_map)

    # Of a linear head the gradient is the class's weights w_k themselves.
    _, weights = map_gradients(
        opened.network,
        opened.images[part],
        opened.of(part),
        pooling.path,
        lambda operation: pool if operation is pooling.operation else None,
    )
    weights = weights.reshape(len(weights), -1)
    return np.einsum("bhwk,bk->bhw", features[-1], weights)  # equation 2


def _find_pooling(network: OpenNetwork, layer: str | None) -> Step:
    steps = network.steps
    for place, step in enumerate(steps):
        if isinstance(step.operation, keras.layers.GlobalAveragePooling2D):
            named = layer is None or network.find(layer) == steps[place - 1]
            if named and _is_linear(network, steps[place + 1 :]):
                return step
    raise UsageError(
        "The network's scores are not sums over one feature map.",
        where=f"model {network.name}" + (f", layer {layer}" if layer else ""),
        expected="global average pooling, then one linear layer",
        remedy="Use Grad-CAM: it explains any network.",
    )


def _is_linear(network: OpenNetwork, steps: Sequence[Step]) -> bool:
    learnt = [step for step in steps if getattr(step.operation, "weights", ())]
    return len(learnt) <= 1 and all(
        step.operation is network.end or _adds_up(step.operation)
        for step in steps
    )


def _adds_up(operation: keras.Operation) -> bool:
    activation = getattr(operation, "activation", keras.activations.linear)
    linear = activation is keras.activations.linear
    return linear and isinstance(operation, _LINEAR)
