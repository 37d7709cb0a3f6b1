"""Pretraining: MiniVGG learns to tell the drawn classes apart."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import keras
import numpy as np
import tensorflow as tf

from tlkit.base.atomic import atomic_path
from tlkit.base.console import say
from tlkit.data.augment import Augmentation
from tlkit.models.inputs import raw_pixels
from tlkit.models.minivgg import BLOCKS, MiniVGG, preprocess_input
from tlkit.models.precision import choose_precision, computing_in
from tlkit.plans.recipe import ResolvedRecipe
from tlkit.pretraining.corpus import Corpus
from tlkit.tensor.pipeline import without_tuning
from tlkit.training.engine import Span, fit
from tlkit.training.objective import make_optimizer

#: Random views of the images. Colours must change too: from unchanged colours,
#: a network of this size learns thousands of images by heart.
VIEWS = Augmentation(
    rotation=20,
    width_shift=0.15,
    height_shift=0.15,
    shear=10,
    zoom=(0.5, 1.1),
    fill_mode="reflect",
    brightness=(0.55, 1.4),
    contrast=(0.4, 1.6),
    saturation=(0.0, 1.7),
    channel_shift=30,
)
_KEPT_BACK, _MOST_KEPT_BACK = 0.1, 2000


@dataclass(frozen=True)
class Stage:
    """A part of the pretraining, at one image size.

    Args:
        image_size: Side of the images in pixels.
        steps: How many batches it lasts.
        recipe: How it learns. Its epochs are not looked at: a stage is
            measured in steps.
    """

    image_size: int
    steps: int
    recipe: ResolvedRecipe


def make_recipe(
    learning_rate: float, batch_size: int = 128, label_smoothing: float = 0.1
) -> ResolvedRecipe:
    """Makes the recipe of a stage: AdamW with a warm-up and a cosine.

    Args:
        learning_rate: Its highest value, reached after the warm-up; it falls
            to a hundredth.
        batch_size: Images in a batch.
        label_smoothing: Share of a label that is spread over all classes; 0
            leaves targets that are no class numbers as they are.
    """
    return ResolvedRecipe(
        learning_rate,
        batch_size,
        optimizer="adam",
        schedule="warm_cosine",
        weight_decay=0.05,
        label_smoothing=label_smoothing,
        labels="one_hot" if label_smoothing else "integer",
    )


#: Most is learnt from small images, three times as fast as from large ones.
STAGES = (
    Stage(64, 10_000, make_recipe(3e-3)),
    Stage(96, 2_000, make_recipe(1e-3)),
)


def build_learner() -> keras.Model:
    """Builds MiniVGG as it is trained, with batch normalisation.

    Pooling comes before normalisation and ReLU. This gives the same result
    as pooling after them, for a quarter of the work: both functions are
    increasing, because the normalisation has no learnt scale that could be
    negative.

    Returns:
        A model from pixels `(batch, height, width, 3)`, 0 to 255, to the
        feature map `(batch, height / 32, width / 32, 128)`.
    """
    pixels = keras.Input((None, None, 3), name="pixels", dtype="float32")
    x = preprocess_input(pixels)
    for block, (channels, convolutions) in enumerate(BLOCKS, start=1):
        for number in range(1, convolutions + 1):
            name = f"block{block}_conv{number}"
            x = keras.layers.Conv2D(
                channels, 3, padding="same", use_bias=False, name=name
            )(x)
            if number == convolutions:
                x = keras.layers.MaxPooling2D(name=f"block{block}_pool")(x)
            x = keras.layers.BatchNormalization(
                momentum=0.97, scale=False, name=f"{name}_bn"
            )(x)
            x = keras.layers.ReLU(name=f"{name}_relu")(x)
    return keras.Model(pixels, x, name="minivgg_learner")


def unfold(minivgg: keras.Model, learner: keras.Model) -> None:
    """Copies the weights of a finished MiniVGG into a learner.

    Args:
        minivgg: The finished network, whose convolutions have biases.
        learner: A new model of `build_learner`. Afterwards it gives the same
            features as `minivgg`.
    """
    # New statistics have mean 0. With this variance the normalisation divides
    # by sqrt(1 - epsilon + epsilon) = 1, so it only adds the bias.
    for name in _convolutions():
        kernel, bias = minivgg.get_layer(name).get_weights()
        norm = learner.get_layer(f"{name}_bn")
        norm.beta.assign(bias)
        norm.moving_variance.assign(np.full(len(bias), 1 - norm.epsilon))
        learner.get_layer(name).set_weights([kernel])


def fold(learner: keras.Model) -> list[np.ndarray]:
    """Multiplies the batch normalisation into the convolutions.

    `(k * x - mean) / sqrt(variance + epsilon) + beta` is a convolution with
    the kernel `k / sqrt(...)` and the bias `beta - mean / sqrt(...)`.

    Args:
        learner: A trained model of `build_learner`.

    Returns:
        The weights of `MiniVGG`, in the order of its layers.
    """
    weights = []
    for name in _convolutions():
        (kernel,) = learner.get_layer(name).get_weights()
        norm = learner.get_layer(f"{name}_bn")
        beta, mean, variance = norm.get_weights()
        deviation = np.sqrt(variance + norm.epsilon)
        weights += [kernel / deviation, beta - mean / deviation]
    return weights


def save_minivgg(
    weights: list[np.ndarray], path: str | os.PathLike[str]
) -> None:
    """Writes weights of MiniVGG as float16, in Keras's form `.weights.h5`.

    Args:
        weights: The weights, as `fold` returns them.
        path: The file to write, whose name ends in `.weights.h5`. It is
            written completely or not at all.

    Raises:
        TlkitError: The disk is full or the folder cannot be written.
    """
    # Keras saves weights in the dtype of the model, which the policy decides.
    policy = keras.config.dtype_policy().name
    keras.config.set_dtype_policy("float16")
    try:
        _, pixels = raw_pixels(96)
        model = MiniVGG(preprocess_input(pixels))
    finally:
        keras.config.set_dtype_policy(policy)
    model.set_weights(weights)
    with atomic_path(path) as unfinished:
        model.save_weights(unfinished)


def pretrain(
    corpus: Corpus,
    stages: tuple[Stage, ...] = STAGES,
    seed: int = 0,
) -> tuple[keras.Model, float]:
    """Trains a learner to name the class of each drawn image.

    Args:
        corpus: The images to learn from. A tenth of them, at most 2,000, are
            kept out of training.
        stages: The parts of the training, in order.
        seed: Seed of initial weights, order and views.

    Returns:
        The trained learner, and its accuracy on the images kept out of
        training.
    """
    keras.utils.set_random_seed(seed)
    order = np.random.default_rng(seed).permutation(len(corpus.labels))
    count = min(_MOST_KEPT_BACK, int(_KEPT_BACK * len(order)))
    kept, used = order[:count], order[count:]
    with computing_in(choose_precision("auto")):
        learner = build_learner()
        x = keras.layers.GlobalAveragePooling2D(dtype="float32")(learner.output)
        logits = keras.layers.Dense(corpus.classes, dtype="float32")(x)
        model = keras.Model(learner.input, logits)
    accuracy = 0.0
    for number, stage in enumerate(stages):
        images = _resized(corpus.images, stage.image_size)
        batches = batches_of_views(
            images[used],
            functools.partial(_labels, corpus.labels[used]),
            stage,
            seed + number,
        )
        model.compile(
            make_optimizer(stage.recipe, stage.steps),
            keras.losses.CategoricalCrossentropy(
                from_logits=True, label_smoothing=stage.recipe.label_smoothing
            ),
            metrics=["accuracy"],
        )
        unseen = (
            images[kept],
            keras.utils.to_categorical(corpus.labels[kept], corpus.classes),
        )
        for tenth in in_tenths(model, batches, stage):
            _, accuracy = model.evaluate(*unseen, verbose=0)
            say(
                f"{stage.image_size} pixels, {tenth}/10: right on "
                f"{accuracy:.1%} of {len(kept)} images kept out of training"
            )
    return learner, accuracy


def in_tenths(
    model: keras.Model, batches: tf.data.Dataset, stage: Stage
) -> Iterator[int]:
    """Trains for a stage; after each tenth of its steps the caller looks.

    Args:
        model: Compiled.
        batches: Endless, in the order in which they are to be seen.
        stage: How many steps there are in all.

    Yields:
        How many tenths are done, 1 to 10.
    """
    steps = max(1, stage.steps // 10)
    for tenth in range(1, 11):
        fit(model, batches, None, stage.recipe, span=Span(steps=steps))
        yield tenth


def _labels(labels: np.ndarray, positions: np.ndarray, view: int) -> np.ndarray:
    return labels[positions]


def _convolutions() -> Iterator[str]:
    for block, (_, convolutions) in enumerate(BLOCKS, start=1):
        for number in range(1, convolutions + 1):
            yield f"block{block}_conv{number}"


def _resized(images: np.ndarray, size: int) -> np.ndarray:
    if images.shape[1] == size:
        return images
    resized = [
        cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
        for image in images
    ]
    return np.stack(resized)


def batches_of_views(
    images: np.ndarray,
    targets: Callable[[np.ndarray, int], np.ndarray],
    stage: Stage,
    seed: int,
    views: int | None = None,
) -> tf.data.Dataset:
    """Returns endless batches, with a new view of every image in every epoch.

    Args:
        images: Array of shape `(count, size, size, 3)`, uint8.
        targets: Function that returns the targets of some images: from
            `(positions, view)` to an array with a row for each position.
        stage: The part of the training, for its batch size.
        seed: Seed of order and views.
        views: Number of views of an image, after which the first one comes
            again; None for a new view in every epoch.

    Returns:
        Batches of `(pixels, targets)`.
    """
    # Asked for one image, to learn the shape and dtype of the targets.
    probe = targets(np.arange(1), 0)
    size = min(stage.recipe.batch_size, len(images))

    def positions() -> Iterator[tuple[np.ndarray, int]]:
        order = np.random.default_rng(seed)
        view = 0
        while True:
            shuffled = order.permutation(len(images))
            for start in range(0, len(images) - size + 1, size):
                yield shuffled[start : start + size], view
            view = view + 1 if views is None else (view + 1) % views

    def read(chosen: np.ndarray, view: int) -> tuple[np.ndarray, np.ndarray]:
        pixels = [
            VIEWS(images[i], seed=seed, image_id=int(i), view=int(view))
            for i in chosen
        ]
        return np.stack(pixels), targets(chosen, int(view))

    # `numpy_function` loses the shapes, which Keras needs to build the model.
    def shaped(
        pixels: tf.Tensor, target: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        pixels = tf.ensure_shape(pixels, (size, *images.shape[1:]))
        return pixels, tf.ensure_shape(target, (size, *probe.shape[1:]))

    chosen = tf.data.Dataset.from_generator(
        positions,
        output_signature=(
            tf.TensorSpec((size,), tf.int64),
            tf.TensorSpec((), tf.int64),
        ),
    )
    kinds = [tf.uint8, tf.as_dtype(probe.dtype)]
    return (
        chosen.map(
            lambda i, view: tf.numpy_function(read, [i, view], kinds),
            num_parallel_calls=2,
        )
        .map(shaped)
        .prefetch(4)
        .apply(without_tuning)
    )
