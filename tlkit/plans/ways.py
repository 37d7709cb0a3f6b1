"""The ways to a model: what each one is by default, and what it leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NETWORK = frozenset({"base", "weights", "alpha", "pooling", "units"})
"""Fields of a network that stands on a conv base."""

_HEAD = frozenset({"image_size", "dropout", "l2"})
_GOES_ON = frozenset({"start", "from_layer"})
_STORED = frozenset({"views", "features_dtype"})


@dataclass(frozen=True)
class Way:
    """A way to a model.

    Args:
        title: What it does, in one line.
        epochs: Epochs at most, unless a plan says otherwise.
        patience: Epochs without a lower validation loss, likewise.
        learning_rate: Learning rate; None for the conv base's own rate of
            fine-tuning.
        augmentation: Preset of the training images; None for a way that
            never augments.
        views: Views of each training image that go through the frozen part
            once; 0 where all images go through the network in every epoch.
        without: Options that mean nothing here; a plan may not give them.
        from_start: Options that the run to go on from has decided; a plan may
            repeat them, and the command does not ask.
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
        # A network that starts from nothing needs many epochs.
        epochs=60,
        patience=15,
        learning_rate=5e-4,
        augmentation="none",
        views=0,
        without=NETWORK | _STORED | _GOES_ON,
    ),
    "features": Way(
        "Run the conv base once over all images, train a head on what it gave.",
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
        learning_rate=None,
        augmentation="book",
        views=5,
        from_start=NETWORK | _HEAD,
    ),
}
"""The ways by name, in the order in which one tries them."""
