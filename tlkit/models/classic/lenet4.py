"""LeNet-4: between LeNet-1 and LeNet-5, and the member of boosted ensembles.

LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to
Document Recognition", Proceedings of the IEEE 86(11), 1998, section III.C.
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


def _neighbours(first: int, count: int, maps: int) -> list[int]:
    return sorted((first + step) % maps for step in range(count))


C3_CONNECTIONS = [
    _neighbours(number // 2, 3 if number % 4 == 0 else 4, 8)
    for number in range(16)
]
"""Maps of S2 that each map of C3 sees: four see three, twelve see four."""

F5_CONNECTIONS = [
    _neighbours(unit % 16, 4 if unit % 3 == 0 else 5, 16) for unit in range(120)
]
"""Maps of S4 that each unit of F5 sees: forty see four, eighty see five."""


def lenet4(
    input_shape: ImageShape, classes: int, *, activation: str = "scaled_tanh"
) -> keras.Model:
    """Builds LeNet-4.

    | layer | maps | size | parameters | connections |
    |---|---|---|---|---|
    | C1, 5x5 | 4 | 28x28 | 104 | 81,536 |
    | S2, pooling, two of each map | 8 | 14x14 | 16 | 7,840 |
    | C3, 5x5 by table | 16 | 10x10 | 1,516 | 151,600 |
    | S4, pooling | 16 | 5x5 | 32 | 2,000 |
    | F5, by table | 120 | 1x1 | 14,120 | 14,120 |
    | predictions | 10 | | 1,210 | 1,210 |

    The paper gives the maps, "about 17,000" parameters and "about 260,000"
    multiply-adds, and calls the layer of 120 units fully connected. But a
    full connection from S4 to 120 units would have 48,120 parameters alone,
    so it cannot have been one. The two tables are therefore tlkit's own,
    chosen so that both figures come out: 16,998 and 258,306.

    C3 and F5 are layers of tlkit, so a saved model can be loaded only after
    `import tlkit.models.classic`.

    Args:
        input_shape: `(height, width, channels)`, 16x16 or larger. The
            paper's is `(32, 32, 1)`. F5 sees whole maps of S4, whatever
            their size.
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
    x = pool_trainable(x, activation, "S2", copies=2)
    x = convolve_table(x, C3_CONNECTIONS, (5, 5), "C3")
    x = squash(x, activation, "C3")
    x = pool_trainable(x, activation, "S4")
    x = convolve_table(x, F5_CONNECTIONS, x.shape[1:3], "F5")
    x = squash(x, activation, "F5")
    x = keras.layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, class_probabilities(x, classes), name="lenet4")
