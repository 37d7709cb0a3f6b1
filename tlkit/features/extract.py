"""Fast feature extraction: the conv base runs once for every image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from tlkit.base.console import say
from tlkit.base.records import COUNT, Column, Shown, Table, shorten
from tlkit.data.index import DatasetIndex
from tlkit.data.load import Source, load_dataset
from tlkit.features.frozen import FrozenPart
from tlkit.models.heads import pool_features
from tlkit.models.precision import computing_in
from tlkit.plans.network import ResolvedNetwork
from tlkit.plans.plan import Plan, ResolvedPlan
from tlkit.plans.resolve import resolve
from tlkit.store.housekeeping import prune_to_cap
from tlkit.store.store import StoredRows
from tlkit.tensor.hosts import gone_in_words, leave_hosts
from tlkit.tensor.strategy import make_strategy


@dataclass(frozen=True, eq=False, repr=False)
class Features(Shown):
    """The feature vectors that a conv base gives for a data set's images.

    Attributes:
        data: The data set.
        plan: The plan by which the features were computed, with nothing left
            open.
        base: The conv base, from raw pixels to a feature map.
        arrays: For each split, rows of shape `(count, length)`, float16 or
            float32, in the order of the index. They are read from the disk
            when they are indexed.
        computed: Number of images that went through the base just now; 0
            where all features were in the store already.

    Example:
        features = tlkit.extract_features("features", "photos/")
        features.arrays["train"].shape, features.arrays["train"][:5]
    """

    data: DatasetIndex
    plan: ResolvedPlan
    base: keras.Model
    arrays: Mapping[str, StoredRows]
    computed: int

    @property
    def network(self) -> ResolvedNetwork:
        """The conv base, and the head planned for it."""
        return self.plan.network

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(x)} {name}" for name, x in self.arrays.items())
        return (
            f"Features({self.network.base_name!r} of "
            f"{shorten(self.data.name)!r}: {sizes}, "
            f"{self.computed} computed just now)"
        )

    def table(self) -> Table:
        """Returns each split's number of rows and their length."""
        names = "images", "numbers an image"
        return Table(
            f"{self.network.base_name} of {self.data.name}",
            (Column("split"), *(Column(name, COUNT) for name in names)),
            tuple((name, *x.shape) for name, x in self.arrays.items()),
            (f"{self.computed:,} images went through the base just now.",),
        )


@gone_in_words()
def extract_features(plan: Plan | str, data: DatasetIndex | Source) -> Features:
    """Runs every image through the conv base, unless its row is stored.

    Args:
        plan: A plan of the way `features`, or that name for all of its
            defaults. It determines the base, its weights, image size,
            pooling, precision, the devices, the engine and the dtype of the
            features.
        data: The data set, or a source that `load_dataset` can read.

    Returns:
        The features of all splits.

    Raises:
        UsageError: The plan is not possible.
        TlkitError: Weights cannot be loaded, an image has become unreadable,
            the disk is full, or a feature is too large for float16.

    Example:
        features = tlkit.extract_features("features", "photos/")
        features.arrays["train"][:5]
    """
    plan = Plan(plan) if isinstance(plan, str) else plan
    if not isinstance(data, DatasetIndex):
        data = load_dataset(data)
    resolved = resolve(plan, data)
    network, policy = resolved.network, resolved.recipe.precision
    # With weights="none" the base is random. The seed makes its weights, and
    # so their digest in the store's key, the same in every call.
    keras.utils.set_random_seed(resolved.seed)
    strategy = make_strategy(resolved.machine.devices)
    with strategy.scope(), computing_in(policy):
        base = network.build_base()
        pooled = keras.Model(
            base.input, pool_features(base.output, network.pooling)
        )
    if network.warning:
        say(network.warning)
        data = data.with_note(network.warning)
    about = describe_part(network, network.pooling, policy)
    part = FrozenPart(
        pooled,
        about,
        network.frame,
        strategy,
        resolved.views.dtype,
        resolved.machine.engine,
    )
    rows, computed = part.rows(data.splits)
    arrays = {name: kept for name, (kept,) in rows.items()}
    # Only new rows can have made the store larger than its cap.
    if computed:
        prune_to_cap()
    leave_hosts()  # a program may end here
    return Features(data, resolved, base, arrays, computed)


def describe_part(
    network: ResolvedNetwork, cut: str, policy: str
) -> dict[str, Any]:
    """Describes a frozen part for its key in the store.

    Args:
        network: The network to which the frozen part belongs.
        cut: The layer whose output is kept, see `CutModel.at`, or the name
            of the pooling.
        policy: The dtype policy in which it computes.
    """
    return {
        "base": network.base_name,
        "alpha": network.alpha,
        "cut": cut,
        "precision": policy,
    }
