"""Guided backpropagation, and Guided Grad-CAM, its product with Grad-CAM."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tlkit.base.errors import UsageError
from tlkit.explain.methods.gradcam import grad_cam
from tlkit.explain.opened.ends import linear_twin
from tlkit.explain.opened.gradients import pixel_gradients
from tlkit.explain.opened.heat import as_heat_maps
from tlkit.explain.opened.network import OpenNetwork
from tlkit.explain.opened.scores import ClassIndex, open_images

#: Names of the activations whose gradients are guided.
_RELUS = ("relu", "relu6")


def guided_grad_cam(
    model: keras.Model,
    images: np.ndarray,
    class_index: ClassIndex = None,
    layer: str | None = None,
) -> np.ndarray:
    """Draws, within the region Grad-CAM points at, the pixels that count.

    Selvaraju et al., "Grad-CAM" (arXiv:1610.02391), section 3.2: Grad-CAM
    times guided backpropagation (Springenberg et al., arXiv:1412.6806), whose
    gradients pass a ReLU where both they and its output are positive.

    Args:
        model: Any convolutional classifier with ReLUs. It is not changed.
        images: Batch of shape `(batch, height, width, channels)`, with values
            in the range that the model takes.
        class_index: The class to explain: one number for all images, one per
            image, or None for the class each image is taken for; see
            `ClassIndex`.
        layer: Name of the layer that Grad-CAM looks at. None takes the last
            layer, pooling aside, whose output has height and width.

    Returns:
        float32 heat maps `(batch, height, width)`, 0 to 1: the largest
        magnitude over the channels of a pixel.

    Raises:
        UsageError: There is no such layer or class, the model does not take
            such images, or it has no ReLU.
        TlkitError: The model is not an image classifier.
    """
    # `grad_cam` has enlarged its maps to the images' size: both factors have
    # one value per pixel.
    maps = grad_cam(model, images, class_index, layer)
    guided = guided_gradients(model, images, class_index)
    fine = np.abs(guided).max(axis=3)
    return as_heat_maps(maps * fine, maps.shape[1:])


def guided_gradients(
    model: keras.Model, images: np.ndarray, class_index: ClassIndex = None
) -> np.ndarray:
    """Differentiates a class's score by the pixels, past guided ReLUs.

    Springenberg et al., "Striving for Simplicity" (arXiv:1412.6806), section
    3.4.

    Args:
        model: Any image classifier with ReLUs. It is not changed.
        images: Batch of shape `(batch, height, width, channels)`, with values
            in the range that the model takes.
        class_index: The class to explain: one number for all images, one per
            image, or None for the class each image is taken for; see
            `ClassIndex`.

    Returns:
        float32 gradients of the images' shape.

    Raises:
        UsageError: There is no such class, the model does not take such
            images, or it has no ReLU.
        TlkitError: The model is not an image classifier.
    """
    opened = open_images(model, images, class_index)
    _check_relus(opened.network)
    return pixel_gradients(
        opened.network, opened.images, opened.classes, _guide
    )


def _check_relus(network: OpenNetwork) -> None:
    if not any(_guide(step.operation) for step in network.steps):
        raise UsageError(
            "Guided backpropagation needs a network with ReLUs.",
            where=f"model {network.name}",
            remedy="Use saliency or smoothgrad.",
        )


def _guide(operation: keras.Operation) -> Callable | None:
    """Returns what runs in place of an operation that ends in a ReLU.

    A ReLU stands in a graph in three forms: as a layer of its own, as a bare
    operation of `keras.ops`, or as the activation of a layer with weights.
    """
    if isinstance(operation, keras.layers.ReLU | keras.layers.Activation):
        # The layer ReLU has no attribute `activation`.
        activation = getattr(operation, "activation", None)
        plain = activation is None or _name(activation) in _RELUS
        return _guided(operation) if plain else None
    if not isinstance(operation, keras.Layer):
        name = type(operation).__name__.lower()
        return _guided(operation) if name in _RELUS else None
    activation = getattr(operation, "activation", None)
    if activation is None or _name(activation) not in _RELUS:
        return None
    # A layer with weights keeps its own gradient; only its ReLU is guided.
    twin, relu = linear_twin(operation), _guided(activation)
    return lambda *args, **kwargs: relu(twin(*args, **kwargs))


def _name(activation: Callable) -> str:
    return getattr(activation, "__name__", "")


def _guided(relu: Callable) -> Callable:
    @tf.custom_gradient
    def call(x: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = relu(x)
        slope = tape.gradient(y, x)  # 0 outside the ReLU's rising part
        # The plain gradient is slope * upstream; guiding drops what is
        # negative on the way back.
        return y, lambda upstream: slope * tf.nn.relu(upstream)

    return call
