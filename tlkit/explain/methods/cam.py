"""CAM: the map whose sum over all places is a class's score."""

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

#: Layers that are linear, as long as they have no activation.
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
    """Draws what each place contributes to a class's score.

    A network that ends in a global average pooling and one linear layer
    computes the score as a sum over the places of its last feature map. CAM
    shows the terms of that sum.

    Zhou et al., "Learning Deep Features for Discriminative Localization"
    (arXiv:1512.04150).

    Args:
        model: A classifier that ends in a global average pooling and one
            linear layer, or in the pooling alone. It is not changed.
        images: Batch of shape `(batch, height, width, channels)`, with values
            in the range that the model takes.
        class_index: The class to explain: one number for all images, one per
            image, or None for the class each image is taken for; see
            `ClassIndex`.
        layer: Name of the layer whose output is pooled, or None. CAM cannot
            explain any other layer.

    Returns:
        float32 heat maps `(batch, height, width)`, 0 to 1, as large as the
        images.

    Raises:
        UsageError: There is no such layer or class, the model does not take
            such images, or it ends in other layers. Grad-CAM works there too.
        TlkitError: The model is not an image classifier.
    """
    opened = open_images(model, images, class_index)
    pooling = _find_pooling(opened.network, layer)
    maps = [
        _add_up(opened, part, pooling) for part in slices(len(opened.images))
    ]
    return as_heat_maps(np.concatenate(maps), opened.images.shape[1:3])


def _add_up(opened: Opened, part: slice, pooling: Step) -> np.ndarray:
    features: list[np.ndarray] = []

    # `map_gradients` watches what comes out of the pooling. The feature map
    # goes into it, so a stand-in for the pooling keeps it on its way.
    def pool(feature_map: tf.Tensor) -> tf.Tensor:
        features.append(np.asarray(tf.cast(feature_map, tf.float32)))
        return pooling.operation(feature_map)

    # The gradient of a linear head is the class's weights w_k themselves.
    _, weights = map_gradients(
        opened.network,
        opened.images[part],
        opened.of(part),
        pooling.path,
        lambda operation: pool if operation is pooling.operation else None,
    )
    # A pooling with keepdims=True gives (batch, 1, 1, channels).
    weights = weights.reshape(len(weights), -1)
    return np.einsum("bhwk,bk->bhw", features[-1], weights)  # equation 2


def _find_pooling(network: OpenNetwork, layer: str | None) -> Step:
    steps = network.steps
    for place, step in enumerate(steps):
        if isinstance(step.operation, keras.layers.GlobalAveragePooling2D):
            # The step before the pooling made the feature map.
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
    # The end may have a softmax: its activation is never run, so it does not
    # have to be linear here.
    learnt = [step for step in steps if getattr(step.operation, "weights", ())]
    return len(learnt) <= 1 and all(
        step.operation is network.end or _adds_up(step.operation)
        for step in steps
    )


def _adds_up(operation: keras.Operation) -> bool:
    activation = getattr(operation, "activation", keras.activations.linear)
    linear = activation is keras.activations.linear
    return linear and isinstance(operation, _LINEAR)
