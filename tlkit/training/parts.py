"""What a way builds: the network, and which part of it learns."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from tlkit.models.cutting import CutModel


@dataclass(frozen=True, eq=False)
class Parts:
    """A network ready to be trained.

    Attributes:
        whole: From raw pixels to probabilities; its frozen layers are marked
            as not trainable.
        cut: The same network in two parts that share its layers, where the
            lower part is frozen and what it gives is kept; None where all
            images go through the whole network in every epoch.
    """

    whole: keras.Model
    cut: CutModel | None = None

    @property
    def learner(self) -> keras.Model:
        """The model that is trained: the upper part, or the whole."""
        return self.cut.suffix if self.cut else self.whole
