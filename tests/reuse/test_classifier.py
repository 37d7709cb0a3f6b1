"""A classifier takes one picture or many, of any kind, or says why not."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

import tlkit
from tlkit.base.errors import TlkitError, UsageError
from tlkit.data.decode import read_image
from tlkit.data.index import DatasetIndex, Split
from tlkit.models.saving import save_classifier
from tlkit.reuse.classifier import Classifier
from tlkit.reuse.pictures import list_pictures
from tlkit.reuse.predictions import Predictions, rank

NAMES = ("<b>cats</b>", "dogs", "birds", "fish")


def build():
    keras.utils.set_random_seed(3)
    image = keras.Input((None, None, 3))
    x = keras.layers.Resizing(16, 16)(image)
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(x))
    x = keras.layers.Dense(len(NAMES), activation="softmax")(x)
    return keras.Model(image, x)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "small.keras"
    save_classifier(build(), path, NAMES, (16, 16))
    return tlkit.load_classifier(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory, draw):
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / f"{number}.png" for number in range(3)]
    for number, path in enumerate(paths):
        Image.fromarray(draw(number, 20 + number, 30)).save(path)
    return paths


@pytest.fixture(scope="module")
def expected(classifier, files):
    """What plain Keras says of the pixels, resized by Pillow."""
    pixels = [
        Image.open(path).resize((16, 16), Image.Resampling.BILINEAR)
        for path in files
    ]
    images = np.stack([np.asarray(picture) for picture in pixels])
    return classifier.model.predict(images, verbose=0)


def test_one_is_as_good_as_several(classifier, files, expected):
    one = files[0]
    for image in (
        *(one, str(one), Image.open(one), np.asarray(Image.open(one))),
        *([one], (str(one),), np.asarray(Image.open(one))[None], iter([one])),
    ):
        shares = classifier.predict(image)
        assert shares.shape == (1, 4)
        assert shares.dtype == np.float32
        np.testing.assert_allclose(shares, expected[:1], atol=1e-6)


def test_kinds_may_be_mixed(classifier, files, expected):
    path, opened, pixels = files
    mixed = [path, Image.open(opened), np.asarray(Image.open(pixels))]
    shares = classifier.predict(mixed)
    np.testing.assert_allclose(shares, expected, atol=1e-6)
    assert len(classifier.predict(mixed * 20)) == 60


class NeverAsked:
    """Fails if it is asked anything: what is refused costs nothing."""

    output_shape = (None, 2)

    def predict_on_batch(self, images):
        raise AssertionError("the model ran")


PIXELS = np.zeros((8, 9, 3), np.uint8)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ([], "list: []"),
        ((), "tuple: ()"),
        (PIXELS[:0], r"shape (0, 9, 3)"),
        (PIXELS[None][:0], "shape (0, 8, 9, 3)"),
        (PIXELS[0], "shape (9, 3)"),
        (PIXELS[..., :1], "shape (8, 9, 1)"),
        (PIXELS[None, None], "shape (1, 1, 8, 9, 3)"),
        ([PIXELS, PIXELS[None]], "image 1"),
        (PIXELS.astype("float32"), "dtype float32"),
        (PIXELS.astype(bool), "dtype bool"),
        ([PIXELS, 7], "int: 7"),
        (7, "int: 7"),
        (None, "NoneType"),
        (b"GIF89a", "bytes: b'GIF89a'"),
        ([PIXELS.tolist()], "list: [[[0, 0"),
        (Image.new("RGB", (0, 4)), "size=0x4"),
        ("gone.jpg", "gone.jpg"),
        ([PIXELS, "gone.jpg"], "No such image"),
        (".", "folder"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_image_is_refused_before_anything_runs(
    images, words, tmp_path
):
    classifier = Classifier(NeverAsked(), None, (8, 8), frozenset(), tmp_path)
    for ask in (classifier.predict, classifier.classify):
        with pytest.raises(UsageError) as refused:
            ask(images)
        assert words in str(refused.value)
        assert len(str(refused.value)) < 600


def test_a_broken_file_is_named(classifier, files, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(files[0].read_bytes()[:-200])
    for image in (broken, Image.open(broken)):
        with pytest.raises(TlkitError, match=r"broken\.png"):
            classifier.predict(image)


@pytest.mark.parametrize("kind", ["RGBA", "P", "L", "LA", "1", "CMYK", "I;16"])
def test_an_opened_picture_has_the_pixels_of_its_file(kind, draw, tmp_path):
    path = tmp_path / ("picture.jpg" if kind == "CMYK" else "picture.png")
    if kind == "I;16":
        gray = draw(0, 20, 30)[..., 0].astype(np.uint16) * 200
        Image.fromarray(gray).save(path)
    else:
        Image.fromarray(draw(0, 20, 30)).convert(kind).save(path)
    opened = Image.open(path)
    before = opened.info.copy()
    (pixels,) = _pixels_of(opened)
    np.testing.assert_array_equal(pixels, read_image(path))
    assert opened.info == before
    assert opened.mode == Image.open(path).mode


def test_an_opened_picture_is_turned_upright(draw, tmp_path):
    picture = Image.fromarray(draw(0, 20, 30))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "lying.png", exif=exif)
    (pixels,) = _pixels_of(Image.open(tmp_path / "lying.png"))
    assert pixels.shape == (30, 20, 3)
    np.testing.assert_array_equal(pixels, np.rot90(draw(0, 20, 30), -1))


class Looking:
    """Keeps what it is shown, and says nothing of it."""

    output_shape = (None, 2)

    def predict_on_batch(self, images):
        self.seen = images
        return np.full((len(images), 2), 0.5, "float32")


def _pixels_of(opened):
    model, size = Looking(), opened.size[::-1]
    if opened.getexif().get(0x0112) == 6:
        size = size[::-1]
    Classifier(model, None, size, frozenset(), None).predict(opened)
    return model.seen


def test_predictions_are_the_probabilities_in_words(
    classifier, files, expected
):
    path, opened, pixels = files
    found = classifier.classify(
        [path, Image.open(opened), np.asarray(Image.open(pixels))]
    )
    assert isinstance(found, Predictions)
    assert [one.image for one in found] == [str(path), str(opened), "#2"]
    for one, row in zip(found, expected, strict=True):
        shares = dict(one.ranked)
        assert [shares[name] for name in NAMES] == pytest.approx(
            row.tolist(), abs=1e-6
        )
        assert one.class_name == NAMES[row.argmax()]
        assert one.probability == max(shares.values())
        sorted_shares = [share for _, share in one.ranked]
        assert sorted_shares == sorted(sorted_shares, reverse=True)


def test_predictions_show_themselves():
    shares = np.array([[0.2, 0.5, 0.3, 0.0], [0.25, 0.25, 0.25, 0.25]])
    found = rank(["[red].png", "b.png"], shares, NAMES)
    assert found.table().cells() == [
        ["[red].png", "dogs", "50.0%", "birds 30.0%, <b>cats</b> 20.0%"],
        ["b.png", "<b>cats</b>", "25.0%", "dogs 25.0%, birds 25.0%"],
    ]
    heading = found.table().columns[3].name
    assert heading == "next most likely"
    assert "&lt;b&gt;cats&lt;/b&gt;" in found._repr_html_()
    assert "<b>" not in found._repr_html_()
    whole = found.to_dict()
    assert json.loads(json.dumps(whole)) == whole
    assert whole["predictions"][0]["probabilities"]["dogs"] == 0.5
    assert repr(found[0]) == "Prediction('[red].png': dogs 50.0%)"
    assert repr(Predictions()) == "Predictions(0 images)"
    assert len(repr(rank(["x" * 999], shares[:1], NAMES))) < 200


def test_a_classifier_shows_its_classes(classifier):
    assert repr(classifier) == (
        "Classifier('small': 4 classes, 16 x 16 pixels)"
    )
    assert classifier.table().to_records() == [
        {"output": number, "class": name} for number, name in enumerate(NAMES)
    ]
    assert "&lt;b&gt;cats&lt;/b&gt;" in classifier._repr_html_()
    assert str(classifier.source) in classifier._repr_html_()


def test_a_model_without_names_has_numbers(tmp_path):
    image = keras.Input((16, 16, 3))
    x = keras.layers.Dense(1, "sigmoid")(keras.layers.Flatten()(image))
    keras.Model(image, x).save(tmp_path / "plain.keras")
    classifier = tlkit.load_classifier(tmp_path / "plain.keras")
    assert classifier.names == ("class 0", "class 1")
    (one,) = classifier.classify(np.zeros((16, 16, 3), np.uint8))
    assert set(dict(one.ranked)) == {"class 0", "class 1"}
    assert len(repr(classifier)) < 200


def test_an_evaluation_with_too_few_classes_is_refused_at_once(tmp_path):
    pixels = np.zeros((2, 8, 8, 3), np.uint8)
    split = Split(pixels, np.array([0, 1]), ("x", "y"))
    data = DatasetIndex("tiny", "memory", ("a", "b", "c"), {"test": split})
    classifier = Classifier(NeverAsked(), None, (8, 8), frozenset(), tmp_path)
    with pytest.raises(UsageError, match="another number of classes"):
        tlkit.evaluate(classifier, data)


def test_an_evaluation_is_a_record(classifier, draw):
    pixels = np.stack([draw(number, 16, 16) for number in range(8)])
    split = Split(pixels, np.arange(8) % 4, tuple("abcdefgh"))
    data = DatasetIndex("tiny", "memory", NAMES, {"test": split})
    measured = tlkit.evaluate(classifier, data)
    right = classifier.predict(pixels).argmax(axis=1) == split.labels
    assert measured["accuracy"] == right.mean()
    assert measured["split"] == "test"
    assert repr(measured).endswith("of 8 test images)")
    assert measured.table().to_records()[0]["accuracy"] == right.mean()


def test_nothing_is_read_when_pictures_are_listed(files):
    path = files[0].with_name("letter.jpg")
    path.write_text("no picture")
    assert list_pictures(path) == [path]
