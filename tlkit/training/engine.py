"""Trains a model with Keras's `fit`, as a recipe says; all ways use it.

The experiments on small networks have their own loop, as their steps are too
short for `fit`: see `tlkit.experiments.training`. Both take the same recipe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import keras
import numpy as np
import tensorflow as tf

from tlkit.plans.recipe import ResolvedRecipe
from tlkit.tensor.failures import errors_in_words
from tlkit.tensor.strategy import fill_last_batch
from tlkit.training.objective import make_loss, make_optimizer, weight_table

Arrays = tuple[np.ndarray, ...]
Data = TypeVar("Data", tf.data.Dataset, Arrays)
#: Measuring keeps no activations for gradients, so that much larger batches
#: fit into memory than in training, and fewer of them take less time.
_HELD_OUT_BATCH = 1024


def count_steps(images: int, recipe: ResolvedRecipe) -> int:
    """Returns the number of steps of a whole training.

    The last batch of an epoch, which may be smaller, is a step like others.

    Args:
        images: Number of training images.
        recipe: The recipe, of which batch size and epochs are used.
    """
    return recipe.epochs * -(-images // recipe.batch_size)


def compile_model(
    model: keras.Model,
    recipe: ResolvedRecipe,
    steps: int,
    steps_per_execution: int = 1,
) -> None:
    """Compiles a classifier for training.

    Call it inside the scope of the strategy, as TensorFlow refuses to mix an
    optimizer made outside it with variables made inside.

    Args:
        model: Model from images or stored rows to probabilities.
        recipe: The recipe, of which optimizer, schedule, loss and form of the
            labels are used.
        steps: Number of steps of the whole training, over which the schedule
            of the learning rate extends.
        steps_per_execution: Number of steps that one call from Python runs.
            More make small models faster and do not change the result.
    """
    model.compile(
        optimizer=make_optimizer(recipe, steps),
        loss=make_loss(recipe),
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
    )


@dataclass(frozen=True)
class Span:
    """Which part of a training `fit` does.

    Args:
        first: Number of the first epoch, from 0; those before it were
            trained earlier.
        steps: Steps in an epoch, where the batches have no end of their own.
    """

    first: int = 0
    steps: int | None = None


def fit(
    model: keras.Model,
    shown: tf.data.Dataset | Arrays,
    held_out: tf.data.Dataset | Arrays | None,
    recipe: ResolvedRecipe,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    class_weight: dict[int, float] | None = None,
    span: Span | None = None,
) -> None:
    """Trains a compiled classifier.

    Args:
        model: The model, compiled by `compile_model`.
        shown: Inputs and labels from which it learns. Batches are seen in
            their order; whole arrays are shuffled in every epoch.
        held_out: Inputs and labels on which it is measured after every epoch,
            in the same form; None measures nothing.
        recipe: The recipe, of which epochs, batch size and form of the labels
            are used.
        callbacks: Keras callbacks to call during training.
        class_weight: What `class_weights` returns for the labels from which
            it learns. The loss of what is held out is weighed in the same
            way, or the epoch chosen by it would be one that neglects the
            small classes; its accuracy is not.
        span: From which epoch on, and how long an epoch is; None begins with
            the first one.

    Raises:
        TlkitError: An image has become unreadable, or memory was short.
    """
    classes, span = model.output_shape[-1], span or Span()
    if held_out is not None and class_weight is not None:
        held_out = _weighed(held_out, weight_table(class_weight, classes))
    with errors_in_words():
        if isinstance(shown, tuple):
            model.fit(
                *_formed(shown, recipe, classes),
                batch_size=recipe.batch_size,
                validation_data=held_out and _formed(held_out, recipe, classes),
                validation_batch_size=_HELD_OUT_BATCH,
                epochs=recipe.epochs,
                callbacks=list(callbacks),
                class_weight=class_weight,
                verbose=0,
            )
            return
        strategy = model.distribute_strategy or tf.distribute.get_strategy()
        model.fit(
            fill_last_batch(_formed(shown, recipe, classes), strategy),
            validation_data=held_out
            and fill_last_batch(_formed(held_out, recipe, classes), strategy),
            epochs=recipe.epochs,
            initial_epoch=span.first,
            steps_per_epoch=span.steps,
            callbacks=list(callbacks),
            class_weight=class_weight,
            shuffle=False,  # the batches are shuffled already
            verbose=0,
        )


def _formed(data: Data, recipe: ResolvedRecipe, classes: int) -> Data:
    """Returns the data with labels in the form that the loss needs."""
    if recipe.labels == "integer":
        return data
    if isinstance(data, tuple):
        images, labels, *weights = data
        return images, keras.utils.to_categorical(labels, classes), *weights
    return data.map(
        lambda images, labels, *weights: (
            images,
            tf.one_hot(labels, classes),
            *weights,
        )
    )


def _weighed(data: Data, table: np.ndarray) -> Data:
    """Returns the data with the weight of each image besides its label."""
    if isinstance(data, tuple):
        return *data, table[data[1]]
    return data.map(
        lambda images, labels: (images, labels, tf.gather(table, labels))
    )
