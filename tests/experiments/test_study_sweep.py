"""Sweeps: what is trained, what is kept, and what it comes to."""

import json
import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tlkit import experiments as study
from tlkit.base.errors import TlkitError, UsageError
from tlkit.experiments import cells
from tlkit.experiments import search as search_module
from tlkit.experiments.cells import Cell, make_case, read_result
from tlkit.experiments.images import ImageArrays, load_images
from tlkit.experiments.lenet import AXES, BASE, lenet_points
from tlkit.experiments.named import open_study
from tlkit.experiments.points import Point, run_points, summarise
from tlkit.experiments.report import outcomes_table
from tlkit.experiments.search import Between, search
from tlkit.experiments.small_networks import lenet5_for_digits, lenet_sized
from tlkit.experiments.sweep import Sweep, read_sweep
from tlkit.models.classic import lenet

BRIEF = {"epochs": 1, "batch_size": 32, "kernel_size": 3}


@pytest.fixture(scope="module")
def data(draw_data):
    return draw_data()


def write_sweep(path, **told):
    path.write_text(json.dumps({"network": "lenet", "base": BRIEF, **told}))
    return path


def accuracies(outcomes):
    return [
        (o.point.axis, o.point.value, r.seed, r.last.loss, r.last.test_accuracy)
        for o in outcomes
        for r in o.results
    ]


def test_one_factor_at_a_time_or_every_combination():
    axes = {"learning_rate": [0.1, 0.2], "pooling": ["average", "max"]}
    alone = Sweep(lenet, BRIEF, axes).points()
    assert [(p.axis, p.value) for p in alone] == [
        ("learning_rate", 0.1),
        ("learning_rate", 0.2),
        ("pooling", "average"),
        ("pooling", "max"),
    ]
    assert alone[1].case.recipe.learning_rate == 0.2
    assert alone[1].case.network == {"kernel_size": 3}
    assert alone[3].case.settings()["pooling"] == "max"
    grid = Sweep(lenet, BRIEF, axes, grid=True).points()
    found = [
        (p.case.recipe.learning_rate, p.case.network["pooling"]) for p in grid
    ]
    assert found == [
        (0.1, "average"),
        (0.1, "max"),
        (0.2, "average"),
        (0.2, "max"),
    ]
    (base,) = Sweep(lenet, BRIEF).points()
    assert base.case.recipe.epochs == 1


def test_an_unknown_parameter_is_told_with_its_neighbours():
    with pytest.raises(UsageError) as refused:
        Sweep(lenet, axes={"lerning_rate": [0.1]})
    told = str(refused.value)
    assert "There is no parameter 'lerning_rate'" in told
    assert "Did you mean learning_rate?" in told
    for known in ("kernel_size", "pool_stride", "batch_size", "optimizer"):
        assert known in told
    with pytest.raises(UsageError, match="There is no parameter 'classes'"):
        Sweep(lenet, {"classes": 3})
    with pytest.raises(UsageError, match="values of an axis are a list"):
        Sweep(lenet, axes={"activation": "relu"})
    with pytest.raises(UsageError, match="There is no optimizer 'sdg'"):
        Sweep(lenet, axes={"optimizer": ["sgd", "sdg"]})


def test_what_a_study_needs_is_in_reach():
    assert study.Sweep is Sweep
    assert study.load_images is load_images
    with pytest.raises(AttributeError, match=r"tlkit\.experiments.*'Sweeep'"):
        study.Sweeep  # noqa: B018


def test_an_interval_is_students():
    # t(0.975, 4) = 2.776 from Student's table; s = 0.015811 of these five.
    found = summarise([0.80, 0.81, 0.82, 0.83, 0.84])
    assert found.mean == pytest.approx(0.82)
    half = 2.776 * 0.0158114 / math.sqrt(5)
    assert found.low == pytest.approx(0.82 - half, abs=1e-5)
    assert found.high == pytest.approx(0.82 + half, abs=1e-5)
    assert (found.lowest, found.highest) == (0.80, 0.84)
    alone = summarise([0.8])
    assert alone.mean == 0.8
    assert math.isnan(alone.low)


def test_outcomes_and_studies_are_told_in_short(data, tmp_path):
    axes = {"batch_size": [30, 45]}
    base = {"epochs": 1, "kernel_size": 3}
    sweep = Sweep(lenet, base, axes, repeats=2)
    outcomes = sweep.run(data, tmp_path)
    first = outcomes[0]
    assert repr(first) == (
        "Outcome(batch_size=30: test accuracy "
        f"{first.test_accuracy.mean:.4f}, repeats 2)"
    )
    table = outcomes_table("batch_size", outcomes)
    rows = table.to_records()
    assert table.title == "batch size"
    assert [row["value"] for row in rows] == [30, 45]
    for row, outcome in zip(rows, outcomes, strict=True):
        one, two = (r.last.test_accuracy for r in outcome.results)
        assert row["test accuracy"] == pytest.approx((one + two) / 2)
        assert row["single runs"] == sorted([one, two])
        assert row["article"] is row["difference"] is None
    opened = open_study("lenet")
    assert repr(opened) == (
        f"Study('lenet': {len(opened.points)} points, repeats 3)"
    )


def test_a_cell_is_known_by_what_determines_it(data, draw_data):
    key = Cell(make_case(lenet, BRIEF), 0).key(data)
    spelt_out = {**BRIEF, "pooling": "average", "optimizer": "sgd"}
    assert Cell(make_case(lenet, spelt_out), 0).key(data) == key
    others = [
        Cell(make_case(lenet, BRIEF), 1).key(data),
        Cell(make_case(lenet, {**BRIEF, "pooling": "max"}), 0).key(data),
        Cell(make_case(lenet, {**BRIEF, "epochs": 2}), 0).key(data),
        Cell(make_case(lenet_sized, {"epochs": 1}), 0).key(data),
        Cell(make_case(lenet, BRIEF), 0).key(draw_data(count=60)),
    ]
    assert len({key, *others}) == 6


#: Keys of cells as the first tlkit that kept any wrote them.
FIRST_KEYS = [
    (lenet, {}, 0, "c968e98c212bff8d"),
    (lenet, {"augmentation": None, "image_size": None}, 0, "c968e98c212bff8d"),
    (lenet, BRIEF, 1, "4bdc166595e174f8"),
    (
        lenet,
        {
            "learning_rate": 0.01,
            "optimizer": "adam",
            "schedule": "cosine",
            "weight_decay": 0.1,
            "label_smoothing": 0.1,
            "image_size": 28,
            "precision": "auto",
        },
        0,
        "09df703b429867c6",
    ),
    # A sweep file may have 1 for 1.0.
    (
        lenet,
        {"learning_rate": 1, "weight_decay": 0, "label_smoothing": 0},
        0,
        "1b0921a12285ddd3",
    ),
    (lenet_sized, {"optimizer": "momentum"}, 0, "f9c253eec09036dc"),
    (lenet5_for_digits, {}, 0, "4f347944f89c0fc0"),
]


@pytest.mark.parametrize(("build", "told", "seed", "key"), FIRST_KEYS)
def test_cells_of_older_folders_are_still_known(build, told, seed, key):
    train, test = (np.zeros((n, 14, 14, 1), np.uint8) for n in (4, 2))
    labels = np.array([0, 1, 0, 1], np.int32)
    data = ImageArrays("arrays", ("a", "b"), train, labels, test, labels[:2])
    assert data.fingerprint == "b75492774db12ad8"
    assert Cell(make_case(build, told), seed).key(data) == key


def test_what_a_later_recipe_can_do_makes_another_cell(data):
    plain = Cell(make_case(lenet, BRIEF)).key(data)
    assert (
        Cell(make_case(lenet, {**BRIEF, "loss": "crossentropy"})).key(data)
        == plain
    )
    others = [
        Cell(make_case(lenet, {**BRIEF, **more})).key(data)
        for more in (
            {"loss": "focal"},
            {"schedule": "warm_cosine"},
            {"optimizer": "rmsprop"},
            {"augmentation": {"flip": True}},
            {"augmentation": "book"},
            {"image_size": 28},
        )
    ]
    assert len({plain, *others}) == 7


def test_finished_cells_are_not_trained_again(data, tmp_path):
    axes = {"activation": ["sigmoid", "relu"]}
    first = Sweep(lenet, BRIEF, axes, repeats=2).run(data, tmp_path)
    kept = {p: p.stat().st_mtime_ns for p in tmp_path.glob("cells/*")}
    assert len(kept) == 4
    wider = {"activation": ["sigmoid", "relu", "tanh"]}
    second = Sweep(lenet, BRIEF, wider, repeats=2).run(data, tmp_path)
    assert accuracies(second)[:4] == accuracies(first)
    now = {p: p.stat().st_mtime_ns for p in tmp_path.glob("cells/*")}
    assert len(now) == 6
    assert kept.items() <= now.items()
    (one, other) = first[0].results
    assert one.last.loss != other.last.loss


def test_a_cell_that_takes_long_says_how_far_it_is(
    data, tmp_path, monkeypatch, capfd
):
    points = Sweep(lenet, {**BRIEF, "epochs": 3}, {"pooling": ["max"]}).points()
    run_points(points, data, tmp_path / "short")
    assert "of 3" not in capfd.readouterr().err
    monkeypatch.setattr(cells, "_SILENCE", 0)
    run_points(points, data, tmp_path / "long")
    told = capfd.readouterr().err
    assert "lenet seed 0: epoch 1 of 3" in told
    assert "lenet seed 0: epoch 2 of 3" in told
    assert "epoch 3 of 3" not in told


def test_equal_settings_are_trained_once(data, tmp_path):
    axes = {"activation": ["sigmoid"], "pooling": ["average"]}
    first, second = Sweep(lenet, BRIEF, axes).run(data, tmp_path)
    assert first.results == second.results
    assert len(list(tmp_path.glob("cells/*"))) == 1


def test_a_damaged_cell_is_named(data, tmp_path):
    sweep = Sweep(lenet, BRIEF)
    sweep.run(data, tmp_path)
    (path,) = tmp_path.glob("cells/*")
    path.write_text("{")
    with pytest.raises(TlkitError) as refused:
        sweep.run(data, tmp_path)
    assert str(path) in str(refused.value)


def test_what_is_no_number_is_kept_as_such(data, tmp_path):
    told = {**BRIEF, "activation": "relu", "learning_rate": 1e38}
    (outcome,) = Sweep(lenet, told).run(data, tmp_path)
    case = make_case(lenet, told)
    kept = read_result(tmp_path, Cell(case, 0), data)
    assert math.isnan(kept.last.loss)
    assert 0 <= outcome.test_accuracy.mean <= 1
    (path,) = tmp_path.glob("cells/*")
    json.loads(path.read_text(), parse_constant=pytest.fail)


@pytest.mark.slow
def test_processes_find_what_one_finds(data, tmp_path):
    axes = {"activation": ["sigmoid", "tanh"], "kernel_size": [2]}
    sweep = Sweep(lenet, {**BRIEF, "learning_rate": 0.05}, axes)
    alone = sweep.run(data, tmp_path / "alone")
    beside = sweep.run(data, tmp_path / "beside", processes=2)
    for one, two in zip(accuracies(alone), accuracies(beside), strict=True):
        assert one[:3] == two[:3]
        assert one[3] == pytest.approx(two[3], abs=1e-5)
        assert one[4] == pytest.approx(two[4], abs=0.04)


@pytest.mark.slow
def test_a_killed_study_loses_the_cell_in_work_alone(arrays_file, tmp_path):
    rates = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    file = write_sweep(tmp_path / "rates.json", axes={"learning_rate": rates})
    folder = tmp_path / "killed"
    command = ["study", str(file), "--data", str(arrays_file)]
    command += ["--output", str(folder), "--processes", "1"]
    study = subprocess.Popen(
        [sys.executable, "-m", "tlkit", *command],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.time() + 120
    while len(list(folder.glob("cells/[!.]*.json"))) < 2:
        assert study.poll() is None
        assert time.time() < deadline
        time.sleep(0.02)
    study.send_signal(signal.SIGKILL)
    study.wait()
    kept = {p: p.read_bytes() for p in folder.glob("cells/[!.]*")}
    assert 2 <= len(kept) < 6
    for content in kept.values():
        assert json.loads(content)["epochs"]["loss"]
    data, sweep = load_images(arrays_file), read_sweep(file)
    resumed = sweep.run(data, folder)
    assert {p: p.read_bytes() for p in kept} == kept
    whole = sweep.run(data, tmp_path / "whole")
    for one, two in zip(accuracies(resumed), accuracies(whole), strict=True):
        assert one[:3] == two[:3]
        assert one[3] == pytest.approx(two[3], abs=1e-5)


@pytest.mark.slow
def test_an_interrupt_says_what_is_kept_and_ends_all(arrays_file, tmp_path):
    rates = [round(0.01 * step, 2) for step in range(1, 30)]
    file = write_sweep(tmp_path / "rates.json", axes={"learning_rate": rates})
    folder = tmp_path / "interrupted"
    command = ["study", str(file), "--data", str(arrays_file)]
    command += ["--output", str(folder), "--processes", "2"]
    study = subprocess.Popen(
        [sys.executable, "-m", "tlkit", *command],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        # Whoever runs the tests in the background has Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.time() + 120
    while not list(folder.glob("cells/[!.]*.json")):
        assert study.poll() is None
        assert time.time() < deadline
        time.sleep(0.05)
    # As a terminal does it: to the parent and to all its processes.
    os.killpg(study.pid, signal.SIGINT)
    _, told = study.communicate(timeout=60)
    assert study.returncode == 130
    assert "run the same command again" in told
    assert "Interrupted." in told
    assert "Traceback" not in told
    while _lives(study.pid):
        assert time.time() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("seconds", [0.2, 0.7, 1.5])
def test_an_interrupt_while_processes_start(arrays_file, tmp_path, seconds):
    file = write_sweep(tmp_path / "two.json", axes={"epochs": [1, 2]})
    command = ["study", str(file), "--data", str(arrays_file)]
    study = subprocess.Popen(
        [sys.executable, "-m", "tlkit", *command, "--processes", "2"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        # Whoever runs the tests in the background has Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while "2 at a time" not in study.stderr.readline():
        assert study.poll() is None
    time.sleep(seconds)
    os.killpg(study.pid, signal.SIGINT)
    _, told = study.communicate(timeout=60)
    assert study.returncode == 130
    assert "Traceback" not in told


def _lives(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def die(input_shape, classes):
    if os.environ.get("TLKIT_TEST_PARENT") != str(os.getpid()):
        os._exit(7)
    return lenet(input_shape, classes, kernel_size=3)


def test_a_process_that_dies_is_told(data, tmp_path, monkeypatch):
    monkeypatch.setenv("TLKIT_TEST_PARENT", str(os.getpid()))
    sweep = Sweep(die, {"epochs": 1}, {"learning_rate": [0.1, 0.2]})
    with pytest.raises(TlkitError) as refused:
        sweep.run(data, tmp_path, processes=2)
    assert "exit code 7" in str(refused.value)
    assert "finished cells are kept" in str(refused.value)


def test_a_builder_of_a_function_needs_one_process(data, tmp_path):
    def build(input_shape, classes):
        return lenet(input_shape, classes, kernel_size=3)

    sweep = Sweep(build, {"epochs": 1}, {"learning_rate": [0.1, 0.2]})
    with pytest.raises(UsageError, match="cannot import this builder"):
        sweep.run(data, tmp_path, processes=2)
    with pytest.raises(UsageError, match="one process or more"):
        sweep.run(data, tmp_path, processes=0)


def test_nothing_is_trained_before_every_network_is_built(data, tmp_path):
    axes = {"kernel_size": [3, 9]}
    with pytest.raises(UsageError, match="too small for the network"):
        Sweep(lenet, BRIEF, axes).run(data, tmp_path)
    assert not list(tmp_path.glob("cells/*"))


def test_a_point_may_be_repeated_less(data, tmp_path):
    case = make_case(lenet, BRIEF)
    other = make_case(lenet, {**BRIEF, "pooling": "max"})
    points = [Point("a", 1, case), Point("b", 1, other, at_most=1)]
    first, second = run_points(points, data, tmp_path, repeats=2)
    assert [result.seed for result in first.results] == [0, 1]
    assert [result.seed for result in second.results] == [0]


def test_a_sweep_file_is_a_sweep(tmp_path):
    told = {"axes": {"activation": ["relu"]}, "repeats": 2, "grid": True}
    sweep = read_sweep(write_sweep(tmp_path / "mine.json", **told))
    assert sweep == Sweep(lenet, BRIEF, told["axes"], grid=True, repeats=2)
    study = open_study(str(tmp_path / "mine.json"), repeats=5)
    assert (study.name, study.repeats) == ("mine", 5)
    assert study.points == sweep.points()


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"axis": {}}, "Did you mean axes"),
        ({"network": "lenet55"}, "Did you mean lenet5"),
        ({"base": {"kernel": 3}}, "Did you mean kernel_size"),
        ({"base": [3]}, "an object"),
        ({"repeats": "3"}, "a whole number"),
        ({"axes": {"pooling": "max"}}, "values of an axis"),
    ],
)
def test_mistakes_in_a_sweep_file_are_told(tmp_path, told, said):
    with pytest.raises(UsageError) as refused:
        read_sweep(write_sweep(tmp_path / "mine.json", **told))
    assert said in str(refused.value)


def test_a_sweep_file_that_is_none(tmp_path):
    path = tmp_path / "mine.json"
    with pytest.raises(UsageError, match="No such sweep file"):
        read_sweep(path)
    path.write_text("{'network': 1")
    with pytest.raises(TlkitError, match="Cannot read this as a sweep"):
        read_sweep(path)
    path.write_text("[]")
    with pytest.raises(UsageError, match="holds one object"):
        read_sweep(path)
    path.write_text("{}")
    with pytest.raises(UsageError, match="There is no network None"):
        read_sweep(path)


def test_the_study_has_the_rows_of_the_article():
    points = lenet_points()
    article = {(p.axis, p.value): p.article for p in points}
    assert article["learning_rate", 0.9] == 0.809
    assert article["batch_size", 8] == article["batch_size", 16] == 0.887
    assert article["activation", "relu"] == 0.884
    assert article["pooling", "max"] == 0.811
    assert article["kernel_size", 3] == 0.792
    assert article["kernel_size", 4] == 0.782
    assert article["pool_size", 1] == 0.791
    assert article["learning_rate", 1.3] == 0.83
    assert [p.article for p in points if p.axis == "combined"] == [0.906]
    assert [p.article for p in points if p.axis == "resnet18"] == [0.902]
    assert len(AXES["learning_rate"]) == 18
    assert AXES["learning_rate"][-1] == 1.7
    assert AXES["batch_size"][0] == 2
    assert AXES["batch_size"][-1] == 1024
    for point in points:
        if point.axis in AXES and point.value in AXES[point.axis]:
            settings = point.case.settings()
            changed = {name for name in BASE if settings[name] != BASE[name]}
            assert changed <= {point.axis}
            assert settings[point.axis] == point.value


def test_the_better_network_is_of_lenets_size():
    model = lenet_sized((28, 28, 1), 10)
    # 3x3 kernels without biases, two values a channel of normalisation.
    convolutions = 9 * (16 + 16 * 32 + 32 * 32 + 32 * 48 + 48 * 48)
    normalisations = 2 * (16 + 32 + 32 + 48 + 48)
    trained = convolutions + normalisations + 49 * 10
    assert sum(
        weight.value.numpy().size for weight in model.trainable_weights
    ) == (trained)
    assert model.count_params() < 70_000


def test_a_search_comes_again_and_looks_at_no_test_image(data, tmp_path):
    pytest.importorskip("optuna")
    space = {
        "learning_rate": Between(0.01, 1.0, log=True),
        "activation": ["sigmoid", "tanh"],
        "batch_size": Between(16, 64),
    }
    told = (lenet, space, data, tmp_path, {"epochs": 1, "kernel_size": 3})
    found = search(*told, trials=3)
    assert len(found.trials) == 3
    assert len(list(tmp_path.glob("cells/*"))) == 3
    for trial in found.trials:
        recipe = trial.point.case.recipe
        assert 0.01 <= recipe.learning_rate <= 1
        assert recipe.batch_size in range(16, 65)
        # A sixth of 90 training images judges; the 30 test images do not.
        count = trial.test_accuracy.mean * 15
        assert count == pytest.approx(round(count))
    kept = {p: p.stat().st_mtime_ns for p in tmp_path.glob("cells/*")}
    longer = search(*told, trials=4)
    assert accuracies(longer.trials[:3]) == accuracies(found.trials)
    now = {p: p.stat().st_mtime_ns for p in tmp_path.glob("cells/*")}
    assert kept.items() <= now.items()
    best = max(t.test_accuracy.mean for t in longer.trials)
    assert longer.best.test_accuracy.mean == best
    table = longer.table()
    means = [row["test accuracy"] for row in table.to_records()]
    assert means == [t.test_accuracy.mean for t in longer.trials]
    assert means[table.best] == best
    assert len(repr(longer)) < 200
    with pytest.raises(UsageError, match="There is no parameter 'rate'"):
        search(lenet, {"rate": [1, 2]}, data, tmp_path)


def test_without_optuna_a_search_says_how_to_get_it(
    data, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(TlkitError) as refused:
        search(lenet, {"learning_rate": [0.1]}, data, tmp_path)
    assert "pip install 'tlkit[search]'" in str(refused.value)
    assert search_module.Between(1, 2).low == 1
    with pytest.raises(UsageError, match="no values between"):
        Between(2, 1)
    with pytest.raises(UsageError, match="no values between"):
        Between(0.0, 1, log=True)
