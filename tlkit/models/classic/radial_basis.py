"""The output of LeNet-5: distances to a code for each class, and their loss.

LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to
Document Recognition", Proceedings of the IEEE 86(11), 1998, sections II.B
and II.C.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from tlkit.tensor.graphs import count_calls, origin

CODE_LENGTH = 84
"""Length of the code of a class, which is a bitmap of 7 x 12 pixels."""

# Drawn for tlkit in the manner of the paper's figure 3, which shows the whole
# printable ASCII set.
_DIGITS = """
.......  .......  .......  .......  .......
..###..  ...#...  ..###..  .#####.  ....##.
.##.##.  ..##...  .##.##.  .....#.  ...###.
##...##  .###...  ##...##  ....##.  ..##.#.
##...##  ...#...  .....##  ...##..  .##..#.
##...##  ...#...  ....##.  ..####.  ##...#.
##...##  ...#...  ...##..  .....##  #######
##...##  ...#...  ..##...  ......#  .....#.
.##.##.  ...#...  .##....  ##...##  .....#.
..###..  .#####.  #######  .#####.  .....#.
.......  .......  .......  .......  .......
.......  .......  .......  .......  .......

.......  .......  .......  .......  .......
#######  ...###.  #######  ..###..  ..###..
##.....  ..##...  .....##  .##.##.  .##.##.
##.....  .##....  .....#.  ##...##  ##...##
######.  ##.....  ....##.  .##.##.  ##...##
.....##  ##.###.  ....#..  ..###..  .######
......#  ###..##  ...##..  .##.##.  .....##
......#  ##...##  ...#...  ##...##  .....##
##...##  ##...##  ..##...  .##.##.  ....##.
.#####.  ..####.  ..##...  ..###..  .###...
.......  .......  .......  .......  .......
.......  .......  .......  .......  .......
"""


def class_codes(classes: int) -> np.ndarray:
    """Returns codes of -1 and +1, one for each class.

    Up to ten classes have bitmaps of the digits from 0 on. For more classes
    the codes are random, but the same every time; the paper mentions random
    codes as the alternative.

    Args:
        classes: Number of classes, at least 2.

    Returns:
        Array of shape `(classes, 84)`, float32.
    """
    if classes > 10:
        signs = np.random.default_rng(1998).integers(
            0, 2, (classes, CODE_LENGTH)
        )
        return (2 * signs - 1).astype("float32")
    rows = [
        line.split()[place]
        for half in _DIGITS.strip().split("\n\n")
        for place in range(5)
        for line in half.splitlines()
    ]
    black = np.array([[pixel == "#" for pixel in row] for row in rows])
    codes = black.reshape(10, CODE_LENGTH) * 2 - 1
    return codes[:classes].astype("float32")


def rbf_distances(
    x: keras.KerasTensor, classes: int, name: str = "RBF"
) -> keras.KerasTensor:
    """Appends squared distances to the code of each class, equation 7.

    `sum_j (x_j - w_ij)^2 = |x|^2 - 2 w_i x + |w_i|^2`. The last two terms
    are a `Dense` layer that does not train, because the codes are given by
    hand. The layers are Keras's own. They compute in float32 under every
    dtype policy, because the terms nearly cancel.

    Args:
        x: Vectors of shape `(batch, 84)`.
        classes: Number of classes, at least 2.
        name: Name of the last layer.

    Returns:
        Squared Euclidean distances of shape `(batch, classes)`, float32, 0 or
        more. The nearest class is the predicted one.
    """
    codes = class_codes(classes)
    # |w_i|^2 is the length of the code, as all its values are -1 or +1.
    products = keras.layers.Dense(
        classes,
        kernel_initializer=keras.initializers.Constant(-2 * codes.T),
        bias_initializer=keras.initializers.Constant(float(CODE_LENGTH)),
        trainable=False,
        dtype="float32",
        name=f"{name}_codes",
    )(x)
    square = keras.layers.Dot(1, dtype="float32", name=f"{name}_square")([x, x])
    add = keras.layers.Add(dtype="float32", name=name)
    return add([products, square])


def are_distances(operation: keras.Operation) -> bool:
    """Returns whether an operation puts out what `rbf_distances` appends.

    In a model from a file it is known by its parts: the square of a vector,
    and a layer that does not train on the same vector.

    Args:
        operation: A layer or operation of a functional model.
    """
    if type(operation) is not keras.layers.Add or count_calls(operation) != 1:
        return False
    parts = [origin(tensor).operation for tensor in operation.input]
    if [type(part) for part in parts] != [
        keras.layers.Dense,
        keras.layers.Dot,
    ]:
        return False
    products, square = parts
    return not products.trainable and all(
        vector is products.input for vector in square.input
    )


@keras.saving.register_keras_serializable(package="tlkit")
class MAPLoss(keras.losses.Loss):
    """The paper's discriminative loss for distances, equation 9.

        E = mean_p [ y_D + log(e^-j + sum_i e^-y_i) ]

    y_i is the distance to the code of class i, and D is the true class. The
    first term pulls the true class near. The second pushes the other classes
    away, except those that are already much farther than j, the distance of
    a "rubbish" class for images of no class at all. Without the second term,
    the network could reach a small loss by moving all codes to one place.

    A model compiled with this loss can be loaded after `import
    tlkit.models.classic`, or anywhere with `load_model(path, compile=False)`.

    Args:
        rubbish_distance: Distance of the rubbish class, the paper's j, 0 or
            more. The paper gives no value. On 12,000 digits, .1 and 5 did
            equally well in four epochs, and 20 and 60 worse.
        reduction: The way in which Keras combines the losses of a batch.
        name: Name of the loss.

    Example:
        >>> loss, distances = MAPLoss(0.0), np.array([[0.0, 1000.0]])
        >>> round(float(loss(np.array([0]), distances)), 4)  # log(1 + 1)
        0.6931
    """

    def __init__(
        self,
        rubbish_distance: float = 5.0,
        reduction: str = "sum_over_batch_size",
        name: str = "map_loss",
        **kwargs: Any,
    ) -> None:
        # Keras passes the dtype of a saved loss in `kwargs`.
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.rubbish_distance = rubbish_distance

    def call(
        self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor
    ) -> keras.KerasTensor:
        """Computes the loss of each image.

        Args:
            y_true: Labels of shape `(batch,)` or `(batch, 1)`, whole numbers.
            y_pred: Distances of shape `(batch, classes)`.

        Returns:
            Losses of shape `(batch,)`.
        """
        labels = ops.cast(ops.reshape(y_true, (-1, 1)), "int32")
        right = ops.take_along_axis(y_pred, labels, axis=1)[:, 0]
        rubbish = ops.full_like(y_pred[:, :1], self.rubbish_distance)
        everything = ops.concatenate([rubbish, y_pred], axis=1)
        return right + ops.logsumexp(-everything, axis=1)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the loss, for saving."""
        config = super().get_config()
        return {**config, "rubbish_distance": self.rubbish_distance}


@keras.saving.register_keras_serializable(package="tlkit")
def nearest_accuracy(
    y_true: keras.KerasTensor, y_pred: keras.KerasTensor
) -> keras.KerasTensor:
    """Says whether the nearest code is the right one, as a Keras metric.

    Keras's own accuracy takes the largest output for the answer, which would
    be the farthest class here.

    Args:
        y_true: Labels of shape `(batch,)` or `(batch, 1)`, whole numbers.
        y_pred: Distances of shape `(batch, classes)`.

    Returns:
        1.0 or 0.0 for each image, shape `(batch,)`, float32.
    """
    labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
    nearest = ops.cast(ops.argmin(y_pred, axis=1), "int32")
    return ops.cast(ops.equal(labels, nearest), "float32")
