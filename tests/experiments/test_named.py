"""The table of studies, held against the studies themselves."""

import pytest

from tlkit.data.public.catalogue import PUBLIC
from tlkit.experiments import studied
from tlkit.experiments.named import (
    DEFAULT_DATA,
    DEFAULT_STUDY,
    STUDIES,
    open_study,
)
from tlkit.experiments.options import StudyOptions


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_opens_in_full_and_quickly(name):
    full, quick = open_study(name), open_study(name, quick=True)
    assert full.repeats == STUDIES[name].repeats
    assert quick.repeats == 1
    epochs = [
        max(p.case.recipe.epochs for p in s.points) for s in (full, quick)
    ]
    assert epochs[1] < epochs[0]
    assert any("quick form" in note for note in quick.notes)
    assert not any("quick form" in note for note in full.notes)


def test_defaults_are_in_the_tables():
    assert DEFAULT_STUDY in STUDIES
    assert {DEFAULT_DATA, *(own.data for own in STUDIES.values())} <= set(
        PUBLIC
    )


@pytest.mark.parametrize("given", [None, "mine.npz"])
def test_a_study_is_about_its_own_data(given, monkeypatch):
    """LeNet-5's figures are of digits: it used to be given clothes."""

    class AskedError(Exception):
        pass

    def ask(source):
        raise AskedError(source)

    monkeypatch.setattr(studied, "load_images", ask)
    with pytest.raises(AskedError, match=given or "^mnist$"):
        studied.run_study("lenet5-mnist", StudyOptions(data=given))
