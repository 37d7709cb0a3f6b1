"""What can be asked of an explanation; light, for the command's help."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tlkit.base.choices import names_in
from tlkit.base.errors import UsageError
from tlkit.base.fields import Checked, Option, field
from tlkit.explain.methods.registry import (
    DEFAULT_METHOD,
    METHODS,
    method_names,
)

PATTERN_SIZE = 128
"""Side in pixels of a pattern that a filter responds to."""

MOST_SIDE = 1600
"""Longest side in pixels of a picture that is written; larger ones shrink."""

FILTERS = 16
"""Number of filters of each layer whose patterns are drawn."""


@dataclass(frozen=True)
class ExplainOptions(Checked):
    """What is explained, how, and where the pictures go.

    Args:
        method: Keys of `METHODS`, whose heat maps stand side by side.
        class_name: Name of the class to explain, or its number from 0. None
            explains the class that each model takes each picture for.
        layer: Name of the layer to look at. None takes the last layer,
            pooling aside, whose output has height and width.
        output: Folder to write to. None takes `explained/` and the model's
            name.
        top: Number of pictures to explain, those that the model is surest
            of. None explains all.
        beside: Further models, run folders or `.keras` files, whose heat maps
            of the same pictures stand beside those of the first.
        through: Folder with checkpoints of the model. Each picture then gets
            an animation of its heat map from one checkpoint to the next.

    Raises:
        UsageError: A value is not possible, or both `through` and `beside`
            are given.
    """

    method: tuple[str, ...] = field(
        (DEFAULT_METHOD,),
        Option(
            "How the heat maps are drawn; several methods, with commas "
            "between, are drawn side by side. These look at a layer: "
            f"{method_names(has_layer=True)}. These look at the pixels: "
            f"{method_names(has_layer=False)}.",
            choices=lambda: METHODS,
            parse=names_in,
            also=("compare",),
            metavar="NAME,...",
            first=True,
        ),
    )
    class_name: str | None = field(
        None,
        Option(
            "Class to explain, by its name or by its number from 0.",
            open="the class that the model gives the image",
            flag="class",
            metavar="CLASS",
            first=True,
        ),
    )
    layer: str | None = field(
        None,
        Option(
            "Name of the layer to look at; `tlkit describe` lists the layers.",
            open="the last one with a feature map",
            metavar="LAYER",
            first=True,
        ),
    )
    output: Path | None = field(
        None,
        Option(
            "Folder to write the pictures to; those of more than "
            f"{MOST_SIDE:,} pixels a side are shown smaller.",
            open="explained/MODEL",
            metavar="FOLDER",
            first=True,
        ),
    )
    top: int | None = field(
        None,
        Option(
            "Explain only this many images: those that the model is surest "
            "show the class of --class.",
            open="all images",
            at_least=1,
            metavar="N",
        ),
    )
    beside: tuple[Path, ...] = field(
        (),
        Option(
            "Another model to explain the same images with, beside the first. "
            "The option may be given several times.",
            metavar="RUN|MODEL",
        ),
    )
    through: Path | None = field(
        None,
        Option(
            "Folder with checkpoints of the model's epochs. Instead of heat "
            "maps, draw an animation (GIF) of how they change in training.",
            metavar="FOLDER",
        ),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.through and self.beside:
            raise UsageError(
                "The checkpoints are those of one model.",
                where="--through",
                received=f"--beside {self.beside[0]} besides",
                remedy="Leave out --beside.",
            )
