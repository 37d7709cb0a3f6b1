"""Makes Keras's optimizer and loss from a recipe."""

from __future__ import annotations

from typing import Any

import keras

from tlkit.plans.optimizers import LOSSES, OPTIMIZERS, SCHEDULES
from tlkit.plans.recipe import ResolvedRecipe


def make_optimizer(recipe: ResolvedRecipe, steps: int) -> keras.Optimizer:
    """Makes the optimizer of a recipe.

    Args:
        recipe: The recipe, which names the optimizer or holds a serialised
            one.
        steps: Number of steps of the whole training, over which the schedule
            of the learning rate extends.
    """
    if isinstance(recipe.optimizer, str):
        rate = SCHEDULES[recipe.schedule](recipe.learning_rate, steps)
        return OPTIMIZERS[recipe.optimizer](rate, recipe.weight_decay or None)
    # A user's own optimizer brings its rate and schedule. It is made anew, so
    # that a second training does not go on with the state of the first.
    return keras.optimizers.deserialize(dict(recipe.optimizer))


def make_loss(recipe: ResolvedRecipe) -> Any:
    """Makes the loss of a recipe, in a form that Keras's `compile` takes."""
    loss = LOSSES[recipe.loss]
    if recipe.labels == "integer" and loss.integer is not None:
        return loss.integer()
    return loss.one_hot(recipe.label_smoothing)
