"""The engine of all ways: Keras's `fit`, told by a recipe.

The experiments on small networks have another one, whose steps are too
short for `fit`: see `tlkit.experiments.training`. Both take the same recipe.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TypeVar

import keras
import numpy as np
import tensorflow as tf

from tlkit.base.errors import TlkitError
from tlkit.plans.recipe import ResolvedRecipe
from tlkit.tensor.strategy import fill_last_batch
from tlkit.training.objective import make_loss, make_optimizer

Arrays = tuple[np.ndarray, np.ndarray]
Data = TypeVar("Data", tf.data.Dataset, Arrays)
#: Held-out arrays are small beside what a step of training needs.
_HELD_OUT_BATCH = 1024


def count_steps(images: int, recipe: ResolvedRecipe) -> int:
    """Returns the steps of a whole training, the last batches included.

    Args:
        images: Training images.
        recipe: For batch size and epochs.
    """
    return recipe.epochs * -(-images // recipe.batch_size)


def compile_model(
    model: keras.Model,
    recipe: ResolvedRecipe,
    steps: int,
    steps_per_execution: int = 1,
) -> None:
    """Compiles a classifier for training.

    Call it inside the scope of the strategy.

    Args:
        model: From images or stored rows to probabilities.
        recipe: Optimizer, schedule, loss and form of the labels.
        steps: Steps of the whole training, for the schedule.
        steps_per_execution: Batches between two calls from Python. More make
            small models faster, and no difference to the result.
    """
    model.compile(
        optimizer=make_optimizer(recipe, steps),
        loss=make_loss(recipe),
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
    )


def fit(
    model: keras.Model,
    shown: tf.data.Dataset | Arrays,
    held_out: tf.data.Dataset | Arrays,
    recipe: ResolvedRecipe,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Trains a compiled classifier.

    Args:
        model: See `compile_model`.
        shown: What it learns from: batches in the order in which they are to
            be seen, or whole arrays, which are shuffled.
        held_out: What it is measured on after every epoch, in the same form.
        recipe: Epochs, batch size and form of the labels.
        callbacks: Keras's callbacks.

    Raises:
        TlkitError: An image has become unreadable, or memory was short.
    """
    classes = model.output_shape[-1]
    with errors_in_words():
        if isinstance(shown, tuple):
            model.fit(
                *_formed(shown, recipe, classes),
                batch_size=recipe.batch_size,
                validation_data=_formed(held_out, recipe, classes),
                validation_batch_size=_HELD_OUT_BATCH,
                epochs=recipe.epochs,
                callbacks=list(callbacks),
                verbose=0,
            )
            return
        strategy = model.distribute_strategy or tf.distribute.get_strategy()
        model.fit(
            fill_last_batch(_formed(shown, recipe, classes), strategy),
            validation_data=fill_last_batch(
                _formed(held_out, recipe, classes), strategy
            ),
            epochs=recipe.epochs,
            callbacks=list(callbacks),
            shuffle=False,  # the batches are shuffled already
            verbose=0,
        )


def _formed(data: Data, recipe: ResolvedRecipe, classes: int) -> Data:
    """The same data with labels in the form that the loss needs."""
    if recipe.labels == "integer":
        return data
    if isinstance(data, tuple):
        return data[0], keras.utils.to_categorical(data[1], classes)
    return data.map(
        lambda images, labels: (images, tf.one_hot(labels, classes))
    )


@contextlib.contextmanager
def errors_in_words() -> Iterator[None]:
    """Finds the words of a `TlkitError` inside TensorFlow's wrapping."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise TlkitError(
            "The device has too little memory.",
            remedy="Choose a smaller batch size or image size.",
        ) from error
    except tf.errors.OpError as error:
        # An error inside `tf.numpy_function` arrives as one text, with
        # Python's traceback in front of and behind our own words.
        _, found, words = str(error).partition("TlkitError: ")
        if not found:
            raise
        problem, *lines = words.split("\nTraceback")[0].splitlines()
        details = [line for line in lines if line.startswith("  ")]
        raise TlkitError("\n".join([problem, *details[:4]])) from error
