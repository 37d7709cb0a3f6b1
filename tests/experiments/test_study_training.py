"""Training an epoch a call: the numbers of `fit`, and clear refusals."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from tlkit.base.errors import UsageError
from tlkit.data.augment import Augmentation
from tlkit.experiments import training
from tlkit.experiments.cells import make_case, make_recipe
from tlkit.experiments.images import ImageArrays, load_images
from tlkit.experiments.training import draw_views, epoch_order, train
from tlkit.models.classic import lenet


@pytest.fixture(scope="module")
def data(draw_data):
    return draw_data()


def small(input_shape, classes, *, dropout=0.0):
    inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(4, 3, activation="tanh")(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.AveragePooling2D(3)(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(8, activation="tanh", kernel_regularizer="l2")(x)
    x = keras.layers.Dropout(dropout)(x)
    x = keras.layers.Dense(classes, activation="softmax")(x)
    return keras.Model(inputs, x)


def fit(model, data, recipe, optimizer, class_weight=None):
    """The same with Keras's `fit`, an epoch at a time in the same order."""
    loss = keras.losses.CategoricalCrossentropy(
        label_smoothing=recipe.label_smoothing
    )
    model.compile(optimizer, loss, metrics=["accuracy"])
    images = data.train_images.astype("float32") / 255
    one_hot = np.eye(len(data.class_names), dtype="float32")
    history = []
    for number in range(recipe.epochs):
        order = epoch_order(len(images), 5, number)
        done = model.fit(
            images[order],
            one_hot[data.train_labels[order]],
            batch_size=recipe.batch_size,
            class_weight=class_weight,
            shuffle=False,
            verbose=0,
        )
        history.append((done.history["loss"][0], done.history["accuracy"][0]))
    return history


@pytest.mark.parametrize(
    ("told", "optimizer"),
    [
        (
            {"learning_rate": 0.3},
            lambda: keras.optimizers.SGD(0.3),
        ),
        (
            {
                "optimizer": "adam",
                "learning_rate": 0.01,
                "schedule": "cosine",
                "weight_decay": 0.1,
                "label_smoothing": 0.1,
            },
            # 90 images in batches of 32 are 3 steps an epoch.
            lambda: keras.optimizers.AdamW(
                keras.optimizers.schedules.CosineDecay(0.01, 9),
                weight_decay=0.1,
            ),
        ),
        (
            {"optimizer": "momentum", "learning_rate": 0.05},
            lambda: keras.optimizers.SGD(0.05, momentum=0.9),
        ),
        (
            {"optimizer": "adagrad", "learning_rate": 0.05},
            lambda: keras.optimizers.Adagrad(0.05),
        ),
    ],
    ids=["sgd", "adamw", "momentum", "adagrad"],
)
def test_training_is_that_of_fit(data, told, optimizer):
    recipe = make_recipe({"epochs": 3, "batch_size": 32, **told})
    keras.utils.set_random_seed(1)
    ours, theirs = (small(data.image_shape, 3) for _ in range(2))
    theirs.set_weights(ours.get_weights())
    epochs = list(train(ours, data, recipe, seed=5))
    expected = fit(theirs, data, recipe, optimizer())
    found = [(epoch.loss, epoch.accuracy) for epoch in epochs]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    for own, other in zip(
        ours.get_weights(), theirs.get_weights(), strict=True
    ):
        np.testing.assert_allclose(own, other, atol=1e-4)
    probabilities = theirs.predict(data.test_images / 255.0, verbose=0)
    right = probabilities.argmax(axis=1) == data.test_labels
    assert epochs[-1].test_accuracy == pytest.approx(right.mean())
    true = probabilities[np.arange(30), data.test_labels]
    assert epochs[-1].test_loss == pytest.approx(-np.log(true).mean(), abs=1e-4)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_balanced_training_is_that_of_fit(data, smoothing):
    few = np.flatnonzero((data.train_labels != 1) | (np.arange(90) < 20))
    uneven = replace(
        data,
        train_images=data.train_images[few],
        train_labels=data.train_labels[few],
    )
    told = {"learning_rate": 0.3, "epochs": 2, "batch_size": 32}
    told |= {"label_smoothing": smoothing, "balance": True}
    recipe = make_recipe(told)
    keras.utils.set_random_seed(1)
    ours, theirs = (small(data.image_shape, 3) for _ in range(2))
    theirs.set_weights(ours.get_weights())
    weights = compute_class_weight(
        "balanced", classes=np.arange(3), y=uneven.train_labels
    )
    epochs = list(train(ours, uneven, recipe, seed=5))
    expected = fit(
        theirs,
        uneven,
        recipe,
        keras.optimizers.SGD(0.3),
        dict(enumerate(weights)),
    )
    found = [(epoch.loss, epoch.accuracy) for epoch in epochs]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    for own, other in zip(
        ours.get_weights(), theirs.get_weights(), strict=True
    ):
        np.testing.assert_allclose(own, other, atol=1e-4)


@pytest.mark.parametrize("count", [90, 65], ids=["26 left", "1 left"])
def test_a_divided_batch_is_the_batch(draw_data, monkeypatch, count):
    monkeypatch.setattr(training, "_PART", 8)
    monkeypatch.setattr(training, "cores", lambda: 3)
    data = draw_data(count=count)
    recipe = make_recipe({"learning_rate": 0.3, "batch_size": 32, "epochs": 2})
    keras.utils.set_random_seed(1)
    ours, theirs = (lenet(data.image_shape, 3, pooling="max") for _ in range(2))
    theirs.set_weights(ours.get_weights())
    assert training.count_parts(ours, 32) == 3
    epochs = list(train(ours, data, recipe, seed=5))
    expected = fit(theirs, data, recipe, keras.optimizers.SGD(0.3))
    found = [(epoch.loss, epoch.accuracy) for epoch in epochs]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    for own, other in zip(
        ours.get_weights(), theirs.get_weights(), strict=True
    ):
        np.testing.assert_allclose(own, other, atol=1e-4)


def test_a_network_that_looks_across_images_is_not_divided(data, monkeypatch):
    monkeypatch.setattr(training, "cores", lambda: 3)
    assert training.count_parts(lenet(data.image_shape, 3), 256) == 3
    assert training.count_parts(lenet(data.image_shape, 3), 32) == 1
    assert training.count_parts(small(data.image_shape, 3), 256) == 1


def test_an_epoch_sees_every_image_once_in_an_order_of_its_own():
    orders = [epoch_order(50, 3, number) for number in range(2)]
    for order in orders:
        assert sorted(order) == list(range(50))
    assert list(orders[0]) != list(orders[1])
    assert list(orders[0]) != list(epoch_order(50, 4, 0))
    assert list(orders[0]) == list(epoch_order(50, 3, 0))


def test_a_learning_rate_of_zero_changes_nothing(data):
    model = lenet(data.image_shape, 3)
    before = [weight.copy() for weight in model.get_weights()]
    list(train(model, data, make_recipe({"learning_rate": 0.0, "epochs": 1})))
    for was, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)


def test_training_ends_where_the_loss_is_no_number(data):
    model = lenet(data.image_shape, 3, activation="relu")
    told = {"learning_rate": 1e38, "epochs": 9, "batch_size": 16}
    epochs = list(train(model, data, make_recipe(told)))
    assert len(epochs) < 9
    assert not np.isfinite(epochs[-1].loss)


def test_views_are_drawn_anew_and_grey_stays_grey(data):
    augmentation = Augmentation(flip=True)
    first, second = (
        draw_views(data.train_images, augmentation, 0, number)
        for number in range(2)
    )
    assert first.shape == data.train_images.shape
    assert (first != second).any()
    again = draw_views(data.train_images, augmentation, 0, 1)
    np.testing.assert_array_equal(second, again)


def test_flips_alone_are_flips(data):
    case = make_case(lenet, {"augmentation": {"flip": True}})
    views = draw_views(data.train_images, case.augmentation, 0, 0)
    flipped = [
        not np.array_equal(view, image)
        for view, image in zip(views, data.train_images, strict=True)
    ]
    mirrored = data.train_images[:, :, ::-1]
    for view, image, mirror, turned in zip(
        views, data.train_images, mirrored, flipped, strict=True
    ):
        np.testing.assert_array_equal(view, mirror if turned else image)
    assert 0.3 < np.mean(flipped) < 0.7


def test_augmented_training_is_training_on_the_views(data):
    """One epoch of augmented training equals plain training on its views."""
    told = {"width_shift": 2, "flip": True}
    case = make_case(
        small, {"epochs": 1, "batch_size": 32, "augmentation": told}
    )
    keras.utils.set_random_seed(1)
    ours, theirs = (small(data.image_shape, 3) for _ in range(2))
    theirs.set_weights(ours.get_weights())
    list(train(ours, data, case.recipe, 5, case.augmentation))
    views = draw_views(data.train_images, case.augmentation, 5, 0)
    shown = ImageArrays(
        "views",
        data.class_names,
        views,
        data.train_labels,
        data.test_images,
        data.test_labels,
    )
    plain = make_recipe({"epochs": 1, "batch_size": 32})
    list(train(theirs, shown, plain, seed=5))
    for own, other in zip(
        ours.get_weights(), theirs.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(own, other)


def test_a_size_is_a_bilinear_resize(data):
    recipe = make_recipe({"epochs": 1, "batch_size": 90})
    inputs = keras.Input((28, 28, 1))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    outputs = keras.layers.Dense(3, activation="softmax")(pooled)
    model = keras.Model(inputs, outputs)
    start = model.get_weights()
    (epoch,) = train(model, data, recipe, image_size=28)
    resized = keras.ops.image.resize(
        data.train_images / np.float32(255), (28, 28)
    )
    logits = np.mean(resized, (1, 2)) @ start[0] + start[1]
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    loss = -np.log(shares[np.arange(90), data.train_labels]).mean()
    assert epoch.loss == pytest.approx(loss, abs=1e-5)


def test_a_kernel_that_does_not_fit_names_layer_and_sizes(data):
    case = make_case(lenet, {"kernel_size": 9})
    with pytest.raises(UsageError) as refused:
        case.build_model(data)
    told = str(refused.value)
    assert "layer C3" in told
    assert "9x9 or more" in told
    assert "7x7" in told
    assert "18x18 pixels or more" in told


def test_a_keras_refusal_is_told_with_the_parameters(draw_data):
    with pytest.raises(UsageError) as refused:
        make_case(
            small,
            {},
        ).build_model(draw_data((2, 2, 1)))
    assert "cannot be built for these images" in str(refused.value)
    assert "small((2, 2, 1), 3, {})" in str(refused.value)


def grey_only(input_shape, classes):
    return lenet((14, 14, 1), classes)


def five_classes(input_shape, classes):
    return lenet(input_shape, 5)


def test_wrong_channels_and_classes_are_refused(data, draw_data):
    colour = draw_data((14, 14, 3))
    with pytest.raises(UsageError) as refused:
        make_case(grey_only, {}).build_model(colour)
    assert "14x14x1" in str(refused.value)
    assert "14x14x3 from drawn" in str(refused.value)
    with pytest.raises(UsageError) as refused:
        make_case(five_classes, {}).build_model(data)
    assert "3 probabilities an image" in str(refused.value)
    assert "an output of 5" in str(refused.value)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"optimizer": "adm"}, "Did you mean adam?"),
        ({"schedule": "cosin"}, "Did you mean cosine"),
        ({"augmentation": {"rotation_range": 3}}, "Did you mean rotation?"),
        ({"augmentation": 3}, "names and values"),
        ({"batch_size": 0}, "1 or more"),
        ({"batch_size": 2.5}, "whole number"),
        ({"epochs": True}, "whole number"),
        ({"image_size": 0}, "not an image size"),
        ({"image_size": 2.5}, "a whole number of pixels"),
        ({"image_size": (28, 30)}, "become squares"),
        ({"learning_rate": -1}, "0 or more"),
        ({"learning_rate": "fast"}, "a number"),
        ({"label_smoothing": 1.0}, "below 1"),
    ],
)
def test_impossible_recipes_are_refused(told, said):
    with pytest.raises(UsageError) as refused:
        make_case(lenet, told)
    assert said in str(refused.value)


def test_images_are_read_grey_and_whole(tmp_path):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (12, 8, 8), np.uint8)
    labels = np.arange(12) % 2
    path = tmp_path / "drawn.npz"
    np.savez(
        path,
        x_train=images[:8],
        y_train=labels[:8],
        x_test=images[8:],
        y_test=labels[8:],
    )
    data = load_images(path)
    np.testing.assert_array_equal(data.train_images[..., 0], images[:8])
    np.testing.assert_array_equal(data.test_images[..., 0], images[8:])
    np.testing.assert_array_equal(data.train_labels, labels[:8])
    assert data.image_shape == (8, 8, 1)
    assert data.class_names == ("0", "1")


def test_a_folder_is_no_study_and_a_missing_file_says_so(
    tmp_path, draw_classes
):
    folder = draw_classes(tmp_path / "pets", {"a": 3, "b": 3})
    with pytest.raises(UsageError, match="images of one size, in memory"):
        load_images(folder)
    with pytest.raises(UsageError, match="No such data"):
        load_images(tmp_path / "none.npz")


def test_what_is_held_out_does_not_train(data):
    shown = data.hold_out(20, seed=1)
    assert len(shown.train_images) == 70
    together = np.concatenate([shown.train_images, shown.test_images])
    key = lambda images: sorted(image.tobytes() for image in images)  # noqa: E731
    assert key(together) == key(data.train_images)
    with pytest.raises(UsageError):
        data.hold_out(90)
    assert shown.fingerprint != data.fingerprint
