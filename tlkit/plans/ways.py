"""The ways to a model: the defaults of each, and the settings it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NETWORK = frozenset({"base", "weights", "alpha", "pooling", "units"})
"""Fields of a network that mean something only on a conv base."""

_HEAD = frozenset({"image_size", "fit", "dropout", "l2"})
_GOES_ON = frozenset({"start", "from_layer"})
_STORED = frozenset({"views", "features_dtype", "engine"})


@dataclass(frozen=True)
class Way:
    """A way to a model, with the defaults that a plan can change.

    Args:
        title: What the way does, in one line.
        epochs: Number of epochs at most.
        patience: Number of epochs in a row without a lower validation loss
            after which the training ends.
        learning_rate: Learning rate; None takes the conv base's own rate for
            fine-tuning.
        augmentation: Name of the preset that changes training images; None
            for a way that never augments.
        views: Number of views of each training image that go through the
            frozen part once; 0 where all images go through the whole network
            in every epoch.
        without: Options that this way does not have; a plan that sets one is
            refused.
        from_start: Options that are decided by the run from which this way
            goes on. A plan may repeat them, and the command does not offer
            them.
    """

    title: str
    epochs: int
    patience: int
    learning_rate: float | None
    augmentation: str | None
    views: int
    without: frozenset[str] = frozenset()
    from_start: frozenset[str] = frozenset()


WAYS: Mapping[str, Way] = {
    "scratch": Way(
        "Train a small convnet from random weights.",
        # From random weights it takes many epochs, and longer without a
        # better one, until a network is as good as it will be.
        epochs=60,
        patience=15,
        learning_rate=5e-4,
        augmentation="none",
        views=0,
        without=NETWORK | _STORED | _GOES_ON,
    ),
    "features": Way(
        "Run the conv base once over all images, train a head on its output.",
        epochs=30,
        patience=10,
        learning_rate=1e-3,
        augmentation=None,
        views=1,
        without=frozenset({"augmentation", "views"}) | _GOES_ON,
    ),
    "augmented": Way(
        "Train a head on a frozen conv base that sees augmented images.",
        epochs=30,
        patience=5,
        learning_rate=1e-3,
        augmentation="book",
        views=5,
        without=_GOES_ON,
    ),
    "finetune": Way(
        "Go on from a trained head: the top of the conv base learns, too.",
        epochs=30,
        patience=5,
        # Bases differ in how much of what they know a step may change.
        learning_rate=None,
        augmentation="book",
        views=5,
        from_start=NETWORK | _HEAD,
    ),
}
"""The ways by name, in the order in which a newcomer tries them."""
