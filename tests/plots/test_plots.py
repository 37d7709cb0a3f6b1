"""Curves say what they should; pictures are whole files."""

import math

import numpy as np
import pytest
from PIL import Image

from tlkit import plots
from tlkit.base.errors import UsageError


def test_smoothing_is_the_closed_form():
    values = np.array([3.0, 1.0, 4.0, 1.0, 5.0])
    # s_t = f^t v_0 + (1 - f) sum f^(t - i) v_i
    expected = [
        0.8**t * values[0]
        + 0.2 * sum(0.8 ** (t - i) * values[i] for i in range(1, t + 1))
        for t in range(5)
    ]
    assert plots.smooth(values, 0.8) == pytest.approx(expected)


def history(validation, training=None):
    length = len(validation)
    falling = np.linspace(1, 0.1, length) if training is None else training
    return {
        "loss": list(falling),
        "val_loss": list(validation),
        "accuracy": [0.5] * length,
        "val_accuracy": [0.5] * length,
    }


def test_overfitting_starts_where_the_validation_loss_turns():
    validation = [1.0, 0.8, 0.6, 0.5, 0.6, 0.8, 1.0, 1.2]
    assert plots.overfitting_epoch(history(validation)) in (4, 5)


@pytest.mark.parametrize(
    "validation",
    [
        np.linspace(1, 0.2, 8),  # still falling
        [0.7],  # one epoch
        [1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5],  # flat
    ],
)
def test_no_overfitting_is_claimed_where_there_is_none(validation):
    assert plots.overfitting_epoch(history(validation)) is None


def test_a_network_that_gets_worse_everywhere_does_not_overfit():
    rising = [1.0, 0.5, 0.8, 1.1, 1.4, 1.8]
    assert plots.overfitting_epoch(history(rising, rising)) is None


def test_pictures_are_saved_whole(tmp_path):
    figures = {
        "curves": plots.draw_curves(history([1.0, 0.5, 0.7, 0.9, 1.2])),
        "confusion": plots.draw_confusion([[5, 1], [0, 7]], ["a", "b"], "test"),
        "predictions": plots.draw_predictions(
            [np.zeros((20, 30, 3), np.uint8)] * 3, "abc", [True, False, True]
        ),
    }
    for name, figure in figures.items():
        path = tmp_path / "new" / f"{name}.png"
        plots.save(figure, path)
        with Image.open(path) as image:
            image.load()
            assert min(image.size) > 200
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [
        "confusion.png",
        "curves.png",
        "predictions.png",
    ]


def test_the_confusion_matrix_shows_its_counts():
    figure = plots.draw_confusion([[50, 3], [4, 43]], ["a", "b"], "test")
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert texts == {"50", "3", "4", "43"}
    assert figure.axes[0].get_title() == "100 test images"


def test_a_picture_of_the_users_is_never_replaced(tmp_path):
    theirs = tmp_path / "images.png"
    Image.new("RGB", (5, 5)).save(theirs)
    content = theirs.read_bytes()
    figure = plots.draw_confusion([[1, 0], [0, 1]], "ab", "test")
    with pytest.raises(UsageError, match="not written by tlkit"):
        plots.save(figure, theirs)
    assert theirs.read_bytes() == content
    plots.save(figure, tmp_path / "ours.png")
    plots.save(figure, tmp_path / "ours.png")


def test_a_cascade_is_drawn_with_a_line_for_each_method():
    curves = {f"method {k}": [1.0, 0.5 - k / 100] for k in range(12)}
    figure = plots.draw_cascade(["", "base/end"], curves)
    (axes,) = figure.axes
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ["nothing", "end"]
    lines = [line for line in axes.lines if line.get_label() in curves]
    looks = {(line.get_color(), line.get_linestyle()) for line in lines}
    assert len(looks) == len(lines) == 12
    for line in lines:
        assert list(line.get_ydata()) == curves[line.get_label()]


def test_each_image_stands_above_its_own_map():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 6, 7, 3), "uint8")
    maps = rng.random((5, 6, 7))
    figure = plots.draw_explained(images, maps, "abcde", columns=3)
    cells = np.array(figure.axes).reshape(4, 3)
    for number in range(5):
        row, column = divmod(number, 3)
        above, below = cells[2 * row : 2 * row + 2, column]
        assert above.get_title() == "abcde"[number]
        (shown,) = (image.get_array() for image in above.images)
        np.testing.assert_array_equal(shown, images[number])
        under, over = (image.get_array() for image in below.images)
        np.testing.assert_array_equal(under, images[number])
        np.testing.assert_array_equal(over, maps[number])
    assert not cells[2, 2].images
    assert not cells[3, 2].images


@pytest.mark.parametrize(
    ("worst", "scale"), [(2.3, "linear"), (28.0, "log"), (math.nan, "linear")]
)
def test_a_training_that_went_wrong_leaves_the_others_to_be_seen(worst, scale):
    learns = {"loss": [2.3, 1.0], "accuracy": [0.1, 0.7]}
    fails = {"loss": [2.3, worst], "accuracy": [0.1, 0.1]}
    figure = plots.draw_trainings(
        {
            name: {**own, "test_accuracy": own["accuracy"]}
            for name, own in {"0.1": learns, "0.9": fails}.items()
        }
    )
    loss, accuracy, test = figure.axes
    assert loss.get_yscale() == scale
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["training loss", "training accuracy", "test accuracy"]
    for axes in (accuracy, test):
        drawn = [line.get_ydata().tolist() for line in axes.lines]
        assert drawn == [[0.1, 0.7], [0.1, 0.1]]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["0.1", "0.9"]
