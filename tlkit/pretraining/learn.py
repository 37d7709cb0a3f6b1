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

#: Random views of the images. Colours must change too: from unchanged colours,
#: a network of this size learns thousands of images by heart.
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
    """A part of the pretraining, at one image size.

    Args:
        image_size: Height and width in pixels.
        steps: Number of batches to train on.
        learning_rate: Highest learning rate. It is reached after a short
            warm-up and then falls to a hundredth along a cosine.
        batch_size: Images in a batch.
    """

    image_size: int
    steps: int
    learning_rate: float
    batch_size: int = 128


#: Most steps are at the small size, at which they are three times as fast.
STAGES = (Stage(64, 10_000, 3e-3), Stage(96, 2_000, 1e-3))


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
                f"{stage.image_size} pixels, {tenth}/10: right on "
                f"{accuracy:.1%} of {len(kept)} images kept out of training"
            )
    return learner, accuracy


def _labels(labels: np.ndarray, positions: np.ndarray, view: int) -> np.ndarray:
    return labels[positions]


def _smoothed(
    classes: int,
) -> Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]:
    """Returns the cross-entropy of logits with smoothed labels.

    Keras smooths only labels that are one-hot vectors, not class numbers.
    """

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
    """Returns AdamW with a warm-up and a cosine schedule.

    Args:
        stage: The part of the training, for its steps and learning rate.
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
