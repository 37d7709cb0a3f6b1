"""Pictures of the activations and the losses, each with its derivative."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tlkit import plots
from tlkit.sums import activations, losses


def draw_curves(folder: Path) -> list[Path]:
    """Draws the activations and the losses into a folder.

    Args:
        folder: Folder to write `activations.png` and `losses.png` to.

    Returns:
        The paths of both pictures.

    Raises:
        UsageError: A file that tlkit did not write has this path.
    """
    paths = [folder / "activations.png", folder / "losses.png"]
    draw_activations(paths[0])
    draw_losses(paths[1])
    return paths


def draw_activations(path: Path) -> None:
    """Draws ReLU, sigmoid and tanh, and their derivatives, from -6 to 6.

    Args:
        path: Path of the PNG file to write.

    Raises:
        UsageError: A file that tlkit did not write has this path.
    """
    x = np.linspace(-6, 6, 601)
    panels = {
        name: {"value": function(x), "derivative": derivative(x)}
        for name, function, derivative in (
            ("ReLU", activations.relu, activations.relu_derivative),
            ("sigmoid", activations.sigmoid, activations.sigmoid_derivative),
            ("tanh", activations.tanh, activations.tanh_derivative),
        )
    }
    plots.save(plots.draw_functions(x, panels), path)


def draw_losses(path: Path) -> None:
    """Draws L1, L2 and smooth L1 of an error, and cross-entropy of a logit.

    The cross-entropy is that of two classes, with the other class's logit 0.

    Args:
        path: Path of the PNG file to write.

    Raises:
        UsageError: A file that tlkit did not write has this path.
    """
    x = np.linspace(-3, 3, 601)
    zero = np.zeros_like(x)
    # With the second logit fixed at 0, the first alone is the horizontal axis,
    # and the derivative by it is the first column of the gradient.
    logits, true = np.stack([x, zero], 1), np.array([[1.0, 0.0]])
    panels = {
        "L1": {
            "value": losses.l1(x, zero),
            "derivative": losses.l1_gradient(x, zero),
        },
        "L2": {
            "value": losses.l2(x, zero),
            "derivative": losses.l2_gradient(x, zero),
        },
        "smooth L1": {
            "value": losses.smooth_l1(x, zero),
            "derivative": losses.smooth_l1_gradient(x, zero),
        },
        "cross-entropy": {
            "value": losses.cross_entropy(logits, true),
            "derivative": losses.cross_entropy_gradient(logits, true)[:, 0],
        },
    }
    plots.save(plots.draw_functions(x, panels), path)
