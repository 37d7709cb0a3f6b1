"""What only Python can give: models, layers, optimizers, callbacks."""

import json

import keras
import numpy as np
import pytest

import tlkit
from tlkit.base.errors import UsageError
from tlkit.plans.files import plan_to_json, plan_to_toml
from tlkit.plans.optimizers import rate_of
from tlkit.tensor.keras_augmentation import KerasAugmentation

SHORT = tlkit.Recipe(epochs=1, batch_size=16, precision="float32")


def own_base(side=32, layer=None):
    """A conv base that somebody brings: pixels to a feature map."""
    return keras.Sequential(
        [
            keras.Input((side, side, 3)),
            keras.layers.Rescaling(1 / 255),
            layer or keras.layers.Conv2D(6, 3, 2, activation="relu"),
            keras.layers.Conv2D(8, 3, 2, activation="relu", name="last"),
        ],
        name="mine",
    )


@pytest.mark.parametrize("way", ["features", "augmented"])
def test_a_keras_model_is_a_conv_base(pets, tmp_path, way):
    base = own_base()
    plan = tlkit.Plan(way, tlkit.Network(base, units=0), recipe=SHORT)
    run = tlkit.train(plan, pets, tmp_path / "run")
    model = keras.models.load_model(run.model_path)
    assert not [x for x in model.layers if isinstance(x, keras.Model)]
    assert model.input_shape == (None, None, None, 3)
    # Frozen, and the very weights that it was given.
    np.testing.assert_array_equal(
        model.get_layer("last").kernel, base.get_layer("last").kernel
    )
    image = pets.split("test").read(0, 32)[None].astype("float32")
    part = keras.Model(model.input, model.get_layer("last").output)
    np.testing.assert_allclose(
        part.predict(image, verbose=0),
        base.predict(image, verbose=0),
        atol=1e-5,
    )
    assert run.base == "mine"
    assert set(run.config["network"]["base"]) == {"keras_model", "sha256"}


def test_a_run_on_a_keras_model_is_fine_tuned_and_not_made_again(
    pets, tmp_path
):
    plan = tlkit.Plan("features", tlkit.Network(own_base()), recipe=SHORT)
    first = tlkit.train(plan, pets, tmp_path / "first")
    with pytest.raises(UsageError, match="was a Keras model in Python"):
        tlkit.train(first.path / "config.json", pets, tmp_path / "again")
    with pytest.raises(UsageError, match="from which layer to fine-tune"):
        tlkit.train(tlkit.Plan("finetune", start=first), pets)
    tuned = tlkit.train(
        tlkit.Plan("finetune", recipe=SHORT, start=first, from_layer="last"),
        pets,
        tmp_path / "tuned",
    )
    assert "last" in tuned.metrics["training"]["trained_layers"]


def two_inputs():
    pixels = [keras.Input((32, 32, 3)) for _ in range(2)]
    return keras.Model(pixels, keras.layers.add(pixels))


class OwnLayer(keras.layers.Layer):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: own_base(layer=OwnLayer()), "Keras's own layers"),
        (lambda: own_base(side=48), "cannot be a conv base"),
        (
            lambda: keras.Sequential(
                [keras.Input((32, 32, 3)), keras.layers.Flatten()]
            ),
            "cannot be a conv base",
        ),
        (lambda: keras.Sequential([keras.layers.Conv2D(2, 3)]), "cannot be"),
        (lambda: keras.Sequential([keras.Input((8,))]), "cannot be"),
        (two_inputs, "cannot be"),
        (lambda: 42, "not a conv base"),
    ],
    ids=[
        *("custom layer", "other size", "no feature map", "never called"),
        *("vectors", "two inputs", "a number"),
    ],
)
def test_what_cannot_be_a_base_is_refused_before_the_work(
    pets, tmp_path, make, words
):
    with pytest.raises(UsageError, match=words):
        tlkit.train(
            tlkit.Plan("features", tlkit.Network(make(), image_size=32)),
            pets,
            tmp_path / "run",
        )
    assert not (tmp_path / "run").exists()


def keras_layers():
    return [
        keras.layers.RandomFlip("horizontal"),
        keras.layers.RandomRotation(0.1),
        keras.layers.RandomBrightness(0.2),
    ]


def test_keras_layers_are_an_augmentation():
    """Always the same view for the same numbers, and others for others."""
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (24, 24, 3), np.uint8)
    one = KerasAugmentation.of(keras_layers())
    other = KerasAugmentation.of(json.loads(json.dumps(one.settings())))
    assert one == other
    views = [
        [make(image, seed=0, image_id=5, view=view) for view in range(6)]
        for make in (one, other)
    ]
    np.testing.assert_array_equal(views[0], views[1])
    assert views[0][0].dtype == np.uint8
    assert len({view.tobytes() for view in views[0]}) == 6
    again = one(image, seed=0, image_id=5, view=0)
    np.testing.assert_array_equal(again, views[0][0])
    moved = one(image, seed=1, image_id=5, view=0)
    assert not np.array_equal(moved, again)


def test_a_layer_that_always_does_the_same_is_itself():
    """Against the closed form: every value turned into its complement."""
    image = np.arange(6 * 6 * 3, dtype=np.uint8).reshape(6, 6, 3)
    flip = KerasAugmentation.of(keras.layers.Rescaling(-1, offset=255))
    view = flip(image, seed=0, image_id=0, view=0)
    np.testing.assert_array_equal(view, 255 - image)


def test_a_run_augmented_by_keras_is_made_again(pets, small, tmp_path):
    plan = tlkit.Plan(
        "augmented",
        small,
        augmentation=keras_layers(),
        views=tlkit.Views(1),
        recipe=SHORT,
    )
    run = tlkit.train(plan, pets, tmp_path / "run")
    again = tlkit.train(run.path / "config.json", pets, tmp_path / "again")
    assert again.history["val_loss"] == run.history["val_loss"]
    # The second time the views come from the store.
    assert again.metrics["training"]["images_through_base"] == 0


def test_an_augmentation_of_another_kind_is_refused(pets):
    inside = keras.Sequential([keras.layers.RandomFlip(), OwnLayer()])
    for told in (OwnLayer(), inside, 3, lambda image: image):
        with pytest.raises(UsageError, match="not an augmentation"):
            tlkit.Plan("augmented", augmentation=told)


def test_a_keras_optimizer_is_copied(pets, small, tmp_path):
    optimizer = keras.optimizers.Lion(3e-4)
    recipe = tlkit.Recipe(epochs=1, batch_size=16, optimizer=optimizer)
    runs = [
        tlkit.train(
            tlkit.Plan("features", small, recipe=recipe), pets, tmp_path / name
        )
        for name in "ab"
    ]
    assert runs[0].history["val_loss"] == runs[1].history["val_loss"]
    assert runs[0].plan.recipe.learning_rate == pytest.approx(3e-4)
    assert runs[0].config["recipe"]["optimizer"]["class_name"] == "Lion"
    again = tlkit.train(runs[0].path / "config.json", pets, tmp_path / "again")
    assert again.history["val_loss"] == runs[0].history["val_loss"]


def test_a_plan_with_keras_objects_comes_back_from_a_file(tmp_path):
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 50)
    plan = tlkit.Plan(
        "augmented",
        augmentation=keras_layers(),
        recipe=tlkit.Recipe(optimizer=keras.optimizers.AdamW(schedule)),
    )
    for name, write in (("p.toml", plan_to_toml), ("p.json", plan_to_json)):
        (tmp_path / name).write_text(write(plan), encoding="utf-8")
        assert tlkit.read_plan(tmp_path / name) == plan


def test_the_rate_of_a_schedule_is_that_of_its_first_step():
    schedules = keras.optimizers.schedules
    for schedule in (
        schedules.PiecewiseConstantDecay([5], [0.25, 0.01]),
        schedules.ExponentialDecay(0.25, 5, 0.5),
        schedules.CosineDecay(0.25, 5),
    ):
        recipe = tlkit.Recipe(optimizer=keras.optimizers.SGD(schedule))
        assert rate_of(recipe.optimizer) == 0.25


def test_what_a_keras_optimizer_brings_is_not_given_beside_it():
    for beside in ({"learning_rate": 0.1}, {"schedule": "cosine"}):
        with pytest.raises(UsageError, match="has its own"):
            tlkit.Recipe(optimizer=keras.optimizers.Lion(1e-3), **beside)
    with pytest.raises(UsageError, match="not an optimizer"):
        tlkit.Recipe(optimizer=len)


class Counter(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.epochs, self.losses = 0, []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1
        self.losses.append(logs["val_loss"])


@pytest.mark.parametrize("way", ["scratch", "features"])
def test_callbacks_are_called(pets, small, tmp_path, way):
    counter = Counter()
    network = tlkit.Network(image_size=64) if way == "scratch" else small
    recipe = tlkit.Recipe(epochs=2, batch_size=16)
    plan = tlkit.Plan(way, network, recipe=recipe)
    run = tlkit.train(plan, pets, tmp_path / "run", [counter])
    assert counter.epochs == 2
    assert counter.losses == pytest.approx(run.history["val_loss"])


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": "warm_cosine", "optimizer": "momentum"},
        {"loss": "focal"},
        {"label_smoothing": 0.1},
        {"weight_decay": 50.0},
        {"labels": "one_hot"},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_every_part_of_a_recipe_reaches_the_training(
    pets, small, tmp_path, runs, changes
):
    recipe = tlkit.Recipe(**{"epochs": 2, "batch_size": 16, **changes})
    plan = tlkit.Plan("features", small, recipe=recipe)
    run = tlkit.train(plan, pets, tmp_path / "run")
    usual = runs["features"].history["loss"]
    if changes == {"labels": "one_hot"}:
        # The same loss of the same labels in another form.
        assert run.history["loss"] == pytest.approx(usual, rel=1e-3)
    else:
        assert run.history["loss"] != pytest.approx(usual, rel=1e-3)


def test_the_name_of_a_way_is_a_plan(pets, tmp_path):
    with pytest.raises(UsageError, match="Did you mean features"):
        tlkit.train("featuers", pets, tmp_path / "run")


def test_models_inside_the_base_are_laid_open(pets, tmp_path):
    inner = keras.applications.MobileNetV2(
        (32, 32, 3), 0.35, include_top=False, weights=None
    )
    base = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Rescaling(1 / 127.5, offset=-1),
            inner,
        ]
    )
    flat = tlkit.Network(base, image_size=32).resolved().build_base()
    assert not [x for x in flat.layers if isinstance(x, keras.Model)]
    images = np.stack([pets.split("test").read(row, 32) for row in range(4)])
    np.testing.assert_allclose(
        flat.predict(images, verbose=0),
        base.predict(images, verbose=0),
        atol=1e-5,
    )
