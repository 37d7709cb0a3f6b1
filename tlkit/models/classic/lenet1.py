"""LeNet-1: the small convnet that read digits in 1990.

LeCun et al., "Handwritten Digit Recognition with a Back-Propagation
Network", Advances in Neural Information Processing Systems 2, 1990.
"""

from __future__ import annotations

import keras

from tlkit.models.classic.lenet_layers import (
    convolve,
    convolve_table,
    pool_trainable,
    squash,
)
from tlkit.models.classic.sizes import ImageShape, image_input
from tlkit.models.heads import check_classes, class_probabilities

HALF = ((0,), (0, 1), (0, 1), (1,), (0, 1), (0, 1))
"""Maps of S2, of the first two, that each of the first six maps of C3 sees."""

CONNECTIONS = (*HALF, *([maps + 2 for maps in row] for row in HALF))
"""Maps of S2 that each map of C3 sees: 20 connections in two equal halves."""


def lenet1(
    input_shape: ImageShape, classes: int, *, activation: str = "scaled_tanh"
) -> keras.Model:
    """Builds LeNet-1.

    | layer | maps | size | parameters | connections |
    |---|---|---|---|---|
    | C1, 5x5 | 4 | 24x24 | 104 | 59,904 |
    | S2, pooling | 4 | 12x12 | 8 | 2,880 |
    | C3, 5x5 by table | 12 | 8x8 | 512 | 32,768 |
    | S4, pooling | 12 | 4x4 | 24 | 960 |
    | predictions | 10 | | 1,930 | 1,930 |

    On 28x28 images these are the paper's 2,578 parameters and 98,442
    connections. The paper's ten output units were trained towards +1 and -1.
    Here the network ends with a softmax.

    C3 is a layer of tlkit, so a saved model can be loaded only after `import
    tlkit.models.classic`.

    Args:
        input_shape: `(height, width, channels)`, 16x16 or larger. The
            paper's is `(28, 28, 1)`, with white as -1 and black as +1.
        classes: Number of classes, at least 2.
        activation: "scaled_tanh", or the name of an activation of Keras.

    Returns:
        A flat functional `keras.Model` from images `(batch, *input_shape)`
        to probabilities `(batch, classes)`.

    Raises:
        UsageError: The image is too small, there are fewer than two classes,
            or the activation is unknown.
    """
    check_classes(classes)
    inputs = image_input(input_shape)
    x = squash(convolve(inputs, 4, (5, 5), "C1"), activation, "C1")
    x = pool_trainable(x, activation, "S2")
    x = convolve_table(x, CONNECTIONS, (5, 5), "C3")
    x = squash(x, activation, "C3")
    x = pool_trainable(x, activation, "S4")
    x = keras.layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, class_probabilities(x, classes), name="lenet1")
