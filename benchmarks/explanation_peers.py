"""pytorch-grad-cam and tf-keras-vis, called as their documentation does."""

import contextlib
import io
import warnings

import keras
import numpy as np
import torch
from pytorch_grad_cam import (
    EigenCAM,
    GradCAM,
    GradCAMPlusPlus,
    LayerCAM,
    ScoreCAM,
)
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

with warnings.catch_warnings():  # of SciPy's, about where `zoom` lives
    warnings.simplefilter("ignore", DeprecationWarning)
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
    from tf_keras_vis.layercam import Layercam
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.scorecam import Scorecam
from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
from tf_keras_vis.utils.scores import CategoricalScore

TORCH = {
    "gradcam": GradCAM,
    "gradcam++": GradCAMPlusPlus,
    "layercam": LayerCAM,
    "scorecam": ScoreCAM,
    "eigencam": EigenCAM,
}
KERAS = {
    "gradcam": Gradcam,
    "gradcam++": GradcamPlusPlus,
    "layercam": Layercam,
    "scorecam": Scorecam,
}


class FlattenAsKeras(torch.nn.Module):
    """Flattens channels last, so that dense kernels need no reordering."""

    def forward(self, x):
        """Returns `(batch, values)`."""
        return x.permute(0, 2, 3, 1).flatten(1)


def copy_to_torch(model):
    """Returns a PyTorch network with a Keras VGG's weights, its end linear.

    Also its modules by the names of the Keras layers: of a convolution its
    ReLU, whose output is that of the Keras layer.
    """
    modules, named = [], {}
    for layer in model.layers[1:]:  # the first is the input
        modules += _copy(layer)
        named[layer.name] = modules[-1]
    return torch.nn.Sequential(*modules).eval(), named


def _copy(layer):
    if isinstance(layer, keras.layers.MaxPooling2D):
        return [torch.nn.MaxPool2d(2)]
    if isinstance(layer, keras.layers.Flatten):
        return [FlattenAsKeras()]
    kernel, bias = layer.get_weights()
    if isinstance(layer, keras.layers.Conv2D):
        copy = torch.nn.Conv2d(*kernel.shape[2:], 3, padding="same")
        kernel = kernel.transpose(3, 2, 0, 1)
    else:
        copy = torch.nn.Linear(*kernel.shape)
        kernel = kernel.T
    with torch.no_grad():
        copy.weight.copy_(torch.from_numpy(kernel.copy()))
        copy.bias.copy_(torch.from_numpy(bias))
    relu = layer.activation is keras.activations.relu
    return [copy, torch.nn.ReLU()] if relu else [copy]


def torch_pixels(images):
    return torch.from_numpy(images.transpose(0, 3, 1, 2).copy())


def torch_side(name, network, module, images, labels):
    """Returns what draws a batch's maps with pytorch-grad-cam."""
    cam = TORCH[name](model=network, target_layers=[module])
    targets = [ClassifierOutputTarget(int(label)) for label in labels]
    pixels = torch_pixels(images)

    def run():
        # Score-CAM draws a progress bar for each image.
        with contextlib.redirect_stderr(io.StringIO()):
            return cam(input_tensor=pixels, targets=targets)

    return run


def torch_gradients(network, images, labels):
    """Returns the gradients of the classes' scores by PyTorch itself."""
    pixels = torch_pixels(images).requires_grad_()
    scores = network(pixels)
    scores[torch.arange(len(images)), torch.from_numpy(labels)].sum().backward()
    return pixels.grad.numpy().transpose(0, 2, 3, 1)


def keras_side(name, model, layer, images, labels, **options):
    """Returns what draws a batch's maps with tf-keras-vis."""
    cam = KERAS[name](model, model_modifier=ReplaceToLinear(), clone=True)
    score = CategoricalScore([int(label) for label in labels])
    options["penultimate_layer"] = layer

    def run():
        # Score-CAM shows the progress of `predict`.
        with contextlib.redirect_stdout(io.StringIO()):
            return np.asarray(cam(score, images, **options))

    return run


def keras_saliency_side(model, images, labels, **options):
    """Returns what draws gradients with tf-keras-vis."""
    saliency = Saliency(model, model_modifier=ReplaceToLinear(), clone=True)
    score = CategoricalScore([int(label) for label in labels])
    return lambda: np.asarray(saliency(score, images, **options))
