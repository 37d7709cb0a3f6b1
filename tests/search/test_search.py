"""What chooses a head or a base is never what judges it."""

import csv
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict

import tlkit
from tlkit.base.errors import TlkitError, UsageError
from tlkit.cli.tables import print_table
from tlkit.data.index import DatasetIndex, Split
from tlkit.drawn.make import write_sample
from tlkit.features.extract import Features
from tlkit.models.heads import HeadSpec
from tlkit.plans.recipe import ResolvedRecipe
from tlkit.plans.resolve import resolve
from tlkit.search.heads import (
    Head,
    HeadScore,
    HeadSearch,
    _score,
    held_out_probabilities,
)

NETWORK = tlkit.Network("minivgg", image_size=32, pooling="average", units=8)
PLAN = tlkit.Plan(
    "features", NETWORK, recipe=tlkit.Recipe(epochs=2, batch_size=8)
)
SMALL = tlkit.HeadGrid((0, 8), (0.0,), (1e-2,), (0.0, 1e-3), folds=2)


def with_network(**changes):
    """The plan with another network."""
    return replace(PLAN, network=replace(NETWORK, **changes))


class Untouchable:
    """Fails whoever looks at it."""

    def __getattr__(self, name):
        raise AssertionError(f"{name} was read")

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("the array was read")

    def __getitem__(self, rows):
        raise AssertionError("rows were read")

    def __len__(self):
        raise AssertionError("the length was read")


def clouds(count=150, length=6, classes=3):
    """Three overlapping clouds of points."""
    random = np.random.default_rng(4)
    labels = np.arange(count) % classes
    centres = random.normal(0, 1, (classes, length))
    vectors = centres[labels] + random.normal(0, 1.2, (count, length))
    return vectors.astype("float32"), labels


def features_of(vectors, labels):
    """Features whose validation and test split nobody may read."""
    digests = tuple(f"{number:032x}" for number in range(len(labels)))
    train = Split(Untouchable(), labels, digests)
    unread = Split(Untouchable(), Untouchable(), Untouchable())
    names = ("one", "two", "three")
    splits = {"train": train, "validation": unread, "test": unread}
    data = DatasetIndex("clouds", "memory", names, splits)
    arrays = {**dict.fromkeys(splits, Untouchable()), "train": vectors}
    return Features(data, resolve(PLAN, data), None, arrays, 0)


@pytest.fixture(scope="module", autouse=True)
def workplace(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("here"))
        patch.setenv("TLKIT_STORE", str(tmp_path_factory.mktemp("store")))
        yield


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "pets"
    counts = {"train": 24, "validation": 12, "test": 12}
    return tlkit.load_dataset(write_sample(folder, counts, image_size=48))


@pytest.fixture(scope="module")
def features(pets, workplace):
    return tlkit.extract_features(PLAN, pets)


@pytest.fixture(scope="module")
def best_head(pets, features):
    return tlkit.train_best_head(PLAN, pets, SMALL, "best-head")


@pytest.fixture(scope="module")
def plans():
    return [PLAN, with_network(weights="none")]


@pytest.fixture(scope="module")
def compared(pets, plans):
    return tlkit.compare_bases(plans, pets, run_folder="bases")


def test_cross_validation_is_what_scikit_learn_says():
    """Softmax regression has one optimum, whoever looks for it.

    Keras minimises the mean loss plus l2 times the squared weights,
    scikit-learn C times the summed loss plus half the squared weights.
    """
    vectors, labels = clouds(1200)
    folds, l2 = np.arange(1200) // 3 % 3, 0.02
    long = ResolvedRecipe(
        epochs=30, batch_size=50, learning_rate=0.02, patience=5
    )
    spec = HeadSpec(3, units=0, l2=l2)
    ours = held_out_probabilities(vectors, labels, folds, spec, long)
    theirs = cross_val_predict(
        LogisticRegression(C=1 / (2 * l2 * 800)),
        vectors,
        labels,
        cv=PredefinedSplit(folds),
        method="predict_proba",
    )
    # Keras stops at the epoch that suits the held-out fold.
    assert np.abs(ours - theirs).mean() < 0.02
    means = [
        np.mean([(x[folds == k].argmax(1) == labels[folds == k]).mean()
                 for k in range(3)])
        for x in (ours, theirs)
    ]  # fmt: skip
    assert 0.8 < means[1] < 0.95
    assert means[0] == pytest.approx(means[1], abs=0.01)
    correct, _ = _score(labels, ours)
    assert correct / 1200 == pytest.approx(means[0], abs=1e-3)


def test_balance_is_to_show_the_images_of_small_classes_more_often():
    """In one batch, twice the images or twice the weight are the same."""
    vectors, labels = clouds(90)
    folds = np.arange(90) // 3 % 3
    few = np.flatnonzero((labels != 1) | (np.arange(90) < 45))
    twice = np.concatenate([few, np.flatnonzero(labels[:45] == 1)])
    spec = HeadSpec(3, units=4, dropout=0.0)
    recipe = ResolvedRecipe(epochs=3, batch_size=90, learning_rate=0.01)

    def probabilities(rows, recipe):
        chosen = vectors[rows], labels[rows], folds[rows]
        return held_out_probabilities(*chosen, spec, recipe)

    balanced = probabilities(few, replace(recipe, balance=True))
    expected = probabilities(twice, recipe)[: len(few)]
    np.testing.assert_allclose(balanced, expected, atol=1e-5)


def test_every_fold_starts_from_the_same_weights():
    """Else the folds' order would matter: the model is used again."""
    vectors, labels = clouds(60)
    folds = np.arange(60) // 3 % 3
    spec = HeadSpec(3, units=4, dropout=0.5)
    recipe = ResolvedRecipe(epochs=2, batch_size=8, learning_rate=0.01)
    one, other = (
        held_out_probabilities(vectors, labels, numbers, spec, recipe)
        for numbers in (folds, 2 - folds)
    )
    np.testing.assert_array_equal(one, other)


def test_heads_are_chosen_by_training_images_alone(capsys):
    found = tlkit.search_heads(features_of(*clouds()), SMALL)
    again = tlkit.search_heads(features_of(*clouds()), SMALL)
    for one, other in zip(found.scores, again.scores, strict=True):
        assert replace(one, seconds=0) == replace(other, seconds=0)
    assert [x.head for x in found.scores] == SMALL.heads()
    assert all(x.count == 150 for x in found.scores)
    assert found.best.correct == max(x.correct for x in found.scores)
    assert "head 4/4  8 units" in capsys.readouterr().err


def test_a_head_without_hidden_layer_is_tried_once():
    grid = tlkit.HeadGrid((0, 4, 4), (0.0, 0.2), (1e-3,), (0.0,))
    assert grid.heads() == [
        Head(0, 0.0, 1e-3, 0.0),
        Head(4, 0.0, 1e-3, 0.0),
        Head(4, 0.2, 1e-3, 0.0),
    ]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"units": ()}, "units"),
        ({"units": 64}, "units"),
        ({"units": (64.5,)}, "whole numbers"),
        ({"units": (-1,)}, "0 or more"),
        ({"dropout": (0.5, 1.0)}, "below 1"),
        ({"dropout": "0.5"}, "dropout"),
        ({"learning_rate": (-1e-3,)}, "learning_rate"),
        ({"learning_rate": (None,)}, "learning_rate"),
        ({"l2": (-1e-4,)}, "l2"),
        ({"l2": (float("nan"),)}, "l2"),
        ({"folds": 1}, "folds"),
    ],
    ids=str,
)
def test_bad_grids_are_refused(wrong, words):
    with pytest.raises(UsageError, match=words):
        tlkit.HeadGrid(**wrong)


def test_the_most_accurate_head_is_first_and_losses_break_ties():
    heads = SMALL.heads()
    results = [(70, 0.5), (80, 0.4), (80, 0.3), (80, float("inf"))]
    scores = tuple(
        HeadScore(head, 100, correct, loss, 1.0)
        for head, (correct, loss) in zip(heads, results, strict=True)
    )
    search = HeadSearch(SMALL, scores)
    assert search.best is scores[2]
    assert [scores.index(x) for x in search.ranked] == [2, 1, 3, 0]
    rows = search.table().to_records()
    assert [row["accuracy"] for row in rows] == [0.8, 0.8, 0.8, 0.7]
    # JSON has no infinity.
    assert [row["log loss"] for row in rows] == [0.3, 0.4, None, 0.5]
    assert rows[0]["units"] == heads[2].units
    assert "100 training images, 2-fold" in search._repr_html_()
    assert len(repr(search)) < 200


def test_a_head_that_diverged_has_nothing_right():
    labels = np.array([0, 0, 1])
    shares = np.full((3, 2), np.nan, "float32")
    assert _score(labels, shares) == (0, float("inf"))
    shares = np.array([[0.5, 0.5], [1, 0], [0.75, 0.25]], "float32")
    correct, loss = _score(labels, shares)
    assert correct == 2
    assert loss == pytest.approx(np.log(8) / 3)


def test_the_run_of_the_best_head_says_how_it_was_chosen(best_head, features):
    with open(best_head.path / "heads.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    top = max(rows, key=lambda x: (int(x["correct"]), -float(x["log_loss"])))
    plan = best_head.plan
    for name in ("units", "dropout", "l2"):
        assert getattr(plan.network, name) == float(top[name])
    assert plan.recipe.learning_rate == float(top["learning_rate"])
    names = ("units", "dropout", "learning_rate", "l2")
    tried = [Head(*(float(row[name]) for name in names)) for row in rows]
    assert tried == SMALL.heads()
    assert {x["folds"] for x in rows} == {"2"}
    assert {x["images"] for x in rows} == {"24"}
    assert best_head.metrics["split"] == "test"


def test_it_is_the_run_that_its_plan_gives(best_head, pets):
    own = best_head.plan
    plan = replace(
        PLAN,
        network=own.network,
        recipe=replace(PLAN.recipe, learning_rate=own.recipe.learning_rate),
    )
    same = tlkit.train(plan, pets, "by-hand")
    assert not (same.path / "heads.csv").exists()
    one, other = (
        keras.models.load_model(run.model_path).get_weights()
        for run in (best_head, same)
    )
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)


PLAIN_KERAS = """
import sys, keras, numpy as np
model = keras.models.load_model(sys.argv[1], safe_mode=True)
share = model.predict(np.full((1, 40, 50, 3), 90, "uint8"), verbose=0)
assert not [name for name in sys.modules if name.startswith("tlkit")]
print(*map(float, share[0]), len(model.losses))
"""


@pytest.mark.slow
def test_a_model_with_l2_loads_in_plain_keras(pets):
    run = tlkit.train(with_network(l2=1e-3), pets, "with-l2")
    done = subprocess.run(
        [sys.executable, "-c", PLAIN_KERAS, str(run.model_path.absolute())],
        capture_output=True,
        text=True,
        check=True,
    )
    *shares, penalties = map(float, done.stdout.split())
    here = tlkit.load_classifier(run.path).model.predict(
        np.full((1, 40, 50, 3), 90, "uint8"), verbose=0
    )
    assert shares == pytest.approx(here[0].tolist(), abs=1e-6)
    assert penalties == 2
    recipe = replace(PLAN.recipe, epochs=1)
    tuned = tlkit.train(tlkit.Plan("finetune", start=run, recipe=recipe), pets)
    assert tuned.plan.network.l2 == 1e-3


def test_bases_are_ordinary_runs_and_validation_names_the_best(
    compared, pets, plans, capsys
):
    assert [x.name for x in compared.bases] == [
        "minivgg (tlkit)",
        "minivgg (none)",
    ]
    paths = [str(x.run.path) for x in compared.bases]
    assert paths == ["bases/minivgg", "bases/minivgg-2"]
    right = [x.run.metrics["validation"]["correct"] for x in compared.bases]
    assert compared.best.run.metrics["validation"]["correct"] == max(right)
    for base, plan in zip(compared.bases, plans, strict=True):
        # Test images are judged from their pixels and need no features.
        assert base.computed in (0, 36)
        alone = tlkit.train(plan, pets)
        assert alone.metrics["log_loss"] == base.run.metrics["log_loss"]
    print_table(compared.table())
    shown = capsys.readouterr().out
    assert f"Best by validation: {compared.best.name}" in shown
    low, high = compared.best.run.metrics["validation"]["accuracy_interval"]
    assert f"{low:.1%} to {high:.1%}" in shown
    assert "12 validation images" in shown
    rows = compared.table().to_records()
    kept = [x.run.metrics["validation"] for x in compared.bases]
    assert [x["validation accuracy"] for x in rows] == [
        x["accuracy"] for x in kept
    ]
    assert rows[compared.table().best]["base"] == compared.best.name
    assert compared.best.name in compared._repr_html_()
    assert len(repr(compared)) < 200
    # The note on the sizes of classes tells no accuracy.
    assert "test" not in shown.replace("Few test images", "")


def test_the_test_split_has_no_say(compared, pets, plans):
    """Its labels turned round, everything that was chosen is the same."""
    test = pets.splits["test"]
    turned = replace(test, labels=1 - test.labels)
    data = replace(pets, splits={**pets.splits, "test": turned})
    poisoned = tlkit.compare_bases(plans, data)
    assert poisoned.best.name == compared.best.name
    for one, other in zip(poisoned.bases, compared.bases, strict=True):
        clean, dirty = other.run.metrics, one.run.metrics
        assert dirty["validation"] == clean["validation"]
        assert dirty["correct"] == dirty["count"] - clean["correct"]


@pytest.mark.slow
def test_heads_are_tried_on_every_base(pets, plans, capsys):
    grid = replace(SMALL, units=(0,), l2=(0.0,))
    compared = tlkit.compare_bases(plans, pets, grid)
    for base in compared.bases:
        assert (base.run.path / "heads.csv").exists()
        assert base.run.plan.network.units == 0
        print_table(base.search.table(base.name))
        assert "24 training images, 2-fold" in capsys.readouterr().out


@pytest.mark.slow
def test_without_a_test_split_the_figure_is_said_to_be_too_high(pets, plans):
    splits = {name: pets.splits[name] for name in ("train", "validation")}
    data = replace(pets, splits=splits)
    compared = tlkit.compare_bases(plans, data)

    def chosen(run):
        notes = run.metrics["notes"]
        return [note for note in notes if "Validation has chosen" in note]

    (note,) = chosen(compared.bases[0].run)
    assert "between 2 conv bases" in note
    assert "higher than it would be on new images" in note
    alone = tlkit.compare_bases(plans[:1], data)
    assert not chosen(alone.best.run)


def test_mistakes_are_found_before_anything_is_computed(
    pets, plans, tmp_path, monkeypatch
):
    monkeypatch.setattr("tlkit.search.bases.train", Untouchable())
    monkeypatch.setattr("tlkit.search.bases.extract_features", Untouchable())
    monkeypatch.setattr("tlkit.search.bases.search_heads", Untouchable())
    gone = with_network(weights="gone.h5")
    small = with_network(image_size=8)
    foreign = with_network(weights="imagenet")
    for wrong, words in [
        ([], "no conv base"),
        ([*plans, gone], "gone.h5"),
        ([*plans, small], "too small"),
        ([*plans, foreign], "does not come with"),
        ([*plans, PLAN], "with itself"),
    ]:
        with pytest.raises(UsageError, match=words):
            tlkit.compare_bases(wrong, pets)
    with pytest.raises(UsageError, match="exists"):
        tlkit.compare_bases(plans, pets, run_folder=tmp_path)
    with pytest.raises(UsageError, match="exists"):
        tlkit.train_best_head(PLAN, pets, SMALL, tmp_path)


def test_more_folds_than_images_of_a_class_end_in_words(features):
    with pytest.raises(TlkitError, match="cats in the train split"):
        tlkit.search_heads(features, replace(SMALL, folds=13))


def test_a_keras_optimizer_leaves_a_grid_no_rates_to_try(
    pets, plans, monkeypatch
):
    monkeypatch.setattr("tlkit.search.bases.extract_features", Untouchable())
    recipe = tlkit.Recipe(optimizer=keras.optimizers.Lion(1e-4))
    plan = replace(plans[0], recipe=recipe)
    with pytest.raises(UsageError, match="its own learning_rate"):
        tlkit.train_best_head(plan, pets, SMALL)
