"""Pictures of a network: its feature maps to scale, and what a unit sees."""

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

    Successive layers with the same output share a box. In a deep network only
    the last output of each height and width is drawn.

    Args:
        network: The result of `describe_network`.
        path: Path of the PNG file to write.

    Raises:
        UsageError: A file that tlkit did not write has this path.
    """
    plots.save(plots.draw_boxes(boxes_of(network), network.name), path)


def boxes_of(
    network: NetworkArithmetic,
) -> list[tuple[str, tuple[int, ...]]]:
    """Lists the boxes of `draw_network`, each with its label and its shape.

    Args:
        network: The result of `describe_network`.
    """
    # Padding only enlarges the map before it for the next layer.
    drawn = [
        layer
        for layer in network.layers
        if len(layer.output) in (1, 3) and layer.kind != "ZeroPadding2D"
    ]
    runs = [list(run) for _, run in groupby(drawn, lambda x: x.output)]
    if len(runs) > _MOST_BOXES:
        sizes = groupby(drawn, lambda x: x.output[:-1] or x.output)
        runs = [list(run) for _, run in sizes]
    # The last of a run is what the next layer with another output gets.
    last = [run[-1] for run in runs]
    return [
        (f"{layer.name}\n{shape_text(layer.output)}", layer.output)
        for layer in last
    ]


@dataclass(frozen=True)
class Unit:
    """One unit of a layer, and what it sees.

    Attributes:
        layer: Name of the layer.
        row: Row of the unit, from 0.
        column: Column of the unit, from 0.
        seen: Pixels it sees, `(top, left, bottom, right)`, all included.
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
        network: The result of `describe_network`.
        text: Name of the layer, a colon, and row and column from 0.

    Raises:
        UsageError: The text is not of this form, there is no such unit, or
            its receptive field is not known.
    """
    # From the right, in case the name of a layer holds a colon.
    layer, _, place = text.rpartition(":")
    row, _, column = (part.strip() for part in place.partition(","))
    if not (layer and row.isdecimal() and column.isdecimal()):
        raise UsageError(
            "This is not the name of a unit.",
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
        network: The result of `describe_network`.
        unit: The result of `read_unit`.
        image: Image file. The image is resized to the network's input.
        path: Path of the PNG file to write.

    Raises:
        UsageError: There is no such image, or a file that tlkit did not write
            has this path.
        TlkitError: The image cannot be read.
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
        network: The result of `describe_network`.
        folder: Folder to write `network.png` and `receptive_field.png` to.
            None draws nothing.
        unit: Unit whose receptive field is drawn. Without it, only the network
            is drawn.
        image: Image file to draw the receptive field on.

    Returns:
        The paths of the pictures that were written.

    Raises:
        UsageError: An image is given without a unit or a folder, there is no
            such image, or a file that tlkit did not write has such a path.
        TlkitError: The image cannot be read.
    """
    if image and not (unit and folder):
        raise UsageError(
            "An image needs a unit to draw on it, and a folder to write to.",
            where="--image",
            remedy="Add --unit LAYER:row,column and --out FOLDER.",
        )
    drawn = []
    # First what may fail, so that a wrong image leaves no picture behind.
    if folder and unit and image:
        drawn.append(folder / "receptive_field.png")
        draw_unit(network, unit, image, drawn[-1])
    if folder:
        drawn.append(folder / "network.png")
        draw_network(network, drawn[-1])
    return drawn
