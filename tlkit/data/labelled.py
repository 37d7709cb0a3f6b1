"""A file with the class that it is said to show, before it was opened."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tlkit.data.names import TRAIN


class Labelled(NamedTuple):
    """A file that may be an image, and what is known of it.

    Attributes:
        path: Path of the file.
        class_name: Name of its class, in any form.
        split: The split that it belongs to; `"train"` where data have none.
        group: Name of what it shows, whose images stay in one split; empty
            if it is not known.
    """

    path: Path
    class_name: str
    split: str = TRAIN
    group: str = ""
