"""Batch normalisation step by step.

Ioffe and Szegedy, "Batch Normalization" (arXiv:1502.03167). In training each
channel is normalised by the mean and variance of the batch. In prediction it
is normalised by averages from training, so that the result for an image does
not depend on the other images of its batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def batch_statistics(batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns each channel's mean and variance (Algorithm 1, lines 1 and 2).

    Args:
        batch: Values `(..., channels)`. In feature maps every place of every
            image counts as an example.

    Returns:
        `(mean, variance)`, one number per channel each. The variance is divided
        by the number of examples, not by one less.
    """
    mean = batch.mean(axis=tuple(range(batch.ndim - 1)))
    variance = ((batch - mean) ** 2).mean(axis=tuple(range(batch.ndim - 1)))
    return mean, variance


def normalise(
    batch: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    epsilon: float = 1e-3,
) -> np.ndarray:
    """Gives each channel mean 0 and variance 1 (Algorithm 1, line 3).

    Args:
        batch: Values `(..., channels)`.
        mean: Mean of each channel, which is subtracted.
        variance: Variance of each channel, by whose root is divided.
        epsilon: Number added to the variance, so that a constant channel is
            not divided by 0.
    """
    return (batch - mean) / np.sqrt(variance + epsilon)


def batch_norm_gradient(
    batch: np.ndarray,
    upstream: np.ndarray,
    gamma: np.ndarray,
    epsilon: float = 1e-3,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Differentiates the training step (section 3 of the paper, combined).

    Mean and variance depend on the batch too. For that reason the gradient
    has no mean and no part along the normalised values: shifting or
    stretching a whole channel would not change the output.

    Args:
        batch: Values `(..., channels)`.
        upstream: Gradient with respect to the output, of the batch's shape.
        gamma: Scale of each channel.
        epsilon: Number added to the variance, the same as in training.

    Returns:
        Gradients with respect to batch, gamma and beta.
    """
    axes = tuple(range(batch.ndim - 1))
    mean, variance = batch_statistics(batch)
    normalised = normalise(batch, mean, variance, epsilon)
    for_gamma = (upstream * normalised).sum(axis=axes)
    for_beta = upstream.sum(axis=axes)
    # Examples per channel: all axes but the last one.
    count = batch.size / batch.shape[-1]
    centred = upstream - (for_beta + normalised * for_gamma) / count
    return gamma * centred / np.sqrt(variance + epsilon), for_gamma, for_beta


@dataclass
class BatchNormalisation:
    """The layer, with what it learns, and its two modes.

    Attributes:
        gamma: Learnt scale, one number per channel.
        beta: Learnt shift, one number per channel.
        moving_mean: Moving average of the batches' means.
        moving_variance: Moving average of their variances. The paper
            multiplies it by m / (m - 1) for batches of m examples
            (Algorithm 2, line 10). Keras does not, and neither does this.
        momentum: Share of the past in both averages, 0 to below 1. The higher
            it is, the slower the averages follow.
        epsilon: Number added to every variance.
    """

    gamma: np.ndarray
    beta: np.ndarray
    moving_mean: np.ndarray
    moving_variance: np.ndarray
    momentum: float = 0.99
    epsilon: float = 1e-3

    def train(self, batch: np.ndarray) -> np.ndarray:
        """Normalises by the batch's own statistics, and averages them.

        Args:
            batch: Values `(..., channels)`.

        Returns:
            `gamma normalised + beta` (Algorithm 1, line 4).
        """
        mean, variance = batch_statistics(batch)
        self.moving_mean = self._averaged(self.moving_mean, mean)
        self.moving_variance = self._averaged(self.moving_variance, variance)
        normalised = normalise(batch, mean, variance, self.epsilon)
        return self.gamma * normalised + self.beta

    def infer(self, batch: np.ndarray) -> np.ndarray:
        """Normalises by the averages from training (Algorithm 2, line 11).

        This is one multiplication and one addition per channel, which can be
        merged into the convolution before it.

        Args:
            batch: Values `(..., channels)`.
        """
        normalised = normalise(
            batch, self.moving_mean, self.moving_variance, self.epsilon
        )
        return self.gamma * normalised + self.beta

    def _averaged(self, past: np.ndarray, present: np.ndarray) -> np.ndarray:
        return self.momentum * past + (1 - self.momentum) * present
