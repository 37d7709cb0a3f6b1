"""All methods of explanation, by name, and one function that calls them.

A method is a file of its own and a line here: the command's help, its errors
and the trials follow from the line. Nothing heavy is imported before a method
draws.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from tlkit.base.choices import did_you_mean
from tlkit.base.errors import UsageError
from tlkit.base.imports import import_name

if TYPE_CHECKING:
    import keras
    import numpy as np

    from tlkit.explain.opened.scores import ClassIndex


@dataclass(frozen=True)
class Method:
    """A method of explanation.

    Args:
        title: Name of the method as its paper writes it.
        home: File in this folder and function in it, with a dot between them.
        has_layer: Whether the method looks at the feature map of one layer.
            If so, `draw` takes the layer's name as its fourth argument. The
            others look at pixels.
    """

    title: str
    home: str
    has_layer: bool = True

    @property
    def draw(self) -> Callable[..., np.ndarray]:
        """The function that draws the heat maps, imported at its first use."""
        return import_name(f"{__package__}.{self.home}")


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "cam": Method("CAM", "cam.class_activation_map"),
        "gradcam": Method("Grad-CAM", "gradcam.grad_cam"),
        "gradcam++": Method(
            "Grad-CAM++", "gradcam_plus_plus.grad_cam_plus_plus"
        ),
        "smoothgradcam++": Method(
            "Smooth Grad-CAM++",
            "smooth_gradcam_plus_plus.smooth_grad_cam_plus_plus",
        ),
        "scorecam": Method("Score-CAM", "scorecam.score_cam"),
        "sscam": Method("SS-CAM", "sscam.ss_cam"),
        "layercam": Method("LayerCAM", "layercam.layer_cam"),
        "eigencam": Method("Eigen-CAM", "eigencam.eigen_cam"),
        "guidedgradcam": Method("Guided Grad-CAM", "guided.guided_grad_cam"),
        "saliency": Method("gradients", "saliency.saliency", False),
        "smoothgrad": Method("SmoothGrad", "saliency.smoothgrad", False),
        "integratedgradients": Method(
            "integrated gradients",
            "integrated_gradients.integrated_gradients",
            False,
        ),
        "occlusion": Method("occlusion", "occlusion.occlusion", False),
    }
)
"""Every method, by the name that `draw_heat_maps` and the command line take."""

DEFAULT_METHOD = "gradcam"
"""The method where none is named: it explains any convolutional network."""


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
    method: str = DEFAULT_METHOD,
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
