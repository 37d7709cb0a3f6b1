"""Fast feature extraction: the conv base runs once for every image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from tlkit.base.console import say
from tlkit.base.records import COUNT, Column, Shown, Table, shorten
from tlkit.data.index import DatasetIndex
from tlkit.features.frozen import FrozenPart
from tlkit.models.heads import pool_features
from tlkit.models.precision import choose_precision, computing_in
from tlkit.models.transfer import TransferNetwork
from tlkit.store.housekeeping import prune_store, store_cap
from tlkit.store.store import StoredRows
from tlkit.training.fitting import Training


@dataclass(frozen=True, eq=False, repr=False)
class Features(Shown):
    """What a conv base gives for every image of a data set.

    Args:
        data: the data set.
        network: the conv base and the head planned for it.
        base: the conv base itself, from raw pixels to a feature map.
        arrays: per split rows of shape `(count, length)`, float16 or
            float32, in the order of the index, read from the disk as needed.
        computed: how many images went through the base just now; 0 when all
            features were there already.
    """

    data: DatasetIndex
    network: TransferNetwork
    base: keras.Model
    arrays: Mapping[str, StoredRows]
    computed: int

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(x)} {name}" for name, x in self.arrays.items())
        return (
            f"Features({self.network.base!r} of {shorten(self.data.name)!r}: "
            f"{sizes}, {self.computed} computed just now)"
        )

    def table(self) -> Table:
        """Returns what there is of each split: rows and their length."""
        names = "images", "numbers an image"
        return Table(
            f"{self.network.base} of {self.data.name}",
            (Column("split"), *(Column(name, COUNT) for name in names)),
            tuple((name, *x.shape) for name, x in self.arrays.items()),
            (f"{self.computed:,} images went through the base just now.",),
        )


def extract_features(
    data: DatasetIndex,
    network: TransferNetwork | None = None,
    training: Training | None = None,
    dtype: str = "float16",
) -> Features:
    """Runs every image through the conv base, unless that was done before.

    Args:
        data: the data set.
        network: which base, weights, size and pooling.
        training: its precision and devices are used.
        dtype: what the features are kept as; float16 has three digits and
            takes half the space of float32.

    Returns:
        The features of all splits.

    Raises:
        UsageError: the dtype is neither float16 nor float32.
        TlkitError: weights cannot be loaded, an image has become unreadable,
            the disk is full, or a feature is too large for float16.
    """
    network = network or TransferNetwork()
    training = training or Training()
    policy = choose_precision(training.precision, network.spec)
    strategy = training.strategy()
    with strategy.scope(), computing_in(policy):
        base = network.build_base()
        pooled = keras.Model(
            base.input,
            pool_features(base.output, network.head(2).pooling),
        )
    if network.warning:
        say(network.warning)
        data = data.with_note(network.warning)
    about = describe_part(network, network.head(2).pooling, policy)
    part = FrozenPart(pooled, about, network.size, strategy, dtype)
    arrays, computed = {}, 0
    for name, split in data.splits.items():
        (arrays[name],), count = part.rows(split, name)
        computed += count
    if computed:
        prune_store(store_cap())
    return Features(data, network, base, arrays, computed)


def describe_part(
    network: TransferNetwork, cut: str, policy: str
) -> dict[str, Any]:
    """Says what a frozen part is, for its key in the store.

    Args:
        network: whose lower part it is.
        cut: the layer that gives what is kept, or the pooling.
        policy: dtype policy that it computes in.
    """
    return {
        "base": network.base,
        "alpha": network.alpha,
        "cut": cut,
        "precision": policy,
    }
