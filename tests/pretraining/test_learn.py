"""Pretraining and distillation: what is written is what was learnt."""

import json
import runpy
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import tlkit
from tlkit.drawn.sample import draw_pets
from tlkit.models.minivgg import MiniVGG, preprocess_input
from tlkit.pretraining.corpus import Corpus
from tlkit.pretraining.distil import distil_features
from tlkit.pretraining.learn import (
    VIEWS,
    Stage,
    batches_of_views,
    build_learner,
    fold,
    make_recipe,
    pretrain,
    save_minivgg,
    unfold,
)

SCRIPT = Path(__file__).parents[2] / "scripts" / "pretrain_minivgg.py"
PIXELS = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), "uint8")


def mini(weights=None):
    return MiniVGG(preprocess_input(keras.Input((None, None, 3))), weights)


def outcome(model):
    return np.asarray(model(PIXELS.astype("float32"), training=False))


@pytest.fixture(scope="module")
def learner():
    """A learner whose normalisation is not the identity."""
    keras.utils.set_random_seed(2)
    learner = build_learner()
    rng = np.random.default_rng(2)
    for layer in learner.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            beta, mean, variance = layer.get_weights()
            layer.set_weights(
                [
                    rng.normal(0, 0.3, beta.shape),
                    rng.normal(0, 0.3, mean.shape),
                    rng.uniform(0.2, 3, variance.shape),
                ]
            )
    return learner


def test_folding_the_normalisation_changes_nothing(learner):
    model = mini()
    model.set_weights(fold(learner))
    expected = outcome(learner)
    assert expected.std() > 0.05
    np.testing.assert_allclose(outcome(model), expected, rtol=1e-4, atol=1e-4)


def test_unfolding_is_the_way_back():
    model, learner = mini("tlkit"), build_learner()
    unfold(model, learner)
    expected = outcome(model)
    np.testing.assert_allclose(
        outcome(learner), expected, atol=1e-4 * np.abs(expected).max()
    )


def test_the_file_holds_the_weights_to_float16(learner, tmp_path):
    path = tmp_path / "own.weights.h5"
    weights = fold(learner)
    save_minivgg(weights, path)
    assert path.stat().st_size < 1_500_000
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    loaded = tlkit.build_base("minivgg", path).get_weights()
    for kept, given in zip(loaded, weights, strict=True):
        assert kept.dtype == np.float32
        np.testing.assert_array_equal(kept, given.astype("float16"))


def test_batches_are_views_of_the_pictures_and_come_again():
    targets = np.arange(6, dtype=np.int64)
    images = np.stack([np.full((16, 16, 3), 40 * i, np.uint8) for i in targets])
    images[:, :8] += 10
    batches = batches_of_views(
        images,
        lambda i, view: 10 * view + targets[i],
        Stage(16, 1, make_recipe(1e-3, 3)),
        seed=4,
        views=2,
    ).as_numpy_iterator()
    seen = []
    for _ in range(8):  # four passes over six pictures
        pixels, answers = next(batches)
        for picture, answer in zip(pixels, answers, strict=True):
            view, i = divmod(int(answer), 10)
            expected = VIEWS(images[i], seed=4, image_id=i, view=view)
            np.testing.assert_array_equal(picture, expected)
            seen.append((view, i))
    both = [(view, i) for view in (0, 1) for i in range(6)]
    assert sorted(seen) == sorted(2 * both)


@pytest.fixture(scope="module")
def little():
    """Bars across, bars upright, and checks, in all colours and widths."""
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    images = []
    for label in labels:
        period, shift = rng.uniform(5, 10), rng.uniform(0, 10, 2)
        y, x = np.sin(2 * np.pi * (np.indices((32, 32)).T + shift) / period).T
        wave = (x, y, x * y)[label][..., None] > 0
        first, second = rng.integers(0, 100, 3), rng.integers(150, 256, 3)
        images.append(np.where(wave, first, second))
    return Corpus(np.array(images, np.uint8), labels, 3)


def test_pretraining_learns_to_name_unseen_pictures(little, capsys):
    stage = Stage(32, 150, make_recipe(3e-3, 32))
    learner, accuracy = pretrain(little, (stage,), seed=1)
    assert accuracy > 0.8  # of 30 pictures; chance is 1/3
    assert "of 30 images kept out of training" in capsys.readouterr().err
    assert learner.output_shape[-1] == 128


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(little):
    stage = Stage(32, 10, make_recipe(3e-3, 32))
    one, other = (fold(pretrain(little, (stage,), 5)[0]) for _ in range(2))
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.slow
def test_a_learner_comes_near_its_teacher():
    pictures = draw_pets(60, 32, seed=9)[0]
    teacher = tlkit.Network("minivgg", image_size=32).resolved()

    def read(number, size):
        assert size == (32, 32)
        return pictures[number]

    short = Stage(32, 10, make_recipe(1e-5, 32, 0.0))
    long = Stage(32, 100, make_recipe(1e-3, 32, 0.0))
    _, early = distil_features(teacher, read, 60, short, seed=1)
    _, late = distil_features(teacher, read, 60, long, seed=1)
    # Of pictures it was not shown; in 128 dimensions chance is near 0.
    assert late > max(0.3, early + 0.1)


def run_script(*arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["pretrain", *map(str, arguments)])
        with pytest.raises(SystemExit) as done:
            runpy.run_path(str(SCRIPT), run_name="__main__")
    return done.value.code or 0


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "mine"
    (folder / "holiday").mkdir(parents=True)
    for number, image in enumerate(draw_pets(24, 48, seed=2)[0]):
        Image.fromarray(image).save(folder / "holiday" / f"{number}.png")
    (folder / "notes.txt").write_text("no image")
    return folder


def test_the_script_distils_a_teacher_from_unlabelled_images(
    photos, tmp_path, capsys
):
    out = tmp_path / "mine.weights.h5"
    flags = ["--teacher", "minivgg", "--images", photos, "--scale", 0.005]
    assert run_script(out, *flags) == 0
    about = json.loads(capsys.readouterr().out)
    assert json.loads((tmp_path / "mine.json").read_text()) == about
    assert "24 images" in about["learnt_from"]
    before, after = (
        tlkit.build_base("minivgg", weights).get_weights()
        for weights in (None, out)
    )
    assert any((a != b).any() for a, b in zip(before, after, strict=True))


@pytest.mark.slow
def test_the_script_pretrains_from_formulas(tmp_path, capsys):
    out = tmp_path / "own.weights.h5"
    assert run_script(out, "--per-class", 1, "--scale", 0.001) == 0
    about = json.loads(capsys.readouterr().out)
    assert about["classes"] > 500
    assert tlkit.build_base("minivgg", out).count_params() < 700_000


def test_mistakes_are_named(photos, tmp_path, capsys):
    out = tmp_path / "own.weights.h5"
    assert run_script(tmp_path / "own.h5") == 2
    assert "ends in .weights.h5" in capsys.readouterr().err
    assert run_script(out, "--scale", 0) == 2
    assert run_script(out, "--teacher", "minivgg") == 2
    assert "Distillation needs images" in capsys.readouterr().err
    assert run_script(out, "--teacher", "vgg61", "--images", photos) == 2
    assert "Did you mean vgg1" in capsys.readouterr().err
    for path in sorted(photos.rglob("*.png"))[3:]:
        path.unlink()
    assert run_script(out, "--teacher", "minivgg", "--images", photos) == 2
    assert "3 readable images in 4 files" in capsys.readouterr().err
    out.write_text("mine")
    assert run_script(out) == 2
    assert "which exists" in capsys.readouterr().err
    assert out.read_text() == "mine"
