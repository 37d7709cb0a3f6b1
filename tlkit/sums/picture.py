"""Pictures of a network: its maps to scale, and what one unit sees."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tlkit import plots
from tlkit.base.errors import UsageError
from tlkit.data.decode import read_image, resize_image
from tlkit.sums.arithmetic import NetworkArithmetic, seen_pixels
from tlkit.sums.sizes import shape_text

#: More boxes than this cannot be told apart.
_MOST_BOXES = 30


def draw_network(network: NetworkArithmetic, path: Path) -> None:
    """Draws the outputs of a network's layers as boxes to scale.

    Layers in a row with the same output are one box; of a deep network only
    the last output of every height and width is drawn.

    Args:
        network: what `describe_network` gave.
        path: of the PNG file.

    Raises:
        UsageError: another file is in the way.
    """
    plots.save(plots.draw_boxes(boxes_of(network), network.name), path)


def boxes_of(
    network: NetworkArithmetic,
) -> list[tuple[str, tuple[int, ...]]]:
    """Lists the boxes of `draw_network`: label and shape.

    Args:
        network: what `describe_network` gave.
    """
    drawn = [
        layer
        for layer in network.layers
        if len(layer.output) in (1, 3) and layer.kind != "ZeroPadding2D"
    ]
    runs = [list(run) for _, run in groupby(drawn, lambda x: x.output)]
    if len(runs) > _MOST_BOXES:
        sizes = groupby(drawn, lambda x: x.output[:-1] or x.output)
        runs = [list(run) for _, run in sizes]
    last = [run[-1] for run in runs]
    return [
        (f"{layer.name}\n{shape_text(layer.output)}", layer.output)
        for layer in last
    ]


@dataclass(frozen=True)
class Unit:
    """One unit of a layer, and what it sees.

    Attributes:
        layer: the layer's name.
        row: its row, from 0.
        column: its column, from 0.
        seen: `(top, left, bottom, right)` in pixels, all included.
    """

    layer: str
    row: int
    column: int
    seen: tuple[int, int, int, int]

    def __str__(self) -> str:
        top, left, bottom, right = self.seen
        return (
            f"Unit ({self.row}, {self.column}) of {self.layer} sees rows "
            f"{top} to {bottom} and columns {left} to {right}: "
            f"{bottom - top + 1} x {right - left + 1} pixels."
        )


def read_unit(network: NetworkArithmetic, text: str) -> Unit:
    """Finds a unit such as `block3_conv3:10,12`: layer, row, column.

    Args:
        network: what `describe_network` gave.
        text: which unit.

    Raises:
        UsageError: it is written in another way, there is no such unit, or
            what it sees is not known.
    """
    layer, _, place = text.rpartition(":")
    row, _, column = (part.strip() for part in place.partition(","))
    if not (layer and row.isdecimal() and column.isdecimal()):
        raise UsageError(
            "This is not a unit.",
            where="--unit",
            expected="LAYER:row,column, such as block3_conv3:10,12",
            received=text,
        )
    seen = seen_pixels(network.layer(layer), int(row), int(column))
    return Unit(layer, int(row), int(column), seen)


def draw_unit(
    network: NetworkArithmetic, unit: Unit, image: Path, path: Path
) -> None:
    """Draws the receptive field of a unit on an image.

    Args:
        network: what `describe_network` gave.
        unit: what `read_unit` gave.
        image: file of an image; it is resized to the network's input.
        path: of the PNG file.

    Raises:
        UsageError: there is no such image, or another file is in the way.
        TlkitError: the image cannot be read.
    """
    if not image.is_file():
        raise UsageError("No such image.", where=image)
    height, width = network.layers[0].output[:2]
    pixels = resize_image(read_image(image), (height, width))
    plots.save(plots.draw_rectangle(pixels, unit.seen, str(unit)), path)


def draw_pictures(
    network: NetworkArithmetic,
    folder: Path | None,
    unit: Unit | None = None,
    image: Path | None = None,
) -> list[Path]:
    """Draws the network and, on an image, what one of its units sees.

    Args:
        network: what `describe_network` gave.
        folder: for `network.png` and `receptive_field.png`; None for none.
        unit: of which unit.
        image: file of the image.

    Returns:
        The paths of what was drawn.

    Raises:
        UsageError: there is an image but no unit or folder, or no such image,
            or another file is in the way.
        TlkitError: the image cannot be read.
    """
    if image and not (unit and folder):
        raise UsageError(
            "It is not said what to draw on the image, or where to.",
            where="--image",
            remedy="Add --unit LAYER:row,column and --out FOLDER.",
        )
    drawn = []
    if folder and unit and image:
        drawn.append(folder / "receptive_field.png")
        draw_unit(network, unit, image, drawn[-1])
    if folder:
        drawn.append(folder / "network.png")
        draw_network(network, drawn[-1])
    return drawn
