"""Frozen means frozen: a check that every training makes of itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

from tlkit.base.errors import TlkitError
from tlkit.models.digests import weights_digest


@contextlib.contextmanager
def frozen_stays_frozen(model: keras.Model) -> Iterator[None]:
    """Checks that what is frozen is the same to the bit after the block.

    Args:
        model: Its layers with `trainable=False`, and every batch
            normalisation whose `trainable` is False, are watched.

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
            remedy="This is a fault of tlkit or Keras; please report it.",
        )


def _frozen_digests(model: keras.Model) -> dict[str, str]:
    return {
        layer.name: weights_digest(layer.get_weights())
        for layer in model.layers
        if layer.weights and not layer.trainable
    }
