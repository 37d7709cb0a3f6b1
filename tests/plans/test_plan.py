"""A plan is checked when it is made, and is a value."""

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

import tlkit
from tlkit.base.errors import TlkitError, UsageError
from tlkit.data.augment import AUGMENTATIONS, Augmentation
from tlkit.data.ranges import read_pair, read_range
from tlkit.plans.files import (
    VERSION,
    plan_from_dict,
    plan_to_dict,
    plan_to_json,
    plan_to_toml,
    read_augmentation,
)
from tlkit.plans.network import Network, read_size
from tlkit.plans.plan import Machine, Plan, Views, read_devices
from tlkit.plans.recipe import Recipe
from tlkit.plans.ways import WAYS

EVERY = {
    "scratch": Plan(
        "scratch",
        Network(image_size=(96, 128), dropout=0.3, l2=1e-4),
        augmentation={"rotation": 10, "flip": True},
        recipe=Recipe(0.01, 16, 7, 3, "momentum", "cosine", 1e-4, 0.1),
        seed=3,
    ),
    "features": Plan(
        "features",
        Network("mobilenet_v2", "none", 96, 0.35, "max", 0),
        views=Views(dtype="float32"),
    ),
    "augmented": Plan(
        "augmented",
        Network("minivgg", units=16),
        augmentation="mild",
        views=Views(0),
        machine=Machine("all", ("tensorboard",)),
    ),
    "finetune": Plan("finetune", start="runs/first", from_layer="block5"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("write", [plan_to_json, plan_to_toml])
def test_a_plan_goes_to_a_file_and_back(way, write, tmp_path):
    suffix = ".json" if write is plan_to_json else ".toml"
    path = tmp_path / f"plan{suffix}"
    path.write_text(write(EVERY[way]), encoding="utf-8")
    assert tlkit.read_plan(path) == EVERY[way]


@pytest.mark.parametrize("way", WAYS)
def test_the_form_has_a_version(way):
    told = plan_to_dict(EVERY[way])
    assert told["version"] == VERSION
    assert json.loads(json.dumps(told)) == told
    with pytest.raises(UsageError, match="version 99"):
        plan_from_dict({**told, "version": 99})


def test_a_file_may_leave_almost_everything_open(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text('way = "augmented"\n[augmentation]\nrotation = 5\n')
    plan = tlkit.read_plan(path)
    assert plan.augmentation == Augmentation(rotation=5)
    assert plan.recipe == Recipe()


def test_what_stands_beside_the_plan_of_a_run_is_left_alone():
    told = plan_to_dict(EVERY["scratch"])
    beside = {**told, "data": {"name": "x"}, "made_by": {"tlkit": "0"}}
    assert plan_from_dict(beside) == EVERY["scratch"]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"way": "featuers"}, "Did you mean features"),
        ({"recpie": {}}, "Did you mean recipe"),
        ({"recipe": {"epoch": 3}}, "Did you mean epochs"),
        ({"recipe": {"epochs": "3"}}, "a whole number"),
        ({"recipe": 3}, "a part of the plan"),
        ({"network": {"base": "vgg61"}}, "Did you mean vgg19, vgg16"),
        ({"augmentation": {"rotaton": 3}}, "Did you mean rotation"),
        ([], "not a plan"),
    ],
)
def test_a_mistake_in_a_file_is_named(told, words):
    with pytest.raises(UsageError, match=words):
        plan_from_dict(told)


def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text("way = ")
    with pytest.raises(TlkitError, match=r"plan\.toml"):
        tlkit.read_plan(path)
    with pytest.raises(UsageError, match="No such plan"):
        tlkit.read_plan(tmp_path / "plan.yaml")


@pytest.mark.parametrize(
    ("way", "given", "words"),
    [
        ("scratch", {"network": Network("vgg16")}, "has no base"),
        ("scratch", {"network": Network(units=3)}, "has no units"),
        ("scratch", {"views": Views(3)}, "has no views"),
        ("scratch", {"start": "runs/a"}, "finetune"),
        ("features", {"augmentation": "book"}, "has no augmentation"),
        ("features", {"views": Views(3)}, "augmented or finetune"),
        ("augmented", {"from_layer": "block5"}, "has no from_layer"),
        ("augmented", {"network": Network("convnet")}, "from scratch alone"),
        ("augmented", {"seed": -1}, "0 or more"),
        ("augmented", {"machine": "gpu"}, "Machine"),
    ],
)
def test_what_means_nothing_for_a_way_is_refused(way, given, words):
    with pytest.raises(UsageError, match=words):
        Plan(way, **given)


def test_an_augmentation_is_a_preset_fields_or_itself():
    for told, expected in (
        ("mild", AUGMENTATIONS["mild"]),
        ({"rotation": 5}, Augmentation(rotation=5)),
        (
            {"preset": "none", "flip": True},
            replace(AUGMENTATIONS["none"], flip=True),
        ),
        (Augmentation(shear=3), Augmentation(shear=3)),
    ):
        assert Plan("augmented", augmentation=told).augmentation == expected
    # From scratch nothing happens to an image unless it is asked for.
    plan = Plan("scratch", augmentation={"rotation": 5})
    assert plan.augmentation == replace(AUGMENTATIONS["none"], rotation=5)


def test_a_run_or_a_path_may_be_the_start():
    run = tlkit.Run(Path("runs") / "first")
    for start in (run, run.path, str(run.path)):
        assert Plan("finetune", start=start).start == str(run.path)


def test_a_plan_is_a_value():
    assert EVERY["scratch"] == replace(EVERY["scratch"])
    assert {own.name for own in fields(Plan)} == {
        *("way", "network", "augmentation", "views", "recipe"),
        *("machine", "seed", "start", "from_layer"),
    }


def test_labels_must_fit_the_loss():
    for given in ({"label_smoothing": 0.1}, {"loss": "focal"}):
        with pytest.raises(UsageError, match="one-hot"):
            Recipe(labels="integer", **given)


def test_a_plan_shows_what_was_given():
    assert repr(Plan("features")) == "Plan('features')"
    plan = Plan("augmented", Network("minivgg", units=3), seed=7)
    assert repr(plan) == (
        "Plan('augmented', network.base='minivgg', network.units=3, seed=7)"
    )
    assert len(repr(EVERY["scratch"])) < 200
    rows = plan.table().to_records()
    assert {"setting": "network.units", "value": "3"} in rows
    assert "minivgg" in plan._repr_html_()


@pytest.mark.parametrize(
    ("read", "good", "bad"),
    [
        (read_devices, {"2": 2, "all": "all"}, ["two", ""]),
        (read_size, {"150": 150, "96x128": (96, 128)}, ["1x2x3", "x", "-5"]),
        (
            read_range,
            {"0.2": 0.2, "0.8,1.2": (0.8, 1.2)},
            ["1,2,3", "much", "1,"],
        ),
        (read_pair, {"0.8,1.2": (0.8, 1.2)}, ["0.8", "a,b"]),
    ],
)
def test_words_of_the_command_line_are_read(read, good, bad):
    assert {text: read(text) for text in good} == good
    for text in bad:
        with pytest.raises(ValueError, match="expected"):
            read(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"rotation": 5}', {"rotation": 5}),
        ('{"way": "scratch"}', {}),
        ('{"way": "scratch", "augmentation": "mild"}', {"preset": "mild"}),
        ('{"version": 2, "augmentation": {"flip": true}}', {"flip": True}),
    ],
)
def test_a_file_holds_an_augmentation_or_a_plan(tmp_path, text, expected):
    path = tmp_path / "own.json"
    path.write_text(text)
    assert read_augmentation(path) == expected


@pytest.mark.parametrize("read", [read_augmentation, tlkit.read_plan])
def test_a_file_with_a_list_is_refused(tmp_path, read):
    (tmp_path / "list.json").write_text("[1, 2]")
    with pytest.raises(UsageError, match="fields by name"):
        read(tmp_path / "list.json")
