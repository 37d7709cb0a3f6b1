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
from tlkit.training.meters import Meters
from tlkit.training.objective import make_loss, make_optimizer, weight_table
from tlkit.training.replicated import Loop, Replicas

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
        last: Number of the epoch before which it ends; None does all.
        steps: Steps in an epoch, where the batches have no end of their own.
        meters: What takes up the measurements where several devices train.
    """

    first: int = 0
    last: int | None = None
    steps: int | None = None
    meters: Meters | None = None


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
            in the same form; None measures nothing. Where several devices
            train, both are batches for each replica in turn, see
            `tlkit.tensor.shares`.
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
    span = span or Span()
    with errors_in_words():
        if model.distribute_strategy.num_replicas_in_sync > 1:
            _fit_on_replicas(
                model, shown, held_out, recipe, callbacks, class_weight, span
            )
            return
        classes = model.output_shape[-1]
        if held_out is not None and class_weight is not None:
            held_out = _weighed(held_out, weight_table(class_weight, classes))
        held_out = held_out and _formed(held_out, recipe, classes)
        shown, labels = _formed(shown, recipe, classes), None
        given: dict = {"shuffle": False}  # the batches are shuffled already
        if isinstance(shown, tuple):
            shown, labels = shown
            given = {
                "batch_size": recipe.batch_size,
                "validation_batch_size": _HELD_OUT_BATCH,
            }
        model.fit(
            shown,
            labels,
            validation_data=held_out,
            epochs=span.last or recipe.epochs,
            initial_epoch=span.first,
            steps_per_epoch=span.steps,
            callbacks=list(callbacks),
            class_weight=class_weight,
            verbose=0,
            **given,
        )


def _fit_on_replicas(
    model: keras.Model,
    shown: tf.data.Dataset,
    held_out: tf.data.Dataset,
    recipe: ResolvedRecipe,
    callbacks: Sequence[keras.callbacks.Callback],
    class_weight: dict[int, float] | None,
    span: Span,
) -> None:
    table = weight_table(class_weight or {}, model.output_shape[-1])
    replicas = Replicas(model, recipe, table)
    loop = Loop(replicas, callbacks, recipe, span.meters or Meters())
    loop.run(shown, held_out, range(span.first, span.last or recipe.epochs))


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
