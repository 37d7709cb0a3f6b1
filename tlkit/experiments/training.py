"""Trains small networks on images in memory, faster than `fit` can.

A step of LeNet takes milliseconds, and what `fit` does around each step takes
as long again. Here an epoch is one call from Python: the images stay in
memory as uint8, and the graph itself loops over the batches, gathers their
images and casts them. The results are those of `fit` with the same order of
images.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tlkit.base.errors import UsageError
from tlkit.base.machine import cores
from tlkit.data.augment import Augmentation
from tlkit.experiments.gradients import call_quickly
from tlkit.experiments.images import ImageArrays
from tlkit.plans.recipe import ResolvedRecipe
from tlkit.tensor.graphs import every_layer
from tlkit.training.objective import (
    class_weights,
    make_loss,
    make_optimizer,
    weight_table,
)

#: Number of images that are measured in one step; the activations of all of
#: them at once might not fit into memory.
_MEASURED_AT_ONCE = 1000
#: Smallest number of images that is worth a core of its own.
_PART = 64
#: Layers whose output for an image does not depend on other images and that
#: draw no random numbers. Any other layer keeps a batch in one piece.
_ONE_BY_ONE = (
    *("InputLayer", "Rescaling", "ZeroPadding2D", "Flatten", "Activation"),
    *("Conv2D", "Dense", "ReLU", "AveragePooling2D", "MaxPooling2D"),
    *("GlobalAveragePooling2D", "Functional", "Sequential"),
)


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch.

    Args:
        loss: Mean loss of the training images, label smoothing and weights
            of classes included. As in `fit`, each image is measured in the
            step that it trains.
        accuracy: Accuracy on the training images, measured in the same way,
            0 to 1.
        test_loss: Mean cross-entropy of the test images after the epoch.
        test_accuracy: Accuracy on the test images after the epoch, 0 to 1.
    """

    loss: float
    accuracy: float
    test_loss: float
    test_accuracy: float


def train(
    model: keras.Model,
    data: ImageArrays,
    recipe: ResolvedRecipe,
    seed: int = 0,
    augmentation: Augmentation | None = None,
    image_size: int | None = None,
) -> Iterator[Epoch]:
    """Trains a network, one epoch for each value taken from the iterator.

    Training ends early once the loss is NaN or infinite, as it stays so.

    Args:
        model: Model from float images, values 0 to 1, to probabilities.
        data: The images. Every epoch uses all training images in a new
            random order; its last batch may be smaller.
        recipe: How to train. Its patience is not used: there is no
            validation split, and the figures are those of the last epoch.
        seed: Seed of the order and of the augmentation.
        augmentation: Random changes of the training images, drawn anew in
            every epoch; None for the images as they are.
        image_size: Side in pixels to which images are resized, bilinearly;
            None keeps their own size.

    Yields:
        The figures of each epoch.

    Raises:
        UsageError: The network does not take these images, or has another
            number of classes.
    """
    check_fit(model, data, image_size)
    count = len(data.train_images)
    steps = recipe.epochs * -(-count // recipe.batch_size)
    optimizer = make_optimizer(recipe, steps)
    optimizer.build(model.trainable_variables)
    weights = class_weights(recipe, data.train_labels)
    run = make_epoch(model, optimizer, recipe, image_size, weights)
    measure = make_measure(model, image_size)
    labels = tf.constant(data.train_labels)
    test = tf.constant(data.test_images), tf.constant(data.test_labels)
    for number, images in enumerate(
        _views(data, augmentation, recipe.epochs, seed)
    ):
        order = epoch_order(count, seed, number)
        loss, accuracy = run(images, labels, tf.constant(order))
        measured = measure(*test)
        yield Epoch(float(loss), float(accuracy), *map(float, measured))
        if not math.isfinite(loss):
            return


def epoch_order(count: int, seed: int, number: int) -> np.ndarray:
    """Returns the order in which an epoch sees the images.

    Args:
        count: Number of images.
        seed: Seed of the training.
        number: Number of the epoch, from 0.

    Returns:
        An int32 array of shape `(count,)` with every number from 0 to
        `count - 1` once.
    """
    random = np.random.default_rng([seed, number])
    return random.permutation(count).astype(np.int32)


def check_fit(
    model: keras.Model, data: ImageArrays, image_size: int | None = None
) -> None:
    """Raises UsageError unless a network takes the images and has the classes.

    Args:
        model: The network.
        data: The images.
        image_size: Side in pixels to which images are resized; None keeps
            their own size.
    """
    arrives = input_shape(data, image_size)
    takes = tuple(model.input_shape[1:])
    if len(takes) != 3 or any(
        side not in (None, here)
        for side, here in zip(takes, arrives, strict=True)
    ):
        raise UsageError(
            "The network does not take these images.",
            where=f"network {model.name}, layer {model.layers[0].name}",
            expected=f"images of {_times(takes)} (height, width, channels)",
            received=f"{_times(arrives)} from {data.name}",
            remedy="Build it with the input_shape that the builder is given.",
        )
    classes = len(data.class_names)
    if tuple(model.output_shape[1:]) != (classes,):
        raise UsageError(
            "The network does not have the classes of the data.",
            where=f"network {model.name}, layer {model.layers[-1].name}",
            expected=f"{classes} probabilities an image",
            received=f"an output of {_times(model.output_shape[1:])}",
        )


def input_shape(
    data: ImageArrays, image_size: int | None = None
) -> tuple[int, int, int]:
    """Returns the shape of an image as a network gets it.

    Args:
        data: The images.
        image_size: Side in pixels to which images are resized; None keeps
            their own size.

    Returns:
        The `(height, width, channels)`.
    """
    height, width, channels = data.image_shape
    if image_size is None:
        return height, width, channels
    return image_size, image_size, channels


def _times(sides: tuple[int | None, ...]) -> str:
    return "x".join("any" if side is None else str(side) for side in sides)


def make_epoch(
    model: keras.Model,
    optimizer: keras.Optimizer,
    recipe: ResolvedRecipe,
    image_size: int | None = None,
    weights: Mapping[int, float] | None = None,
) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """Makes the function that trains for one epoch.

    Args:
        model: The network.
        optimizer: The optimizer, built for the network's variables.
        recipe: The recipe, of which batch size and loss are used.
        image_size: Side in pixels to which images are resized; None keeps
            their own size.
        weights: What `class_weights` returns for the training images.

    Returns:
        A function of images (uint8, of shape
        `(count, height, width, channels)`), labels (int32, `(count,)`) and
        order (int32, `(any,)`). It takes a step for each batch and returns
        mean loss and accuracy.
    """
    table = None
    if weights is not None:
        table = weight_table(weights, model.output_shape[-1])
    measure = functools.partial(_losses, recipe=recipe, weights=table)
    step = _make_step(model, optimizer, measure, image_size)
    parts = count_parts(model, recipe.batch_size)

    @tf.function
    def epoch(
        images: tf.Tensor, labels: tf.Tensor, order: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        total, size = tf.zeros(2), recipe.batch_size
        whole = tf.size(order) // size * size
        for start in tf.range(0, whole, size):
            rows = order[start : start + size]
            total += step(
                tf.gather(images, rows), tf.gather(labels, rows), parts
            )
        if whole < tf.size(order):
            # In one part: divided, a small rest could leave a part without
            # images, on which TensorFlow's convolutions fail.
            rows = order[whole:]
            total += step(tf.gather(images, rows), tf.gather(labels, rows), 1)
        mean = total / tf.cast(tf.size(order), total.dtype)
        return mean[0], mean[1]

    return epoch


def _make_step(
    model: keras.Model,
    optimizer: keras.Optimizer,
    measure: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    image_size: int | None,
) -> Callable[..., tf.Tensor]:
    """Makes a step on one batch; it returns the sums of loss and hits."""
    variables = model.trainable_variables
    call = call_quickly(model)

    def learn(
        images: tf.Tensor, labels: tf.Tensor, seen: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        with tf.GradientTape() as tape:
            probabilities = call(_prepare(images, image_size))
            losses = measure(labels, probabilities)
            # Divided by the images of the whole batch, not of this part, so
            # that the parts' gradients add up to the batch's.
            loss = tf.reduce_sum(losses) / seen + sum(model.losses)
        figures = [loss * seen, _count_right(labels, probabilities)]
        return tape.gradient(loss, variables), tf.stack(figures)

    @tf.autograph.experimental.do_not_convert
    def step(images: tf.Tensor, labels: tf.Tensor, parts: int) -> tf.Tensor:
        count = tf.shape(labels)[0]
        seen = tf.cast(count, tf.float32)
        learnt = [
            learn(images[rows], labels[rows], seen)
            for rows in _divide(count, parts)
        ]
        gradients, figures = zip(*learnt, strict=True)
        summed = [tf.add_n(own) for own in zip(*gradients, strict=True)]
        optimizer.apply(summed, variables)
        return tf.add_n(figures)

    return step


def count_parts(model: keras.Model, batch_size: int) -> int:
    """Returns the number of parts of a batch that cores compute side by side.

    One operation of a small network is too small to be divided among cores,
    but the parts of a batch are not. The sum of their gradients is the
    gradient of the batch, unless a layer of the network looks at other
    images, adds a loss of its own or draws random numbers.

    Args:
        model: The network.
        batch_size: Number of images per step.

    Returns:
        1 where a batch may not be divided; else the number of cores, or
        fewer where parts would become too small.
    """
    alone = all(
        type(layer).__name__ in _ONE_BY_ONE for layer in every_layer(model)
    )
    if not alone or model.losses or tf.config.list_physical_devices("GPU"):
        return 1
    threads = tf.config.threading.get_intra_op_parallelism_threads() or cores()
    return max(1, min(threads, batch_size // _PART))


def _divide(count: tf.Tensor, parts: int) -> list[slice]:
    ends = [count * part // parts for part in range(parts + 1)]
    return [slice(*pair) for pair in itertools.pairwise(ends)]


def make_measure(
    model: keras.Model, image_size: int | None = None
) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """Makes the function that measures a network.

    Args:
        model: The network.
        image_size: Side in pixels to which images are resized; None keeps
            their own size.

    Returns:
        A function of images and labels, in the form that `make_epoch` takes,
        that returns mean cross-entropy and accuracy.
    """

    @tf.autograph.experimental.do_not_convert
    def part(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        probabilities = model(_prepare(images, image_size), training=False)
        losses = keras.losses.sparse_categorical_crossentropy(
            labels, probabilities
        )
        return tf.stack(
            [tf.reduce_sum(losses), _count_right(labels, probabilities)]
        )

    @tf.function
    def measure(
        images: tf.Tensor, labels: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        total = tf.zeros(2)
        for start in tf.range(0, tf.size(labels), _MEASURED_AT_ONCE):
            stop = start + _MEASURED_AT_ONCE
            total += part(images[start:stop], labels[start:stop])
        mean = total / tf.cast(tf.size(labels), total.dtype)
        return mean[0], mean[1]

    return measure


def _prepare(images: tf.Tensor, image_size: int | None) -> tf.Tensor:
    values = tf.cast(images, tf.float32) / 255.0
    if image_size is None:
        return values
    size = (image_size, image_size)
    return keras.ops.image.resize(values, size, interpolation="bilinear")


def _losses(
    labels: tf.Tensor,
    probabilities: tf.Tensor,
    recipe: ResolvedRecipe,
    weights: np.ndarray | None,
) -> tf.Tensor:
    """Returns the loss of each image, times the weight of its class."""
    loss = make_loss(recipe)
    if recipe.labels == "integer":
        losses = keras.losses.get(loss)(labels, probabilities)
    else:
        one_hot = tf.one_hot(labels, probabilities.shape[-1])
        losses = loss.call(one_hot, probabilities)
    if weights is None:
        return losses
    return losses * tf.cast(tf.gather(weights, labels), losses.dtype)


def _count_right(labels: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
    guesses = tf.argmax(probabilities, axis=-1, output_type=labels.dtype)
    return tf.reduce_sum(tf.cast(guesses == labels, tf.float32))


def _views(
    data: ImageArrays,
    augmentation: Augmentation | None,
    epochs: int,
    seed: int,
) -> Iterator[Any]:
    """Yields the training images of each epoch.

    While an epoch trains, another thread draws the views of the next one.
    """
    if augmentation is None:
        images = tf.constant(data.train_images)
        for _ in range(epochs):
            yield images
        return
    with ThreadPoolExecutor(1) as pool:
        views = data.train_images, augmentation, seed
        drawn = pool.submit(draw_views, *views, 0)
        for number in range(1, epochs + 1):
            images = drawn.result()
            if number < epochs:
                drawn = pool.submit(draw_views, *views, number)
            yield tf.constant(images)


def draw_views(
    images: np.ndarray, augmentation: Augmentation, seed: int, number: int
) -> np.ndarray:
    """Draws one random view of every image.

    Args:
        images: A uint8 array of shape `(count, height, width, channels)`
            with 1 or 3 channels.
        augmentation: The random changes of an image.
        seed: Seed of the training.
        number: Number of the view; in training, that of the epoch.

    Returns:
        A uint8 array of the shape of `images`.
    """
    views = np.empty_like(images)
    for row, image in enumerate(images):
        view = augmentation(image, seed=seed, image_id=row, view=number)
        # A grey image may come back without its axis of one channel.
        views[row] = view.reshape(image.shape)
    return views
