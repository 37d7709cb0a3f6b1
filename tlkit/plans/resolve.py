"""Resolves plans: fills in open settings, for given data and this machine."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from tlkit.base.errors import UsageError
from tlkit.cluster.engines import prepare_engine
from tlkit.data.augment import AUGMENTATIONS
from tlkit.data.index import TRAIN, DatasetIndex
from tlkit.plans.network import CONVNET, Network, ResolvedNetwork
from tlkit.plans.optimizers import label_form, rate_of
from tlkit.plans.plan import (
    Plan,
    ResolvedMachine,
    ResolvedPlan,
    ResolvedViews,
)
from tlkit.plans.recipe import Recipe, ResolvedRecipe
from tlkit.plans.ways import WAYS

_BATCH_SIZE = 32


def resolve(
    plan: Plan, data: DatasetIndex, start: Plan | None = None
) -> ResolvedPlan:
    """Fills in everything that a plan leaves open.

    Args:
        plan: The plan. A resolved one is returned as it is.
        data: The data set, whose number of training images decides the batch
            size of the way `features`.
        start: Plan of the run from which fine-tuning goes on; None for the
            other ways.

    Returns:
        The same plan with nothing left open.

    Raises:
        UsageError: The machine has fewer devices, a tracker or the engine
            that the plan asks for is not installed, fine-tuning has no run to
            go on from, or that run has no conv base or another network than
            the plan asks for.
    """
    if isinstance(plan, ResolvedPlan):
        return plan
    _check_installed(plan.machine.track)
    prepare_engine(plan.machine.engine)
    way = WAYS[plan.way]
    network = _network(plan, start)
    recipe = _recipe(plan, network, len(data.splits[TRAIN]))
    views = way.views if plan.views.count is None else plan.views.count
    return ResolvedPlan(
        way=plan.way,
        network=network,
        augmentation=plan.augmentation
        or AUGMENTATIONS[way.augmentation or "none"],
        # Further views than one for each epoch would never be used.
        views=ResolvedViews(min(views, recipe.epochs), plan.views.dtype),
        recipe=recipe,
        machine=ResolvedMachine(
            _count_devices(plan.machine.devices),
            plan.machine.track,
            plan.machine.engine,
        ),
        seed=plan.seed,
        start=plan.start or "",
        from_layer=plan.from_layer or _first_layer(plan.way, network),
    )


def _check_installed(trackers: Iterable[str]) -> None:
    for name in trackers:
        found = importlib.util.find_spec(name)
        # A folder of that name, from which Python was started, has no origin.
        if found is None or found.origin is None:
            raise UsageError(
                f"The tracker {name} is not installed.",
                where="track",
                remedy=f"pip install 'tlkit[{name}]'",
            )


def _network(plan: Plan, start: Plan | None) -> ResolvedNetwork:
    if plan.way == "scratch":
        # The settings of a conv base mean nothing for the convnet.
        own = plan.network
        return Network(
            CONVNET,
            image_size=own.image_size,
            fit=own.fit,
            dropout=own.dropout,
            l2=own.l2,
        ).resolved()
    if plan.way != "finetune":
        return plan.network.resolved()
    if start is None:
        raise UsageError(
            "Fine-tuning goes on from a run.",
            where="start",
            expected="a run of features or augmented",
            received=plan.start,
        )
    return _network_of_start(plan, start)


def _network_of_start(plan: Plan, start: Plan) -> ResolvedNetwork:
    if start.way == "scratch":
        raise UsageError(
            "This run has no conv base to fine-tune.",
            where=plan.start,
            expected="a run of `tlkit features` or `tlkit augmented`",
            received=f"a run of `tlkit {start.way}`",
        )
    network = start.network.resolved()
    for name in WAYS["finetune"].from_start:
        asked, has = getattr(plan.network, name), getattr(network, name)
        if isinstance(asked, int) and name == "image_size":
            asked = (asked, asked)
        # An alpha of 1.0 is the default, which nobody need have asked for.
        if asked not in (None, 1.0, has):
            raise UsageError(
                "The run to go on from has another network.",
                where=name,
                expected=has,
                received=asked,
                remedy="Leave it out: fine-tuning keeps the run's network.",
            )
    return network


def _recipe(
    plan: Plan, network: ResolvedNetwork, images: int
) -> ResolvedRecipe:
    # Imported here, so that the command's help does not wait for Keras.
    from tlkit.models.precision import choose_precision

    asked, way = plan.recipe, WAYS[plan.way]
    given = {own.name: getattr(asked, own.name) for own in fields(Recipe)}
    spec = None if network.base == CONVNET else network.spec
    filled = {
        "learning_rate": _rate(asked, way.learning_rate, spec),
        "batch_size": asked.batch_size or _batch_size(plan.way, images),
        "epochs": asked.epochs or way.epochs,
        "patience": asked.patience or way.patience,
        "labels": label_form(asked.loss, asked.labels, asked.label_smoothing),
        "precision": choose_precision(asked.precision, spec),
    }
    return ResolvedRecipe(**{**given, **filled})


def _batch_size(way: str, images: int) -> int:
    return head_batch_size(images) if way == "features" else _BATCH_SIZE


def _rate(asked: Recipe, usual: float | None, spec: Any) -> float:
    if not isinstance(asked.optimizer, str):
        return rate_of(asked.optimizer)
    if asked.learning_rate is not None:
        return asked.learning_rate
    return spec.fine_tuning_rate if usual is None else usual


def head_batch_size(images: int) -> int:
    """Returns the batch size for training a head on stored features.

    A step on stored features is mostly the optimizer's work, which takes as
    long for any batch, so large batches are faster. With few images the
    batches are smaller, since an epoch would otherwise have too few steps.

    Args:
        images: Number of training images.

    Example:
        >>> head_batch_size(200), head_batch_size(1000), head_batch_size(2000)
        (32, 64, 256)
    """
    if images >= 2000:
        return 256
    # About fifteen steps an epoch, in multiples of 32.
    return max(32, min(128, images // 15 // 32 * 32))


def _count_devices(devices: int | str) -> int:
    from tlkit.tensor.strategy import count_devices

    return count_devices(devices)


def _first_layer(way: str, network: ResolvedNetwork) -> str:
    if way != "finetune":
        return ""
    first = network.spec.fine_tune_from
    if not first:
        raise UsageError(
            "tlkit does not know from which layer to fine-tune this conv base.",
            where="from_layer",
            expected="the name of the first layer that is to learn",
            remedy="Name it: --from-layer LAYER, or from_layer= in Python.",
        )
    return first
