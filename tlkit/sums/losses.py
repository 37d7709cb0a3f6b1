"""The losses that convnets are trained with, and their gradients.

Each function returns one number per example (cross-entropy) or per element
(the others); the loss of a batch is their mean.
"""

from __future__ import annotations

import numpy as np


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Returns the logarithms of softmax's probabilities.

    `log p_k = z_k - log sum over j of exp z_j`.

    Args:
        logits: Scores before softmax, `(batch, classes)`, any real numbers.

    Example:
        >>> log_softmax(np.array([[1000.0, 1000.0]])).round(4).tolist()
        [[-0.6931, -0.6931]]
    """
    # Subtracting the largest logit does not change the result, but without it
    # the exponential of a large logit would overflow.
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def cross_entropy(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns the cross-entropy from logits: `-sum over k of t_k log p_k`.

    Args:
        logits: Scores before softmax, `(batch, classes)`.
        targets: Probabilities `(batch, classes)`, one-hot or soft.

    Returns:
        One loss per example, in nats. It is `log(classes)` for a network that
        gives all classes the same probability.
    """
    return -(targets * log_softmax(logits)).sum(axis=-1)


def cross_entropy_gradient(
    logits: np.ndarray, targets: np.ndarray
) -> np.ndarray:
    """Differentiates each example's cross-entropy: softmax minus target.

    Args:
        logits: Scores before softmax, `(batch, classes)`.
        targets: Probabilities `(batch, classes)` that sum to 1.

    Returns:
        Gradients by the logits, `(batch, classes)`.
    """
    return np.exp(log_softmax(logits)) - targets


def sparse_cross_entropy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the cross-entropy for class numbers: `-log p` of the true class.

    It equals `cross_entropy` with one-hot targets. Only one term of that sum
    is not zero, and only that one is computed.

    Args:
        logits: Scores before softmax, `(batch, classes)`.
        labels: True classes as integers `(batch,)`, 0 to classes - 1.

    Returns:
        One loss per example, in nats.
    """
    return -log_softmax(logits)[np.arange(len(labels)), labels]


def l1(predictions: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns `|d|` for every element, d being prediction minus target."""
    return np.abs(predictions - targets)


def l1_gradient(predictions: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns -1 or 1, however small the error is, and 0 for no error."""
    return np.sign(predictions - targets)


def l2(predictions: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns `d^2` for every element; one outlier outweighs many errors."""
    return (predictions - targets) ** 2


def l2_gradient(predictions: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns `2d`: the larger the error, the larger the gradient."""
    return 2 * (predictions - targets)


def smooth_l1(
    predictions: np.ndarray, targets: np.ndarray, beta: float = 1.0
) -> np.ndarray:
    """Returns an error that is squared where it is small, absolute elsewhere.

    `d^2 / (2 beta)` for `|d| < beta`, else `|d| - beta / 2`. With beta 1 it
    is equation 3 of Girshick, "Fast R-CNN" (arXiv:1504.08083); Huber's loss
    is beta times it.

    Args:
        predictions: Numbers of any shape.
        targets: Numbers of the same shape.
        beta: Size of an error from which on it counts as large, above 0.
    """
    error = np.abs(predictions - targets)
    return np.where(error < beta, error**2 / (2 * beta), error - beta / 2)


def smooth_l1_gradient(
    predictions: np.ndarray, targets: np.ndarray, beta: float = 1.0
) -> np.ndarray:
    """Returns `d / beta`, cut off at -1 and 1.

    Args:
        predictions: Numbers of any shape.
        targets: Numbers of the same shape.
        beta: Size of an error from which on it counts as large, above 0.
    """
    return np.clip((predictions - targets) / beta, -1, 1)
