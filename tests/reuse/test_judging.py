"""All images are judged, on the classes that are there."""

from dataclasses import replace

import keras
import numpy as np
import pytest

import tlkit
from tlkit.base.errors import UsageError
from tlkit.data.index import ALL, DatasetIndex, Split
from tlkit.evaluation.intervals import wilson_interval
from tlkit.models.saving import save_classifier
from tlkit.plans.plan import ResolvedPlan
from tlkit.runs.recording import recorded_run

NAMES = ("cats", "Dögs", "mice")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """Takes red images for cats, green ones for dogs, blue ones for mice."""
    pixels = keras.Input((4, 4, 3))
    x = keras.layers.GlobalAveragePooling2D()(pixels)
    model = keras.Model(pixels, keras.layers.Softmax()(x))
    path = tmp_path_factory.mktemp("models") / "colours.keras"
    save_classifier(model, path, NAMES, (4, 4))
    return tlkit.load_classifier(path)


def colours(*channels):
    """Draws an image of one channel for each number."""
    images = np.zeros((len(channels), 4, 4, 3), np.uint8)
    for image, channel in zip(images, channels, strict=True):
        image[..., channel] = 9
    return images


def index(class_names, split=ALL, channels=(0,), labels=(0,), **more):
    digests = tuple(f"{number:032}" for number in range(len(labels)))
    images = Split(colours(*channels), np.array(labels), digests)
    return DatasetIndex("x", "x/", class_names, {split: images, **more})


def test_classes_are_found_by_name_in_any_order_and_form(classifier):
    # The o and its dots are two characters here, as macOS writes them.
    data = index(("MICE", " do\u0308gs", "cats"), ALL, (2, 1, 0), (0, 1, 2))
    measured = tlkit.evaluate(classifier, data)
    assert measured["accuracy"] == 1
    assert measured["class_names"] == list(NAMES)
    assert measured["split"] == "all"
    assert measured.in_short() == "100.0% of 3 images"


def test_a_path_is_as_good_as_a_classifier(classifier):
    data = index(("cats",), "test", (0, 0, 1), (0, 0, 0))
    measured = tlkit.evaluate(classifier.source, data)
    assert measured == tlkit.evaluate(classifier, data)


def test_one_class_is_judged_on_its_own(classifier):
    data = index(("cats",), "test", (0, 0, 1), (0, 0, 0))
    measured = tlkit.evaluate(classifier, data)
    assert (measured["count"], measured["correct"]) == (3, 2)
    assert measured["per_class"]["mice"]["count"] == 0
    assert measured["confusion_matrix"] == [[2, 1, 0], [0] * 3, [0] * 3]
    said = "There are no test images of Dögs, mice: not judged."
    assert measured["notes"] == [said]
    # The table does not say it a second time.
    assert measured.table().notes == (said,)


def test_a_class_that_the_model_lacks_is_named_before_anything_runs(classifier):
    data = index(("cats", "micee"), ALL, (0, 0), (0, 1))
    with pytest.raises(UsageError, match="Did you mean mice") as refused:
        tlkit.evaluate(classifier, data)
    assert "received:  micee\n" in str(refused.value)
    # A class without any image to judge is in nobody's way.
    data = index(("cats", "micee"), ALL, (0, 0), (0, 0))
    assert tlkit.evaluate(classifier, data)["accuracy"] == 1


def test_a_class_that_may_be_either_of_two_is_not_guessed(classifier):
    two = replace(classifier, class_names=("cats", "Cats", "mice"))
    with pytest.raises(UsageError, match="not have all classes"):
        tlkit.evaluate(two, index(("CATS",)))


def test_the_usual_split_is_test_then_all_then_validation(classifier):
    def own(name, count):
        return index(("cats",), name, (0,) * count, (0,) * count).splits[name]

    sizes = {"train": 5, "validation": 4, "all": 3, "test": 2}
    splits = {name: own(name, count) for name, count in sizes.items()}
    for best in ("test", "all", "validation"):
        data = DatasetIndex("x", "x/", ("cats",), splits)
        measured = tlkit.evaluate(classifier, data)
        assert (measured["split"], measured["count"]) == (best, sizes[best])
        splits.pop(best)
    data = DatasetIndex("x", "x/", ("cats",), splits)
    with pytest.raises(UsageError, match="no test split"):
        tlkit.evaluate(classifier, data)
    assert tlkit.evaluate(classifier, data, "train")["count"] == 5


def test_a_source_is_judged_whole(draw_classes, classifier, tmp_path):
    root = draw_classes(tmp_path / "flat", {"cats": 7, "mice": 4})
    measured = tlkit.evaluate(classifier, root)
    assert measured["count"] == 11
    assert measured["per_class"]["cats"]["count"] == 7


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ((colours(2, 2), np.array([2, 2])), "all"),
        ({"test": (colours(2, 0), np.array([2, 0]))}, "test"),
        ({"train": (colours(0, 0), np.array([0, 0]))}, "all"),
    ],
)
def test_few_arrays_are_judged_on_the_classes_that_are_there(
    classifier, source, name
):
    named = source if isinstance(source, dict) else {"train": source}
    measured = tlkit.evaluate(classifier, {**named, "class_names": NAMES})
    assert (measured["count"], measured["accuracy"]) == (2, 1)
    assert measured["split"] == name


def test_images_that_trained_the_model_are_counted_apart(classifier):
    data = index(("cats", "mice"), ALL, (0, 0, 0, 2, 0), (0, 0, 0, 1, 1))
    known = frozenset(data.splits[ALL].digests[:2])
    trained = tlkit.load_classifier(classifier.source)
    object.__setattr__(trained, "trained_on", known)
    (note,) = [
        one for one in tlkit.evaluate(trained, data)["notes"] if "train" in one
    ]
    assert note.startswith("2 of these 5 images trained the model")
    # Of the three others the last one, a cat that is called a mouse, is wrong.
    low, high = wilson_interval(2, 3)
    assert "Of the 3 others 66.7% are right" in note
    assert f"{low:.1%} to {high:.1%}" in note
    object.__setattr__(trained, "trained_on", {*data.splits[ALL].digests})
    notes = " ".join(tlkit.evaluate(trained, data)["notes"])
    assert "5 of these 5" in notes
    assert "others" not in notes


def sigmoids(folder, offset):
    """A model of a sigmoid for each colour's mean, after an offset."""
    pixels = keras.Input((4, 4, 3))
    x = keras.layers.GlobalAveragePooling2D()(pixels)
    x = keras.layers.Rescaling(1, offset)(x)
    model = keras.Model(pixels, keras.layers.Activation("sigmoid")(x))
    save_classifier(model, folder / "many.keras", NAMES, (4, 4))
    return tlkit.load_classifier(folder / "many.keras")


def test_several_sigmoids_that_are_all_0_say_nothing(tmp_path):
    measured = tlkit.evaluate(sigmoids(tmp_path, -900), index(NAMES))
    assert measured["log_loss"] == pytest.approx(np.log(3))


def test_several_sigmoids_are_judged_by_the_largest_and_said(tmp_path):
    many = sigmoids(tmp_path, -4.5)
    data = index(("cats", "mice"), ALL, (0, 2), (0, 1))
    measured = tlkit.evaluate(many, data)
    assert measured["accuracy"] == 1
    high, low = (1 / (1 + np.exp(-x)) for x in (4.5, -4.5))
    assert measured["log_loss"] == pytest.approx(
        -np.log(high / (high + 2 * low)), rel=1e-4
    )
    assert any("scaled to sum to 1" in note for note in measured["notes"])


def test_an_error_names_ten_classes_of_many(classifier):
    """All 120 stood in one line."""
    many = tuple(f"class {number}" for number in range(120))
    with pytest.raises(UsageError) as caught:
        tlkit.evaluate(classifier, index(many, ALL, (0,) * 120, range(120)))
    assert "class 9 and 110 more" in str(caught.value)
    assert "class 10" not in str(caught.value)


def test_the_model_of_a_training_that_has_not_ended_is_said(
    classifier, tmp_path, capsys
):
    """A killed run was used like a finished one, without a word."""
    data = index(NAMES, "train", (0, 1, 2), (0, 1, 2))
    with recorded_run(ResolvedPlan("scratch"), data, tmp_path / "run") as run:
        with pytest.raises(UsageError, match="no epoch of it was finished"):
            tlkit.load_classifier(run.path)
        assert capsys.readouterr().err == ""
        save_classifier(classifier.model, run.model_path, NAMES, (4, 4))
        tlkit.load_classifier(run.path)
        assert "note: the training of this run is running" in (
            capsys.readouterr().err
        )
        row = tlkit.runs_table([run]).to_records()[0]
        assert row["seconds"] is None
    tlkit.load_classifier(run.path)
    assert capsys.readouterr().err == ""
