"""Balanced classes: each counts alike in the loss, by formulas in NumPy."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.utils.class_weight import compute_class_weight

import tlkit
from tlkit.plans.recipe import ResolvedRecipe
from tlkit.training.engine import compile_model, fit
from tlkit.training.objective import class_weights

BALANCED = ResolvedRecipe(balance=True)
LABELS = np.repeat([0, 1, 2], [12, 5, 3])


def test_weights_are_those_of_scikit_learn():
    weights = class_weights(BALANCED, LABELS)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=LABELS)
    assert list(weights) == [0, 1, 2]
    assert list(weights.values()) == pytest.approx(expected.tolist())
    # Together the images of each class count as much as those of another.
    assert weights[0] * 12 == pytest.approx(weights[2] * 3)


def test_a_class_without_images_has_no_weight():
    assert class_weights(BALANCED, np.array([0, 0, 2])) == {0: 0.75, 2: 1.5}


def test_without_balance_there_are_no_weights():
    assert class_weights(ResolvedRecipe(), LABELS) is None
    assert tlkit.Recipe().balance is False


@pytest.mark.parametrize("form", ["integer", "one_hot"])
@pytest.mark.parametrize("batches", [False, True])
def test_a_step_is_the_one_computed_by_hand(form, batches):
    """Softmax regression, whose gradient is known in closed form."""
    recipe = replace(
        BALANCED, labels=form, optimizer="sgd", learning_rate=0.5, batch_size=20
    )
    vectors = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(
                3, "softmax", use_bias=False, kernel_initializer="zeros"
            ),
        ]
    )
    compile_model(model, recipe, steps=1)
    shown = vectors, LABELS
    if batches:
        shown = tf.data.Dataset.from_tensor_slices(shown).batch(20)
    fit(
        model,
        shown,
        None,
        recipe,
        class_weight=class_weights(recipe, LABELS),
    )
    # All probabilities are a third, and so the gradient by a logit is a third
    # less the label. Each of the 20 images counts 20 / (3 * n_c) times.
    counts = np.bincount(LABELS)[LABELS]
    upstream = (1 / 3 - np.eye(3)[LABELS]) / (3 * counts)[:, None]
    (kernel,) = model.get_weights()
    np.testing.assert_allclose(kernel, -0.5 * vectors.T @ upstream, atol=1e-6)


@pytest.mark.parametrize("batches", [False, True])
def test_a_class_that_is_only_held_out_counts_once(batches):
    """A fold of groups can hold out all images of the last class."""
    recipe = replace(BALANCED, learning_rate=0.0)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3, "softmax", kernel_initializer="zeros"),
        ]
    )
    compile_model(model, recipe, steps=1)
    learnt = np.array([0, 0, 1])
    sets = [
        (np.ones((3, 4), np.float32), labels)
        for labels in (learnt, np.array([0, 1, 2]))
    ]
    if batches:
        sets = [
            tf.data.Dataset.from_tensor_slices(one).batch(3) for one in sets
        ]
    history = keras.callbacks.History()
    fit(
        model,
        *sets,
        replace(recipe, epochs=1),
        [history],
        class_weights(recipe, learnt),
    )
    # 3 / (2 * 2) for class 0, 3 / (2 * 1) for class 1.
    expected = (0.75 + 1.5 + 1) / 3 * np.log(3)
    assert history.history["val_loss"] == pytest.approx([expected])


@pytest.fixture(scope="module")
def uneven(pets):
    """Twenty cats and six dogs to train on."""
    train = pets.split("train")
    dogs = np.flatnonzero(train.labels == 1)[:6]
    rows = np.concatenate([np.flatnonzero(train.labels == 0), dogs])
    splits = {**pets.splits, "train": train.select(rows)}
    return replace(pets, splits=splits)


@pytest.mark.parametrize("way", ["scratch", "features"])
def test_the_losses_of_a_training_are_weighted(way, uneven, small, tmp_path):
    """At a learning rate of 0 the model is the one that had the loss."""
    recipe = tlkit.Recipe(
        epochs=1,
        batch_size=8,
        learning_rate=0.0,
        precision="float32",
        balance=True,
    )
    network = tlkit.Network(image_size=64) if way == "scratch" else small
    network = replace(network, dropout=0.0, l2=0.0)
    plan = tlkit.Plan(way, network, recipe=recipe)
    if way != "features":
        plan = replace(plan, augmentation="none")
    run = tlkit.train(plan, uneven, tmp_path / "run")
    model = keras.models.load_model(run.model_path)

    def losses(split):
        images = np.stack([split.read(row, 64) for row in range(len(split))])
        shares = model.predict(images, verbose=0)
        return -np.log(shares[np.arange(len(split)), split.labels])

    train, validation = uneven.split("train"), uneven.split("validation")
    own = losses(train)
    by_hand = (
        own[train.labels == 0].mean() + own[train.labels == 1].mean()
    ) / 2
    assert run.history["loss"] == pytest.approx([by_hand], rel=1e-3)
    assert abs(by_hand / own.mean() - 1) > 5e-3  # else nothing is tested
    # By the weights of the training images: n / (k * n_c).
    weights = len(train) / (2 * np.bincount(train.labels))
    weighted = weights[validation.labels] * losses(validation)
    assert run.history["val_loss"] == pytest.approx([weighted.mean()], rel=1e-3)
    predicted = losses(validation) < np.log(2)  # of two classes the likelier
    assert run.history["val_accuracy"] == pytest.approx([predicted.mean()])
    assert run.plan.recipe.balance
