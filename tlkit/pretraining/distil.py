"""Distillation: MiniVGG learns to give the features of a larger network.

The idea is that of Hinton, Vinyals and Dean, "Distilling the knowledge in a
neural network" (arXiv:1503.02531). Features take the place of class
probabilities, as in Romero et al., "FitNets" (arXiv:1412.6550), so that the
images need no labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np

from tlkit.base.console import counting, say
from tlkit.models.heads import pool_features
from tlkit.models.minivgg import MiniVGG, preprocess_input
from tlkit.models.precision import choose_precision, computing_in
from tlkit.plans.network import ResolvedNetwork
from tlkit.pretraining.learn import (
    VIEWS,
    Stage,
    batches_of_views,
    build_learner,
    in_tenths,
    unfold,
)
from tlkit.training.objective import make_optimizer

#: Reads an image: from its number and `(height, width)` to uint8 RGB.
Read = Callable[[int, tuple[int, int]], np.ndarray]

_KEPT_BACK = 0.1
# Largest number of views for which the teacher computes features, in all and
# for one image.
_TEACHER_LOOKS, _MOST_VIEWS = 20_000, 8
_BATCH = 32


def distil_features(
    teacher: ResolvedNetwork,
    read: Read,
    count: int,
    stage: Stage,
    seed: int = 0,
) -> tuple[keras.Model, float]:
    """Trains a learner to give the features of a teacher.

    The features of the teacher are standardised over the images, so that no
    feature outweighs the others. A linear layer, which is discarded
    afterwards, maps the learner's features to as many numbers as the teacher
    gives. The learner is trained for the cosine similarity of the two
    vectors. Both networks see the same view of an image, each at its own
    size. The learner starts from the weights that come with tlkit.

    Args:
        teacher: Conv base, weights and image size of the teacher.
        read: Function that reads an image, from its number and
            `(height, width)` to a uint8 RGB array.
        count: Number of images, 20 or more.
        stage: Size of the images for the learner, and how long it is
            trained.
        seed: Seed of order and views.

    Returns:
        The learner, and its mean cosine similarity with the teacher, -1 to
        1, on a tenth of the images, on which it was not trained.
    """
    keras.utils.set_random_seed(seed)
    order = np.random.default_rng(seed).permutation(count)
    kept, used = np.split(order, [int(_KEPT_BACK * count)])
    views = int(np.clip(_TEACHER_LOOKS // count, 1, _MOST_VIEWS))
    taught = _teach(teacher, read, used, views, seed)
    middle = taught.mean(axis=(0, 1))
    # A feature that is the same for all images has a deviation of 0.
    deviation = taught.std(axis=(0, 1)) + 1e-6
    taught = (taught - middle) / deviation
    expected = _teach(teacher, read, kept, 1, seed)[0]
    expected = (expected - middle) / deviation

    side = (stage.image_size, stage.image_size)
    pictures = np.stack([read(int(i), side) for i in used])
    unseen = _views([read(int(i), side) for i in kept], 0, 0, seed)
    learner, model = _student(taught.shape[-1])
    model.compile(
        make_optimizer(stage.recipe, stage.steps),
        keras.losses.CosineSimilarity(),
    )
    batches = batches_of_views(
        pictures, lambda i, view: taught[view, i], stage, seed, views
    )
    similarity = 0.0
    for tenth in in_tenths(model, batches, stage):
        # Keras's loss is the negative similarity.
        similarity = -float(model.evaluate(unseen, expected, verbose=0))
        say(
            f"{tenth}/10: cosine similarity with the teacher {similarity:.3f}"
            f" on {len(kept)} images kept out of training"
        )
    return learner, similarity


def _student(length: int) -> tuple[keras.Model, keras.Model]:
    with computing_in(choose_precision("auto")):
        learner = build_learner()
        x = keras.layers.GlobalAveragePooling2D(dtype="float32")(learner.output)
        x = keras.layers.Dense(length, dtype="float32")(x)
    pixels = preprocess_input(keras.Input((None, None, 3)))
    unfold(MiniVGG(pixels, weights="tlkit"), learner)
    return learner, keras.Model(learner.input, x)


def _teach(
    teacher: ResolvedNetwork,
    read: Read,
    numbers: np.ndarray,
    views: int,
    seed: int,
) -> np.ndarray:
    """Returns the teacher's features of views.

    They are float32 of shape `(views, images, length)`. They are computed
    once, since the teacher is far slower than the learner.
    """
    with computing_in(choose_precision("auto", teacher.spec)):
        base = teacher.build_base()
        features = pool_features(base.output, "average")
        model = keras.Model(base.input, features)
    taught = np.empty((views, len(numbers), features.shape[-1]), np.float32)
    with counting("teacher", views * len(numbers)) as advance:
        for start in range(0, len(numbers), _BATCH):
            batch = slice(start, start + _BATCH)
            pictures = [
                read(int(i), teacher.image_size) for i in numbers[batch]
            ]
            for view in range(views):
                pixels = _views(pictures, start, view, seed)
                taught[view, batch] = model.predict_on_batch(pixels)
                advance(len(pixels))
    return taught


def _views(
    pictures: Sequence[np.ndarray], first: int, view: int, seed: int
) -> np.ndarray:
    """Returns the views that `batches_of_views` gives of the same images.

    Both must draw the same random numbers: the teacher would otherwise see
    another view than the learner.
    """
    return np.stack(
        [
            VIEWS(picture, seed=seed, image_id=place, view=view)
            for place, picture in enumerate(pictures, start=first)
        ]
    )
