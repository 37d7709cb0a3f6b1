"""Heads and bases that are finished are not computed again."""

from dataclasses import replace

import pytest

import tlkit
from tlkit.base.errors import UsageError
from tlkit.drawn.make import write_sample
from tlkit.models.digests import weights_digest
from tlkit.plans.resolve import resolve
from tlkit.search import bases, heads
from tlkit.search.kept import find_places

NETWORK = tlkit.Network("minivgg", image_size=32, pooling="average", units=8)
PLAN = tlkit.Plan(
    "features", NETWORK, recipe=tlkit.Recipe(epochs=2, batch_size=8)
)
GRID = tlkit.HeadGrid((0, 8), (0.0,), (1e-2,), (0.0,), folds=2)
PLANS = [PLAN, replace(PLAN, network=replace(NETWORK, weights="none"))]


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TLKIT_STORE", str(tmp_path / "store"))


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "pets"
    counts = {"train": 24, "validation": 12, "test": 12}
    return tlkit.load_dataset(write_sample(folder, counts, image_size=48))


def weights_of(run):
    model = tlkit.load_classifier(run.path).model
    return weights_digest(model.get_weights())


def interrupted_at(number, function):
    """The function, until its call of this number (from 1)."""
    calls = []

    def called(*arguments, **named):
        calls.append(arguments)
        if len(calls) == number:
            raise KeyboardInterrupt
        return function(*arguments, **named)

    return called, calls


def counted(function):
    return interrupted_at(None, function)


def test_heads_that_were_tried_are_not_tried_again(pets, tmp_path, monkeypatch):
    features = tlkit.extract_features(PLAN, pets)
    once, _ = interrupted_at(2, heads.held_out_probabilities)
    monkeypatch.setattr(heads, "held_out_probabilities", once)
    with pytest.raises(KeyboardInterrupt):
        tlkit.search_heads(features, GRID)
    monkeypatch.undo()
    monkeypatch.setenv("TLKIT_STORE", str(tmp_path / "store"))
    again, calls = counted(heads.held_out_probabilities)
    monkeypatch.setattr(heads, "held_out_probabilities", again)
    found = tlkit.search_heads(features, GRID)
    assert len(calls) == 1  # the one head that lacked
    assert tlkit.search_heads(features, GRID).scores == found.scores
    assert len(calls) == 1
    # In an empty store all are tried, with the same scores.
    monkeypatch.setenv("TLKIT_STORE", str(tmp_path / "another"))
    fresh = tlkit.search_heads(features, GRID)
    assert len(calls) == 3
    for one, other in zip(found.scores, fresh.scores, strict=True):
        assert replace(one, seconds=0) == replace(other, seconds=0)


def test_heads_of_another_recipe_are_others(pets, monkeypatch):
    tlkit.search_heads(tlkit.extract_features(PLAN, pets), GRID)
    again, calls = counted(heads.held_out_probabilities)
    monkeypatch.setattr(heads, "held_out_probabilities", again)
    smoothed = replace(PLAN.recipe, label_smoothing=0.1)
    other = replace(PLAN, recipe=smoothed)
    tlkit.search_heads(tlkit.extract_features(other, pets), GRID)
    assert len(calls) == 2


@pytest.mark.parametrize("folder", [None, "bases"])
def test_a_comparison_goes_on_with_the_bases_that_lack(
    folder, pets, monkeypatch
):
    once, _ = interrupted_at(2, bases.train)
    monkeypatch.setattr(bases, "train", once)
    with pytest.raises(KeyboardInterrupt):
        tlkit.compare_bases(PLANS, pets, run_folder=folder)
    first = next(iter(tlkit.find_runs(folder or "runs")))
    before = first.model_path.stat().st_mtime_ns
    again, calls = counted(tlkit.train)
    monkeypatch.setattr(bases, "train", again)
    compared = tlkit.compare_bases(PLANS, pets, run_folder=folder)
    assert len(calls) == 1
    assert compared.bases[0].run.path == first.path
    assert first.model_path.stat().st_mtime_ns == before
    assert compared.bases[0].computed == 0
    whole = tlkit.compare_bases(PLANS, pets, run_folder="whole")
    for one, other in zip(compared.bases, whole.bases, strict=True):
        assert weights_of(one.run) == weights_of(other.run)
        assert one.run.metrics["notes"] == other.run.metrics["notes"]


def test_a_finished_comparison_is_not_touched(pets, monkeypatch):
    tlkit.compare_bases(PLANS, pets, run_folder="bases")
    again, calls = counted(tlkit.train)
    monkeypatch.setattr(bases, "train", again)
    with pytest.raises(UsageError, match="exists already"):
        tlkit.compare_bases(PLANS, pets, run_folder="bases")
    other = [replace(plan, seed=1) for plan in PLANS]
    with pytest.raises(UsageError, match="exists already"):
        tlkit.compare_bases(other, pets, run_folder="bases")
    assert not calls


def test_a_folder_of_the_user_is_not_taken_for_a_comparison(pets, tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        tlkit.compare_bases(PLANS, pets, run_folder=tmp_path / "mine")


def test_a_head_grid_goes_on_in_its_folder(pets, monkeypatch):
    once, _ = interrupted_at(1, tlkit.train)
    monkeypatch.setattr(bases, "train", once)
    with pytest.raises(KeyboardInterrupt):
        tlkit.train_best_head(PLAN, pets, GRID, "run")
    monkeypatch.setattr(bases, "train", tlkit.train)
    again, calls = counted(heads.held_out_probabilities)
    monkeypatch.setattr(heads, "held_out_probabilities", again)
    run = tlkit.train_best_head(PLAN, pets, GRID, "run")
    assert not calls
    assert run.state == "finished"
    assert (run.path / "heads.csv").exists()


def test_a_comparison_is_the_same_on_another_engine(pets):
    def keys(machine):
        plans = [resolve(replace(p, machine=machine), pets) for p in PLANS]
        places = find_places(plans, pets, GRID, None, ["a", "b"])
        return {place.record["key"] for place in places}

    assert keys(tlkit.Machine()) == keys(tlkit.Machine(engine="ray"))
