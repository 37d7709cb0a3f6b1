"""Files of other forms, versions and houses: each error says what to do."""

import json
import zipfile

import keras
import numpy as np
import pytest

from tlkit.base.errors import TlkitError, UsageError
from tlkit.models.saving import load_model

layers = keras.layers


class Own(layers.Layer):
    def call(self, x):
        return 2 * x


@keras.saving.register_keras_serializable(package="theirs")
class Registered(Own):
    pass


def own_function(x):
    return keras.ops.relu(x) / 2


def save(path, layer):
    values = keras.Input((4,))
    keras.Model(values, layers.Dense(2)(layer(values))).save(path)
    return path


def altered(path, version, text=lambda config: config):
    """Writes a file again as if another Keras had written it."""
    other = path.with_name("other.keras")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "metadata.json":
                content = json.dumps({"keras_version": version})
            elif name == "config.json":
                content = text(content.decode())
            new.writestr(name, content)
    return other


@pytest.mark.parametrize(
    ("layer", "received", "given"),
    [
        (Own(), "class Own", {"Own": Own}),
        (
            layers.Dense(3, activation=own_function),
            "function own_function",
            {"own_function": own_function},
        ),
        (
            layers.Lambda(own_function),
            "function own_function",
            {"own_function": own_function},
        ),
    ],
    ids=["layer", "activation", "lambda of a function"],
)
def test_what_a_file_needs_is_named_and_can_be_given(
    layer, received, given, tmp_path
):
    path = save(tmp_path / "own.keras", layer)
    with pytest.raises(TlkitError) as refused:
        load_model(path)
    said = str(refused.value)
    assert f"received:  {received}\n" in said
    (name,) = given
    assert f"load_classifier({str(path)!r}, custom_objects=" in said
    assert f"{{{name!r}: {name}}}" in said
    # What the error says to do works.
    assert load_model(path, given).output_shape == (None, 2)


def test_registered_layers_are_found_where_they_are_imported(
    tmp_path, monkeypatch
):
    path = save(tmp_path / "own.keras", Registered())
    assert load_model(path).output_shape == (None, 2)
    registry = keras.src.saving.object_registration.GLOBAL_CUSTOM_OBJECTS
    monkeypatch.delitem(registry, "theirs>Registered")
    with pytest.raises(TlkitError, match="received:  class Registered"):
        load_model(path)


def test_code_in_a_file_is_not_run_and_its_layer_is_named(tmp_path):
    path = save(tmp_path / "code.keras", layers.Lambda(lambda x: x, name="me"))
    with pytest.raises(TlkitError, match="Lambda layer me") as refused:
        load_model(path)
    assert "Python code" in str(refused.value)


@pytest.mark.parametrize("version", ["2.13.1", "4.2.0"])
def test_another_version_of_keras_is_named_with_ours(version, tmp_path):
    path = save(tmp_path / "plain.keras", layers.ReLU())
    # Nothing is refused for its version alone.
    assert load_model(altered(path, version)).output_shape == (None, 2)
    unknown = altered(path, version, lambda x: x.replace('"ReLU"', '"ReLV"'))
    with pytest.raises(TlkitError) as refused:
        load_model(unknown)
    for words in (f"Keras {version}: ", f"Keras {keras.__version__}", "ReLV"):
        assert words in str(refused.value)


def test_an_old_file_is_refused_with_the_lines_that_convert_it(tmp_path):
    values = keras.Input((4,))
    model = keras.Model(values, layers.Dense(2)(values))
    model.save(tmp_path / "old.h5")
    with pytest.raises(UsageError, match="these lines") as refused:
        load_model(tmp_path / "old.h5")
    lines = [line.strip() for line in str(refused.value).splitlines()[-2:]]
    exec("\n".join(lines), {"keras": keras})
    images = np.ones((1, 4), "float32")
    np.testing.assert_array_equal(
        load_model(tmp_path / "old.keras")(images), model(images)
    )


def test_other_forms_are_told_apart(tmp_path):
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"")
    (tmp_path / "only.weights.h5").write_bytes(b"")
    (tmp_path / "model.pkl").write_bytes(b"")
    for name, words in (
        ("saved", "SavedModel"),
        ("only.weights.h5", "weights alone"),
        ("model.pkl", "a .pkl file"),
        ("gone.keras", "nothing"),
    ):
        with pytest.raises(UsageError) as refused:
            load_model(tmp_path / name)
        assert words in str(refused.value)


def test_a_file_that_was_cut_is_called_damaged(tmp_path):
    path = save(tmp_path / "cut.keras", layers.ReLU())
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(TlkitError, match="no complete zip archive"):
        load_model(path)
