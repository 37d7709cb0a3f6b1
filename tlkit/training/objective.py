"""Makes Keras's optimizer and loss from a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

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


def class_weights(
    recipe: ResolvedRecipe, labels: np.ndarray
) -> dict[int, float] | None:
    """Returns by how much the loss of an image of each class is multiplied.

    Of `n` images in `k` classes, `n_c` of them in class `c`, an image of
    class `c` counts `n / (k * n_c)` times. Together the images of each class
    then count `n / k`, and all images `n`, so that the learning rate means
    the same as without weights.

    Args:
        recipe: The recipe, which says whether classes are balanced.
        labels: Class numbers of the training images, an int array of shape
            `(count,)`. Classes without images are not among the `k`.

    Returns:
        The weight of each class by its number; None if the recipe does not
        balance them.
    """
    if not recipe.balance:
        return None
    classes, counts = np.unique(labels, return_counts=True)
    weights = len(labels) / (len(classes) * counts)
    return dict(zip(classes.tolist(), weights.tolist(), strict=True))


def weight_table(weights: Mapping[int, float], classes: int) -> np.ndarray:
    """Returns the weights of classes in a row, where labels look them up.

    Args:
        weights: What `class_weights` returned.
        classes: Number of all classes.

    Returns:
        A float32 array of shape `(classes,)`. A class without training
        images counts once, as it does to Keras.
    """
    table = np.ones(classes, np.float32)
    table[[*weights]] = [*weights.values()]
    return table
