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
from tlkit.pretraining.corpus import Corpus
from tlkit.tensor.pipeline import without_tuning

#: Views of the pictures. Colours must change too: a network of this size
#: learns thousands of pictures by heart from their colours.
VIEWS = Augmentation(
    rotation_range=20,
    width_shift_range=0.15,
    height_shift_range=0.15,
    shear_range=10,
    zoom_range=(0.5, 1.1),
    fill_mode="reflect",
    brightness_range=(0.55, 1.4),
    contrast_range=(0.4, 1.6),
    saturation_range=(0.0, 1.7),
    channel_shift_range=30,
)
_KEPT_BACK, _MOST_KEPT_BACK = 0.1, 2000
_SMOOTHING = 0.1
_WEIGHT_DECAY = 0.05
_MOST_WARM_UP = 200


@dataclass(frozen=True)
class Stage:
    """A stretch of pretraining at one image size.

    Args:
        image_size: side in pixels.
        steps: how many batches.
        learning_rate: highest, reached after a short warm-up; it falls to a
            hundredth along a cosine.
        batch_size: pictures in a batch.
    """

    image_size: int
    steps: int
    learning_rate: float
    batch_size: int = 128


#: Most is learnt from small pictures, three times as fast as from large ones.
STAGES = (Stage(64, 10_000, 3e-3), Stage(96, 2_000, 1e-3))


def build_learner() -> keras.Model:
    """Builds MiniVGG as it learns: with batch normalisation.

    Pooling stands before normalisation and ReLU, which gives the same as
    after them (both are monotone, as the normalisation has no scale of its
    own) for a quarter of the work.

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
    """Starts a learner where a finished MiniVGG stands.

    Args:
        minivgg: convolutions with bias.
        learner: of `build_learner`, new; afterwards it computes the same.
    """
    for name in _convolutions():
        kernel, bias = minivgg.get_layer(name).get_weights()
        norm = learner.get_layer(f"{name}_bn")
        norm.beta.assign(bias)
        norm.moving_variance.assign(np.full(len(bias), 1 - norm.epsilon))
        learner.get_layer(name).set_weights([kernel])


def fold(learner: keras.Model) -> list[np.ndarray]:
    """Multiplies the batch normalisation into the convolutions.

    (k * x - mean) / sqrt(variance + epsilon) + beta is a convolution with
    kernel k / sqrt(...) and bias beta - mean / sqrt(...).

    Args:
        learner: of `build_learner`, trained.

    Returns:
        The weights of `MiniVGG`, in its order.
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
    """Writes MiniVGG's weights as float16, a `.weights.h5` of Keras.

    Args:
        weights: of `fold`.
        path: a name that ends in `.weights.h5`; the file is there whole or
            not at all.
    """
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
    """Trains a learner to name the class of each drawn picture.

    Args:
        corpus: what to learn from; a tenth of the pictures, at most 2,000,
            are kept back.
        stages: how long, at which sizes.
        seed: of weights, order and views.

    Returns:
        The trained learner, and its accuracy on the pictures kept back.
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
            optimizer(stage), _smoothed(corpus.classes), metrics=["accuracy"]
        )
        for tenth in range(1, 11):
            model.fit(
                batches,
                steps_per_epoch=max(1, stage.steps // 10),
                shuffle=False,  # the batches are shuffled already
                verbose=0,
            )
            _, accuracy = model.evaluate(
                images[kept], corpus.labels[kept], verbose=0
            )
            say(
                f"{stage.image_size} pixels, {tenth}/10: names {accuracy:.1%}"
                f" of {len(kept)} pictures kept back"
            )
    return learner, accuracy


def _labels(labels: np.ndarray, positions: np.ndarray, view: int) -> np.ndarray:
    return labels[positions]


def _smoothed(
    classes: int,
) -> Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]:
    """Cross-entropy from logits with smoothed labels."""

    def loss(
        labels: keras.KerasTensor, logits: keras.KerasTensor
    ) -> keras.KerasTensor:
        labels = keras.ops.cast(keras.ops.reshape(labels, (-1,)), "int32")
        wanted = keras.ops.one_hot(labels, classes)
        wanted = wanted * (1 - _SMOOTHING) + _SMOOTHING / classes
        return -keras.ops.sum(wanted * keras.ops.log_softmax(logits), axis=-1)

    return loss


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


def optimizer(stage: Stage) -> keras.Optimizer:
    """AdamW with a warm-up and a cosine.

    Args:
        stage: how long and how fast.
    """
    warm_up = min(_MOST_WARM_UP, stage.steps // 5)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        stage.steps - warm_up,
        alpha=0.01,
        warmup_target=stage.learning_rate,
        warmup_steps=warm_up,
    )
    return keras.optimizers.AdamW(rate, weight_decay=_WEIGHT_DECAY)


def batches_of_views(
    images: np.ndarray,
    targets: Callable[[np.ndarray, int], np.ndarray],
    stage: Stage,
    seed: int,
    views: int | None = None,
) -> tf.data.Dataset:
    """Endless batches, another view of every picture in every epoch.

    Args:
        images: uint8 `(count, size, size, 3)`.
        targets: of a view of some pictures: `(positions, view)` to an array
            with a row for each.
        stage: says how many go into a batch.
        seed: of order and views.
        views: after so many the first ones come again; None for no end.

    Returns:
        Batches of `(pixels, targets)`.
    """
    probe = targets(np.arange(1), 0)
    size = min(stage.batch_size, len(images))

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
