"""Checks in every training that frozen layers do not change.

Keras lets the statistics of a batch normalisation drift in some cases where
its weights are frozen, without a word. The result would still look plausible.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

from tlkit.base.errors import TlkitError
from tlkit.models.digests import weights_digest


@contextlib.contextmanager
def frozen_stays_frozen(model: keras.Model) -> Iterator[None]:
    """Checks that frozen layers are the same to the bit after the block.

    Args:
        model: The model whose layers with `trainable=False` are compared,
            batch normalisations and their statistics included.

    Raises:
        TlkitError: A frozen weight or statistic has changed; the message
            names the layers.
    """
    before = _frozen_digests(model)
    yield
    after = _frozen_digests(model)
    changed = [name for name in before if before[name] != after.get(name)]
    if changed:
        raise TlkitError(
            "Frozen layers have changed in training.",
            where=", ".join(changed[:10]),
            expected="weights and statistics equal to the bit",
            remedy="This is an error in tlkit or Keras; please report it.",
        )


def _frozen_digests(model: keras.Model) -> dict[str, str]:
    return {
        layer.name: weights_digest(layer.get_weights())
        for layer in model.layers
        if layer.weights and not layer.trainable
    }
