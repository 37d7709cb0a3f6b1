"""Two comparisons that explain the architecture of convnets, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

from keras import Input, Model, layers

from tlkit.base.records import COUNT, Column, Field, Shown, Table, tabulate
from tlkit.sums.arithmetic import NetworkArithmetic
from tlkit.sums.columns import SEES, sees
from tlkit.sums.describe import describe_network

#: What a table shows of each way: its name and its network.
_COLUMNS: list[Field[tuple[str, NetworkArithmetic]]] = [
    (Column("way"), lambda x: x[0]),
    (Column("weights and biases", COUNT), lambda x: x[1].parameters),
    (Column("multiply-adds", COUNT), lambda x: x[1].multiply_adds),
    (SEES, lambda x: sees(x[1].layers[-1])),
]


@dataclass(frozen=True, eq=False)
class Fact(Shown):
    """Two networks with the same output, and what their comparison teaches.

    Attributes:
        title: The task that both networks do.
        ways: Both networks by name, the more expensive one first.
        lesson: The result of the comparison, in a sentence.
    """

    title: str
    ways: dict[str, NetworkArithmetic]
    lesson: str

    def table(self) -> Table:
        """Returns both ways in numbers, with what is learnt from them."""
        return tabulate(self.title, _COLUMNS, self.ways.items(), [self.lesson])


def bottleneck() -> Fact:
    """Compares a 5x5 convolution with and without a 1x1 bottleneck before it.

    Szegedy et al., "Going Deeper with Convolutions" (arXiv:1409.4842),
    section 4, with the numbers of the usual textbook example.
    """
    image = Input((28, 28, 192))
    wide = layers.Conv2D(32, 5, padding="same", name="conv5x5")(image)
    narrow = layers.Conv2D(16, 1, name="conv1x1")(image)
    narrow = layers.Conv2D(32, 5, padding="same", name="conv5x5")(narrow)
    ways = {
        "5x5": describe_network(Model(image, wide)),
        "1x1 to 16 maps, 5x5": describe_network(Model(image, narrow)),
    }
    dear, cheap = (way.multiply_adds for way in ways.values())
    return Fact(
        "28x28x192 to 32 maps by 5x5",
        ways,
        f"{dear / 1e6:.1f} million multiplications come down to "
        f"{cheap / 1e6:.1f} million: {dear / cheap:.1f} times fewer.",
    )


def two_small_kernels(channels: int = 64) -> Fact:
    """Compares two 3x3 convolutions with one 5x5 convolution.

    Simonyan and Zisserman, "Very Deep Convolutional Networks" (arXiv:
    1409.1556), section 2.3.

    Args:
        channels: Number of channels C of the input and of every layer.
    """
    image = Input((28, 28, channels))
    large = _conv(channels, 5)(image)
    small = _conv(channels, 3)(_conv(channels, 3)(image))
    ways = {
        "one 5x5": describe_network(Model(image, large)),
        "two 3x3": describe_network(Model(image, small)),
    }
    dear, cheap = (way.parameters // channels**2 for way in ways.values())
    # Unpacking a set of one fails if the two networks see different areas.
    (side,) = {_side_seen(way) for way in ways.values()}
    return Fact(
        f"{channels} maps to {channels} maps",
        ways,
        f"Both ways see {side} x {side} pixels; {dear} C^2 weights come down "
        f"to {cheap} C^2 for C channels, with one nonlinearity more.",
    )


def _side_seen(network: NetworkArithmetic) -> float:
    fields = network.layers[-1].fields
    assert fields is not None  # always known for convolutions
    return fields[0].size


def _conv(channels: int, side: int) -> layers.Conv2D:
    return layers.Conv2D(channels, side, padding="same", use_bias=False)
