"""Every way on 200 photographs: on one device, on two, and on two hosts."""

import shutil
import sys
from pathlib import Path

import pytest
from given import DATA, NEED_DATA

sys.path.insert(0, str(Path(__file__).parents[1] / "tensor"))

import together

pytestmark = [NEED_DATA, pytest.mark.slow]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    source = Path(DATA) / "cats_vs_dogs"
    for split, count in {"train": 60, "validation": 20, "test": 20}.items():
        for kept in sorted((source / split).iterdir()):
            into = folder / "photographs" / split / kept.name
            into.mkdir(parents=True)
            for path in sorted(kept.iterdir())[:count]:
                shutil.copy(path, into)
    return folder, together.train_all(folder / "photographs", folder)


@pytest.mark.parametrize("way", together.WAYS)
@pytest.mark.parametrize("kind", ["two", "hosts"])
def test_photographs_give_the_same_model(trained, kind, way):
    folder, facts = trained
    assert together.largest_difference(folder, way, kind) < 1e-5
    one, other = facts["one"][way], facts[kind][way]
    assert one["count"] == other["count"] == 40
    low, high = one["interval"]
    assert low <= other["accuracy"] <= high
