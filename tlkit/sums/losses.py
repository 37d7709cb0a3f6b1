"""The losses that convnets are trained by, and their gradients.

Each function returns one number per example (cross-entropy) or per element
(the others); the loss of a batch is their mean.
"""

from __future__ import annotations

import numpy as np


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Returns the logarithms of softmax's probabilities.

    `log p_k = z_k - log sum over j of exp z_j`. To subtract the largest logit
    first changes nothing in the result, and no exponential can overflow.

    Args:
        logits: `(batch, classes)`, any real numbers.

    Example:
        >>> log_softmax(np.array([[1000.0, 1000.0]])).round(4).tolist()
        [[-0.6931, -0.6931]]
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def cross_entropy(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Cross-entropy from logits: `-sum over k of t_k log p_k`.

    Args:
        logits: `(batch, classes)`.
        targets: probabilities `(batch, classes)`, one-hot or soft.

    Returns:
        One loss per example, in nats; `log(classes)` for a network that
        knows nothing.
    """
    return -(targets * log_softmax(logits)).sum(axis=-1)


def cross_entropy_gradient(
    logits: np.ndarray, targets: np.ndarray
) -> np.ndarray:
    """Differentiates each example's cross-entropy: softmax minus target.

    Args:
        logits: `(batch, classes)`.
        targets: probabilities `(batch, classes)` that sum to 1.
    """
    return np.exp(log_softmax(logits)) - targets


def sparse_cross_entropy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Cross-entropy of class numbers: `-log p` of the true class.

    The same as `cross_entropy` with one-hot targets; only one term of that
    sum is not zero, so only that one is computed.

    Args:
        logits: `(batch, classes)`.
        labels: integers `(batch,)`, 0 to classes - 1.

    Returns:
        One loss per example, in nats.
    """
    return -log_softmax(logits)[np.arange(len(labels)), labels]


def l1(predictions: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Absolute error `|d|` of every element, d being their difference."""
    return np.abs(predictions - targets)


def l1_gradient(predictions: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns -1 or 1, however small the error; at 0, where it has none, 0."""
    return np.sign(predictions - targets)


def l2(predictions: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Squared error `d^2` of every element; one outlier outweighs many."""
    return (predictions - targets) ** 2


def l2_gradient(predictions: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns `2d`: the larger the error, the larger the step."""
    return 2 * (predictions - targets)


def smooth_l1(
    predictions: np.ndarray, targets: np.ndarray, beta: float = 1.0
) -> np.ndarray:
    """Squared where the error is small, absolute where it is large.

    `d^2 / (2 beta)` for `|d| < beta`, else `|d| - beta / 2`. With beta 1 it
    is equation 3 of Girshick, "Fast R-CNN" (arXiv:1504.08083); Huber's loss
    is beta times it.

    Args:
        predictions: any shape.
        targets: of the same shape.
        beta: where the one goes over into the other, above 0.
    """
    error = np.abs(predictions - targets)
    return np.where(error < beta, error**2 / (2 * beta), error - beta / 2)


def smooth_l1_gradient(
    predictions: np.ndarray, targets: np.ndarray, beta: float = 1.0
) -> np.ndarray:
    """Returns `d / beta`, cut off at -1 and 1.

    Args:
        predictions: any shape.
        targets: of the same shape.
        beta: as in `smooth_l1`.
    """
    return np.clip((predictions - targets) / beta, -1, 1)
