"""A checkpoint comes back as it was written, or is known to be damaged."""

import keras
import ml_dtypes
import numpy as np
import pytest

from tlkit.base.errors import TlkitError
from tlkit.training.checkpoint import State, fits, read_state, write_state

ROWS = [
    {"epoch": 1, "loss": 0.1 + 0.2, "val_loss": 1 / 3, "seconds": 0.25},
    {"epoch": 2, "loss": 5e-324, "val_loss": 1e300, "seconds": 0.5},
]


def some_state(variables):
    best = [np.full((2, 2), np.nextafter(np.float32(1), np.float32(2)))]
    return State("a key", 2, False, 1.5, ROWS, variables, best)


def test_it_comes_back_to_the_bit(tmp_path):
    random = np.random.default_rng(0)
    variables = [
        random.normal(size=(3, 4)).astype(np.float32),
        random.normal(size=(5,)).astype(ml_dtypes.bfloat16),
        np.array(7, np.int64),
        np.array([1, 2**32 - 1], np.uint32),
        np.float32([np.nan, -0.0, np.inf]),
        np.empty((0, 3), np.float16),
    ]
    state = some_state(variables)
    write_state(tmp_path / "checkpoint.npz", state)
    found = read_state(tmp_path / "checkpoint.npz")
    assert found.rows == ROWS
    assert (found.epoch, found.over, found.seconds) == (2, False, 1.5)
    assert found.begun_as == "a key"
    for one, other in (
        *zip(variables, found.variables, strict=True),
        *zip(state.best, found.best, strict=True),
    ):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        assert one.tobytes() == other.tobytes()
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.npz"]


def test_no_file_is_no_state(tmp_path, capsys):
    assert read_state(tmp_path / "checkpoint.npz") is None
    assert capsys.readouterr().err == ""


def test_every_kind_of_damage_is_noticed(tmp_path, capsys):
    path = tmp_path / "checkpoint.npz"
    write_state(path, some_state([np.arange(1000, dtype=np.float32)]))
    whole = path.read_bytes()
    middle = len(whole) // 2
    damaged = {
        "cut": whole[:middle],
        "empty": b"",
        "noise": bytes(range(256)) * 20,
        "a byte": whole[:middle] + b"\x55" + whole[middle + 1 :],
        "another": whole.replace(b"a key", b"a kex"),
    }
    for name, content in damaged.items():
        assert content != whole, name
        path.write_bytes(content)
        assert read_state(path) is None, name
        assert "damaged" in capsys.readouterr().err, name


def test_a_member_that_is_exchanged_is_noticed(tmp_path, capsys):
    """The archive's own sums are right; the digest over all is not."""
    path = tmp_path / "checkpoint.npz"
    write_state(path, some_state([np.arange(3, dtype=np.float32)]))
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["arr_1"][0] = 5
    np.savez(path, **arrays)
    assert read_state(path) is None
    assert "not what was written" in capsys.readouterr().err


def test_what_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.npz"
    write_state(path, some_state([np.zeros(3, np.float32)]))
    before = path.read_bytes()

    def full(file, *arrays, **named):
        with open(file, "wb") as begun:
            begun.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(TlkitError, match="No space left"):
        write_state(path, some_state([np.ones(3, np.float32)]))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.npz"]


def test_a_state_is_for_the_training_that_wrote_it():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    model.optimizer.build(model.trainable_variables)
    values = [
        variable.numpy()
        for variable in [*model.variables, *model.optimizer.variables]
    ]
    assert fits(some_state(values), model, "a key")
    assert not fits(some_state(values), model, "another key")
    assert not fits(some_state(values[:-1]), model, "a key")
    assert not fits(some_state([values[0].T, *values[1:]]), model, "a key")
