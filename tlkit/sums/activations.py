"""ReLU, sigmoid and tanh, and their derivatives.

On its way back, the gradient is multiplied by the derivative. The sigmoid's
derivative is 1/4 at most and next to nothing far from zero, which is why deep
networks with sigmoids hardly learn. ReLU's is 1 wherever its input is positive.
"""

from __future__ import annotations

import numpy as np


def relu(x: np.ndarray) -> np.ndarray:
    """Returns `max(x, 0)`, element by element."""
    return np.maximum(x, 0)


def relu_derivative(x: np.ndarray) -> np.ndarray:
    """Returns 1 where x is positive, else 0, also at 0, ReLU's kink."""
    return np.where(x > 0, 1.0, 0.0)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Returns `1 / (1 + exp(-x))`, element by element."""
    # The same by way of tanh, which cannot overflow as exp does.
    return (1 + np.tanh(x / 2)) / 2


def sigmoid_derivative(x: np.ndarray) -> np.ndarray:
    """Returns `sigmoid(x) (1 - sigmoid(x))`; 1/4 at 0."""
    # sigmoid(-x) is 1 - sigmoid(x).
    return sigmoid(x) * sigmoid(-x)


def tanh(x: np.ndarray) -> np.ndarray:
    """Returns `2 sigmoid(2x) - 1`: a sigmoid from -1 to 1."""
    return np.tanh(x)


def tanh_derivative(x: np.ndarray) -> np.ndarray:
    """Returns `1 - tanh(x)^2`; 1 at 0."""
    return 1 - tanh(x) ** 2
