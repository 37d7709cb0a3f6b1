"""The classic networks by name, each with the input it was published with."""

from __future__ import annotations

import keras

from tlkit.base.choices import did_you_mean
from tlkit.base.errors import UsageError
from tlkit.models.classic.sizes import ImageShape
from tlkit.models.classic_specs import NETWORKS


def build_classic(
    name: str,
    input_shape: ImageShape | None = None,
    classes: int | None = None,
) -> keras.Model:
    """Builds a classic network by name.

    Args:
        name: A name in `NETWORKS`, such as "vgg16".
        input_shape: `(height, width, channels)`; None for the shape that the
            network was published with.
        classes: Number of classes, at least 2; None for the number that the
            network was published with.

    Returns:
        A flat functional `keras.Model` from images `(batch, *input_shape)`
        to `(batch, classes)`, with random weights.

    Raises:
        UsageError: There is no such network, or it cannot be built for these
            images or classes.

    Example:
        >>> build_classic("lenet").count_params()
        61706
    """
    if name not in NETWORKS:
        raise UsageError(
            f"There is no classic network {name!r}.",
            where="network",
            expected=", ".join(NETWORKS),
            remedy=did_you_mean(name, NETWORKS),
        )
    network = NETWORKS[name]
    return network.build(
        network.input_shape if input_shape is None else input_shape,
        network.classes if classes is None else classes,
    )
