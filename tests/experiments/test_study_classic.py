"""The classic networks' arithmetic, against what has been published."""

import pytest

from tlkit.sums.names import describe

# Parameters from the papers or from implementations true to them; multiply-
# adds as torchvision and Canziani et al. (arXiv:1605.07678) count them.
PUBLISHED = {
    "alexnet": (60_965_224, 0.72e9),
    "vgg16": (138_357_544, 15.5e9),
    "vgg19": (143_667_240, 19.6e9),
    "googlenet": (6_998_552, 1.58e9),
    "resnet18": (None, 1.81e9),
    "resnet34": (None, 3.66e9),
    "resnet50": (None, 3.86e9),
    "densenet121": (None, 2.85e9),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_totals_are_those_published(name):
    parameters, multiply_adds = PUBLISHED[name]
    network = describe(name)
    assert all(row.multiply_adds is not None for row in network.layers)
    assert network.multiply_adds == pytest.approx(multiply_adds, rel=0.012)
    if parameters:
        assert network.parameters == parameters


def test_layers_of_lenet_5_as_the_paper_counts_connections():
    """Section II.B: connections are multiplications and one for the bias."""
    rows = {row.name: row for row in describe("lenet-5").layers}
    places = {"C1": 28 * 28, "C3": 10 * 10, "C5": 1, "F6": 1}
    units = {"C1": 6, "C3": 16, "C5": 120, "F6": 84}
    published = {"C1": 122_304, "C3": 151_600, "C5": 48_120, "F6": 10_164}
    for name, connections in published.items():
        biases = places[name] * units[name]
        assert rows[name].multiply_adds + biases == connections


def test_local_response_normalisation_looks_across_channels_alone():
    rows = {row.name: row for row in describe("alexnet").layers}
    before, after = rows["conv1"], rows["pool1"]
    assert before.fields[0].size == 11
    assert after.fields[0].size == 11 + 2 * 4  # 3 places, 4 pixels apart


def test_names_are_found_however_they_are_written():
    for name in ("Inception_MNIST", "inception-mnist", "inceptionmnist"):
        assert describe(name).parameters == 97_298
