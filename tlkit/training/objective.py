"""From a recipe's names to Keras's optimizer and loss."""

from __future__ import annotations

from typing import Any

import keras

from tlkit.plans.optimizers import LOSSES, OPTIMIZERS, SCHEDULES
from tlkit.plans.recipe import ResolvedRecipe


def make_optimizer(recipe: ResolvedRecipe, steps: int) -> keras.Optimizer:
    """Makes the optimizer of a recipe.

    Args:
        recipe: The recipe.
        steps: Steps of the whole training, by which a schedule is laid out.
    """
    if isinstance(recipe.optimizer, str):
        rate = SCHEDULES[recipe.schedule](recipe.learning_rate, steps)
        return OPTIMIZERS[recipe.optimizer](rate, recipe.weight_decay or None)
    return keras.optimizers.deserialize(dict(recipe.optimizer))


def make_loss(recipe: ResolvedRecipe) -> Any:
    """Makes what Keras's `compile` takes as the loss of a recipe."""
    loss = LOSSES[recipe.loss]
    if recipe.labels == "integer" and loss.integer is not None:
        return loss.integer()
    return loss.one_hot(recipe.label_smoothing)
