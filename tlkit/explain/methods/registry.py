"""All methods of explanation, by name, and one function that calls them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np

from tlkit.base.choices import did_you_mean
from tlkit.base.errors import UsageError
from tlkit.explain.methods.cam import class_activation_map
from tlkit.explain.methods.eigencam import eigen_cam
from tlkit.explain.methods.gradcam import grad_cam
from tlkit.explain.methods.gradcam_plus_plus import grad_cam_plus_plus
from tlkit.explain.methods.guided import guided_grad_cam
from tlkit.explain.methods.integrated_gradients import integrated_gradients
from tlkit.explain.methods.layercam import layer_cam
from tlkit.explain.methods.occlusion import occlusion
from tlkit.explain.methods.saliency import saliency, smoothgrad
from tlkit.explain.methods.scorecam import score_cam
from tlkit.explain.methods.smooth_gradcam_plus_plus import (
    smooth_grad_cam_plus_plus,
)
from tlkit.explain.methods.sscam import ss_cam
from tlkit.explain.opened.scores import ClassIndex


class Method(NamedTuple):
    """A method of explanation.

    Attributes:
        title: Name of the method as its paper writes it.
        draw: Function that draws the heat maps.
        has_layer: Whether the method looks at the feature map of one layer.
            If so, `draw` takes the layer's name as its fourth argument.
    """

    title: str
    draw: Callable[..., np.ndarray]
    has_layer: bool = True


METHODS = {
    "cam": Method("CAM", class_activation_map),
    "gradcam": Method("Grad-CAM", grad_cam),
    "gradcam++": Method("Grad-CAM++", grad_cam_plus_plus),
    "smoothgradcam++": Method("Smooth Grad-CAM++", smooth_grad_cam_plus_plus),
    "scorecam": Method("Score-CAM", score_cam),
    "sscam": Method("SS-CAM", ss_cam),
    "layercam": Method("LayerCAM", layer_cam),
    "eigencam": Method("Eigen-CAM", eigen_cam),
    "guidedgradcam": Method("Guided Grad-CAM", guided_grad_cam),
    "saliency": Method("gradients", saliency, False),
    "smoothgrad": Method("SmoothGrad", smoothgrad, False),
    "integratedgradients": Method(
        "integrated gradients", integrated_gradients, False
    ),
    "occlusion": Method("occlusion", occlusion, False),
}
"""Every method, by the name that `draw_heat_maps` and the command line take."""


def find_method(name: str) -> Method:
    """Finds a method by its name.

    Args:
        name: A key of `METHODS`, such as `"gradcam"`.

    Raises:
        UsageError: There is no such method.
    """
    if name not in METHODS:
        raise UsageError(
            "There is no such method of explanation.",
            where="method",
            expected=", ".join(METHODS),
            received=repr(name),
            remedy=did_you_mean(name, METHODS),
        )
    return METHODS[name]


def draw_heat_maps(
    model: keras.Model,
    images: np.ndarray,
    method: str = "gradcam",
    class_index: ClassIndex = None,
    layer: str | None = None,
) -> np.ndarray:
    """Draws heat maps with the method of a given name.

    Args:
        model: Any image classifier. It is not changed.
        images: Batch of shape `(batch, height, width, channels)`, with values
            in the range that the model takes.
        method: A key of `METHODS`, such as `"gradcam"`.
        class_index: The class to explain: one number for all images, one per
            image, or None for the class each image is taken for; see
            `ClassIndex`.
        layer: Name of the layer to look at. None takes the last layer, pooling
            aside, whose output has height and width. It must be None for the
            methods that look at pixels alone.

    Returns:
        float32 heat maps `(batch, height, width)`, 0 to 1, as large as the
        images.

    Raises:
        UsageError: There is no such method, layer or class, a layer is named
            for a method that looks at none, or the model does not take such
            images.
        TlkitError: The model is not an image classifier.

    Example:
        >>> list(METHODS)[:3]
        ['cam', 'gradcam', 'gradcam++']
    """
    found = find_method(method)
    if found.has_layer:
        return found.draw(model, images, class_index, layer)
    if layer is not None:
        raise UsageError(
            f"{found.title} looks at pixels, not at a layer.",
            where="layer",
            expected="none",
            received=layer,
        )
    return found.draw(model, images, class_index)
