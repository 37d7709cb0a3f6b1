"""The network that a way builds, and the part of it that learns."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from tlkit.models.cutting import CutModel


@dataclass(frozen=True, eq=False)
class Parts:
    """A network ready to be trained.

    Attributes:
        whole: Model from raw pixels to probabilities, whose frozen layers
            have `trainable=False`.
        cut: The same network in two parts that share its layers. The lower
            part is frozen and its outputs are stored. None where all images
            go through the whole network in every epoch.
    """

    whole: keras.Model
    cut: CutModel | None = None

    @property
    def learner(self) -> keras.Model:
        """The model that is trained: the upper part, or the whole."""
        return self.cut.suffix if self.cut else self.whole
