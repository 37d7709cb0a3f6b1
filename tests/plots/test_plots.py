"""Curves say what they should; pictures are whole files."""

import math

import numpy as np
import pytest
from matplotlib import font_manager
from PIL import Image

from tlkit import plots
from tlkit.base.errors import UsageError
from tlkit.base.outputs import MARK
from tlkit.data.augment import Augmentation
from tlkit.data.index import DatasetIndex, Split
from tlkit.plots.figure import Figure
from tlkit.plots.fitting import fitted, fitted_names


def test_smoothing_is_the_weighted_line_by_hand():
    # At epoch 2 the weights are 1/2, 1 and 2/3, so the normal equations of
    # the line a + b d read 13/6 a + 1/6 b = 1/2 and 1/6 a + 7/6 b = -1/2.
    assert plots.smooth([1, 0, 0], 1)[1] == pytest.approx(4 / 15)


def test_straight_lines_stay_and_few_points_too():
    line = np.linspace(3, -2, 40)
    assert plots.smooth(line) == pytest.approx(line)
    assert plots.smooth([0.7]).tolist() == [0.7]
    assert plots.smooth([1, 0.2]) == pytest.approx([1, 0.2])
    assert plots.smooth([]).tolist() == []


def test_the_smoothed_curve_does_not_lag_behind_and_has_less_noise():
    """At epoch 2 it showed 1.17 where the loss was 0.66."""
    epochs = np.arange(1, 31)
    loss = 0.3 + 1.2 / epochs**1.7
    assert abs(plots.smooth(loss) - loss).max() < 0.05
    noise = np.random.default_rng(0).normal(size=(100, 30))
    left = np.std([plots.smooth(one) for one in noise], axis=0)
    assert left[10:25].max() < 0.45


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
        MARK,
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


def save_and_read(figure, path):
    plots.save(figure, path)
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_a_class_name_is_no_mathematics(tmp_path, capsys):
    """`$0_$50` made the picture fail, and the run with it."""
    names = ["$0_$50", "a^$b_$"]
    figure = plots.draw_confusion([[5, 1], [0, 7]], names, "$_$")
    save_and_read(figure, tmp_path / "a.png")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == names
    assert axes.get_title() == "13 $_$ images"
    plain = plots.draw_confusion([[5, 1], [0, 7]], ["a", "b"], "t")
    save_and_read(plain, tmp_path / "b.png")
    assert capsys.readouterr().err == ""


def only_in(font, other):
    """Returns a letter that one of matplotlib's own fonts has alone."""
    has, lacks = (
        font_manager.get_font(font_manager.findfont(name)).get_charmap()
        for name in (font, other)
    )
    letters = (chr(code) for code in sorted(has) if code not in lacks)
    return next(one for one in letters if one.isalpha())


@pytest.mark.filterwarnings("error")
def test_a_letter_comes_from_a_font_that_has_it(tmp_path, capsys):
    letter = only_in("STIXGeneral", "DejaVu Sans")
    figure = Figure()
    title = figure.subplots().set_title(f"a{letter}")
    save_and_read(figure, tmp_path / "a.png")
    assert title.get_text() == f"a{letter}"
    assert title.get_fontfamily() != ["sans-serif"]
    assert capsys.readouterr().err == ""


@pytest.mark.filterwarnings("error")
def test_what_no_font_has_is_written_as_its_code(tmp_path, capsys, monkeypatch):
    """Chinese was drawn as empty boxes, with a warning for each."""
    own = [
        font
        for font in font_manager.fontManager.ttflist
        if "mpl-data" in font.fname
    ]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    monkeypatch.setattr(plots.figure, "_families", {})
    monkeypatch.setattr(plots.figure, "_said", set())
    names = ["\u732b\u72ac", "\udce9\x1b[1m"]
    for _ in range(2):
        figure = plots.draw_confusion([[5, 1], [0, 7]], names, "\u732b")
        save_and_read(figure, tmp_path / "a.png")
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert shown == [r"\u732b\u72ac", r"\udce9\x1b[1m"]
    assert figure.axes[0].get_title() == r"13 \u732b images"
    said = capsys.readouterr().err
    assert said.count("\n") == 1  # once, not at every picture
    assert "Noto Sans CJK" in said


@pytest.mark.filterwarnings("error")
def test_a_font_that_was_just_installed_is_found(tmp_path, monkeypatch):
    """matplotlib keeps its list of fonts for good."""
    letter = only_in("STIXGeneral", "DejaVu Sans")
    fonts = font_manager.fontManager.ttflist
    old = [font for font in fonts if font.name == "DejaVu Sans"]
    new = font_manager.findfont("STIXGeneral")
    monkeypatch.setattr(font_manager.fontManager, "ttflist", old)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [str(new)])
    monkeypatch.setattr(plots.figure, "_families", {})
    figure = Figure()
    title = figure.subplots().set_title(f"a{letter}")
    save_and_read(figure, tmp_path / "a.png")
    assert title.get_text() == f"a{letter}"
    assert "STIXGeneral" in title.get_fontfamily()


def test_logarithmic_axes_keep_their_powers(tmp_path):
    figure = Figure()
    axes = figure.subplots()
    axes.set_yscale("log")
    axes.plot([1, 1000])
    save_and_read(figure, tmp_path / "a.png")
    labels = axes.get_yticklabels()
    assert all(one.get_parse_math() for one in labels if one.get_text())


def classes(number, images=2):
    labels = np.repeat(np.arange(number), images)
    pixels = np.arange(len(labels), dtype=np.uint8)[:, None, None, None]
    split = Split(
        np.broadcast_to(pixels, (len(labels), 4, 4, 3)),
        labels,
        tuple(map(str, labels)),
    )
    names = tuple(f"class number {n}" for n in range(number))
    return DatasetIndex("many", "nowhere", names, {"train": split})


@pytest.mark.parametrize(
    ("number", "title"),
    [
        (2, "many: training images"),
        (40, "many: training images"),
        (140, "many: training images, 60 of 140 classes"),
    ],
)
def test_the_sheet_shows_all_classes_or_says_how_many(number, title):
    """It drew twelve of forty and did not say so."""
    figure = plots.draw_contact_sheet(classes(number))
    titles = [axes.get_title("left") for axes in figure.axes if axes.images]
    shown = min(number, 60)
    assert titles == [f"class number {n}: 2 images" for n in range(shown)]
    assert figure.get_suptitle() == title
    # A class with two images shows each once.
    strip = figure.axes[1].images[0].get_array()
    assert sorted(set(strip[:, :, 0].ravel())) == [2, 3, 255]


def test_the_sheet_needs_no_training_split_and_no_second_class():
    data = classes(1)
    whole = DatasetIndex("all", "", ("a",), {"all": data.split("train")})
    assert plots.draw_contact_sheet(whole).get_suptitle() == "all: images"
    figure = plots.draw_augmentation_sheet(whole, Augmentation())
    assert sum(bool(axes.images) for axes in figure.axes) == 16


def test_a_matrix_of_forty_classes_has_figures_scale_and_pairs():
    matrix = np.diag(np.full(40, 9))
    matrix[3, 7], matrix[7, 3], matrix[0, 39] = 6, 2, 4
    names = [f"class {n}" for n in range(40)]
    matrix_axes, pairs, scale = plots.draw_confusion(matrix, names, "t").axes
    figures = sorted(text.get_text() for text in matrix_axes.texts)
    assert figures == ["2", "4", "6", *["9"] * 40]  # no zeros
    labels = [label.get_text() for label in matrix_axes.get_yticklabels()]
    assert labels == names
    assert pairs.texts[0].get_text().splitlines()[1:] == [
        "class 3 → class 7: 6 of 15",
        "class 0 → class 39: 4 of 13",
        "class 7 → class 3: 2 of 11",
    ]
    assert scale.get_ylabel() == "share of the true class"


def test_a_matrix_of_many_classes_says_what_it_leaves_out():
    matrix = np.full((130, 130), 1)
    names = [f"c{n}" for n in range(130)]
    matrix_axes, pairs, _ = plots.draw_confusion(matrix, names, "t").axes
    assert not matrix_axes.texts
    assert matrix_axes.get_ylabel() == "true (one class in 3 is named)"
    lines = pairs.texts[0].get_text().splitlines()
    assert lines[-1] == f"and {130 * 129 - 12:,} other pairs"
    assert len(lines) == 14


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_a_long_name_keeps_its_ends_and_has_room(lines):
    # 72 points have room for 15 letters of 8 points, each 0.6 times as wide.
    name = "n02099601-golden_retriever-" + "x" * 200 + "-end.jpg"
    shown = fitted(name, 1, 8, lines).split("\n")
    assert len(shown) == lines
    assert max(map(len, shown)) <= 15
    assert shown[0].startswith("n020")
    assert shown[-1].endswith(".jpg")
    assert "…" in "".join(shown)
    assert fitted("short name", 1) == "short name"
    assert fitted("", 1) == ""
    codes = fitted("\udce9" * 99, 1, 8, lines).split("\n")
    assert "…" in "".join(codes)
    assert max(map(len, codes)) <= 15
    assert fitted("one two three four", 1) == "one two three\nfour"


SPECIES = [f"the long name of species number {n} of a genus" for n in range(40)]


def test_names_that_differ_in_their_middle_are_told_apart():
    """All forty became `the reall…e family` beside the matrix."""
    shown = fitted_names(["dog", *SPECIES], 1.2, 8, 1)
    assert shown == ["dog", *(f"…{n} of a genus" for n in range(40))]
    assert fitted_names(["cat", "dog"], 1) == ["cat", "dog"]
    same = ["x" * 99, "x" * 99]  # nothing tells these apart
    assert len(set(fitted_names(same, 1))) == 1
    # Numbers stay whole, though all of these begin with a 1.
    ones = [f"{'a' * 40} 1{n} {'b' * 40}" for n in range(9)]
    shown = fitted_names(ones, 1.2, 8, 1)
    assert [name[:3] for name in shown] == [f"…1{n}" for n in range(9)]


def test_matrix_and_sheet_name_every_class_differently():
    axes, pairs, _ = plots.draw_confusion(
        np.ones((40, 40), int), SPECIES, "t"
    ).axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(set(labels)) == 40
    assert len(set(pairs.texts[0].get_text().splitlines())) == 14
    data = classes(40)
    named = DatasetIndex("all", "", tuple(SPECIES), dict(data.splits))
    sheet = plots.draw_contact_sheet(named)
    titles = {axes.get_title("left") for axes in sheet.axes if axes.images}
    assert len(titles) == 40


@pytest.mark.parametrize("number", [3, 9, 30, 40])
def test_nothing_of_the_matrix_lies_outside_the_picture(number):
    """The word below the matrix was cut off."""
    names = [f"{n} of the species of the family" for n in range(number)]
    figure = plots.draw_confusion(np.eye(number, dtype=int), names, "t")
    figure.draw_without_rendering()
    whole = figure.get_tightbbox().padded(-1 / 72)
    assert whole.x0 >= 0
    assert whole.y0 >= 0
    assert whole.y1 <= figure.get_figheight()
    assert whole.x1 <= figure.get_figwidth()


def test_the_overview_says_how_many_mistakes_there_are():
    image = np.zeros((4, 4, 3), np.uint8)
    way = {"val_accuracy": [0.5], "val_loss": [1.0]}
    figure = plots.draw_overview(
        {f"way {n}": way for n in range(5)},
        [(image, np.zeros((4, 4)), "x")],
        [(image, "y")] * 40,
    )
    bottom = figure.subfigs[2]
    assert bottom.get_suptitle() == "mistakes among the test images: 8 of 40"
    assert len(figure.axes[0].lines) == 5
