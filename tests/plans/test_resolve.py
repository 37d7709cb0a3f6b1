"""Resolved, a plan has nothing open, and is of another type."""

import numpy as np
import pytest

from tlkit.base.errors import UsageError
from tlkit.data.augment import AUGMENTATIONS
from tlkit.data.index import DatasetIndex, Split
from tlkit.models.specs import BASES
from tlkit.plans.files import open_parts, plan_from_dict, plan_to_dict
from tlkit.plans.network import Network
from tlkit.plans.plan import Machine, Plan, ResolvedPlan, Views
from tlkit.plans.recipe import Recipe, ResolvedRecipe
from tlkit.plans.resolve import head_batch_size, resolve
from tlkit.plans.ways import WAYS


def data(count=200):
    labels = np.arange(count) % 2
    images = np.zeros((count, 4, 4, 3), np.uint8)
    names = tuple(f"{number:032x}" for number in range(count))
    split = Split(images, labels, names)
    splits = {"train": split, "validation": split}
    return DatasetIndex("gray", "memory", ("a", "b"), splits)


def resolved(plan, count=200):
    start = Plan("features", Network("minivgg"))
    return resolve(plan, data(count), start if plan.way == "finetune" else None)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_open(way):
    plan = resolved(Plan(way))
    assert type(plan) is ResolvedPlan
    assert open_parts(Plan(way)) != []
    assert open_parts(plan) == []
    assert plan.recipe.epochs == WAYS[way].epochs
    assert plan.recipe.patience == WAYS[way].patience
    assert plan.views.count == WAYS[way].views
    assert resolve(plan, data()) is plan


@pytest.mark.parametrize("way", WAYS)
def test_a_resolved_plan_read_back_resolves_to_itself(way):
    plan = resolved(Plan(way))
    told = plan_to_dict(plan)
    again = resolved(plan_from_dict(told))
    assert again == plan
    assert plan_to_dict(again) == told


@pytest.mark.parametrize("name", BASES)
def test_a_base_suits_itself(name):
    plan = resolved(Plan("augmented", Network(name)))
    spec = BASES[name]
    assert plan.network.image_size == (spec.image_size,) * 2
    assert plan.network.pooling == spec.pooling
    assert plan.network.weights == spec.published
    assert (plan.network.units, plan.network.dropout) == (256, 0.5)


def test_fine_tuning_is_as_slow_as_suits_its_base():
    plan = resolved(Plan("finetune", start="runs/a"))
    assert plan.recipe.learning_rate == BASES["minivgg"].fine_tuning_rate
    assert plan.from_layer == BASES["minivgg"].fine_tune_from
    assert plan.network == Network("minivgg").resolved()
    asked = Plan("finetune", recipe=Recipe(0.5), start="a", from_layer="b")
    assert resolved(asked).recipe.learning_rate == 0.5
    assert resolved(asked).from_layer == "b"


def test_the_batch_of_a_head_grows_with_the_data():
    for count, size in ((100, 32), (1000, 64), (5000, 256)):
        assert head_batch_size(count) == size
    assert resolved(Plan("features"), 2000).recipe.batch_size == 256
    assert resolved(Plan("augmented"), 2000).recipe.batch_size == 32
    asked = Plan("features", recipe=Recipe(batch_size=5))
    assert resolved(asked, 2000).recipe.batch_size == 5


def test_no_more_views_than_epochs():
    plan = Plan("augmented", views=Views(9), recipe=Recipe(epochs=4))
    assert resolved(plan).views.count == 4


def test_labels_take_the_form_that_the_loss_needs():
    for given, form in (
        ({}, "integer"),
        ({"label_smoothing": 0.1}, "one_hot"),
        ({"loss": "focal"}, "one_hot"),
        ({"labels": "one_hot"}, "one_hot"),
    ):
        plan = Plan("features", recipe=Recipe(**given))
        assert resolved(plan).recipe.labels == form


def test_a_way_that_augments_does_so_by_default_and_others_do_not():
    assert resolved(Plan("augmented")).augmentation == AUGMENTATIONS["book"]
    assert resolved(Plan("scratch")).augmentation.changes_nothing
    assert resolved(Plan("features")).augmentation.changes_nothing


def test_impossible_devices_are_found():
    with pytest.raises(UsageError, match="number of devices"):
        resolved(Plan("features", machine=Machine(1000)))


def test_a_resolved_recipe_names_its_precision():
    with pytest.raises(UsageError, match="names its precision"):
        ResolvedRecipe(precision="auto")
    assert resolved(Plan("features")).recipe.precision != "auto"


def test_fine_tuning_may_repeat_the_network_of_its_start():
    start = Plan("features", Network("minivgg", image_size=96, units=3))
    same = Network("minivgg", image_size=96, units=3)
    plan = resolve(Plan("finetune", same, start="a"), data(), start)
    assert plan.network == start.network.resolved()
    other = Network("minivgg", image_size=64)
    with pytest.raises(UsageError, match="has another network"):
        resolve(Plan("finetune", other, start="a"), data(), start)
