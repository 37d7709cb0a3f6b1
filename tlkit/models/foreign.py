"""Why a model file of someone else's cannot be loaded, in words.

Nothing of the file is run here: only the JSON in it is read.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras

from tlkit.base.errors import TlkitError, UsageError

#: Where Keras looks for a function that is saved by its bare name.
_FUNCTIONS = ("activations", "losses", "metrics", "initializers", "ops")
#: What tells a folder of TensorFlow's, which is called SavedModel.
_SAVED_MODEL = "saved_model.pb"
#: Puts the lines of a remedy below its first one.
_INDENT = " " * 13


def is_saved_model(path: Path) -> bool:
    """Returns whether a path is a folder in TensorFlow's form SavedModel."""
    return (path / _SAVED_MODEL).is_file()


def check_is_keras_file(path: Path) -> None:
    """Raises UsageError unless a path is a `.keras` file.

    The error says what to do with a model in an older form.
    """
    if path.is_file() and path.suffix == ".keras":
        return
    raise UsageError(
        "This model is not in Keras's own form."
        if path.exists()
        else "No such model.",
        where=path,
        expected="a .keras file or a run folder that holds model.keras",
        received=_kind_of(path),
        remedy=_conversion(path),
    )


def _kind_of(path: Path) -> str:
    if is_saved_model(path):
        return "a folder in TensorFlow's form SavedModel"
    if not path.exists() and (path.parent / "status.json").is_file():
        return "a run without a model: no epoch of it was finished"
    if not path.is_file():
        return "a folder" if path.exists() else "nothing"
    return f"a {path.suffix} file" if path.suffix else "another kind of file"


def _conversion(path: Path) -> str | None:
    """Returns the lines that make a `.keras` file of an older form."""
    if is_saved_model(path):
        return (
            "Keras cannot read it back. Where the model was trained, call "
            "model.save('model.keras')."
        )
    if not path.is_file() or path.suffix.lower() not in (".h5", ".hdf5"):
        return None
    new = str(path.with_suffix(".keras"))
    if path.name.endswith(".weights.h5"):
        return (
            "It holds weights alone. Build its network, then "
            f"model.load_weights({str(path)!r}) and model.save({new!r})."
        )
    return (
        "Convert it once, in Python, with `import keras` and these lines:\n"
        f"{_INDENT}model = keras.models.load_model({str(path)!r}, "
        f"compile=False)\n{_INDENT}model.save({new!r})"
    )


def why_not_loaded(
    path: Path, error: Exception, custom: Mapping[str, Any]
) -> TlkitError:
    """Makes an error that says why Keras could not load a file.

    Args:
        path: The `.keras` file.
        error: What Keras raised.
        custom: Layers and functions that the caller has passed, by name.
    """
    config = _read(path, "config.json")
    missing = _missing(config, custom)
    if missing:
        return _needs_code(path, missing)
    lambdas = list(_lambdas(config))
    if lambdas:
        return _holds_code(path, lambdas)
    return _cannot_load(path, error)


def _needs_code(path: Path, missing: Mapping[str, str]) -> TlkitError:
    given = ", ".join(f"{name!r}: {name}" for name in missing)
    return TlkitError(
        "This model needs Python code that is not in its file.",
        where=path,
        expected="layers and functions of Keras or tlkit",
        received=", ".join(f"{kind} {name}" for name, kind in missing.items()),
        remedy="Import it in Python and pass it by name: tlkit."
        f"load_classifier({str(path)!r}, custom_objects={{{given}}}).",
    )


def _holds_code(path: Path, lambdas: list[str]) -> TlkitError:
    return TlkitError(
        "This model holds Python code, and tlkit runs no code from a file.",
        where=path,
        expected="layers of Keras, or custom ones that are passed by name",
        received=", ".join(f"Lambda layer {name}" for name in lambdas),
        remedy="Build the model with a layer of your own in the place of the "
        "Lambda, load its weights and save it; then pass your layer's class "
        f"to tlkit.load_classifier({str(path)!r}, custom_objects=...).",
    )


def _cannot_load(path: Path, error: Exception) -> TlkitError:
    found = _read(path, "metadata.json").get("keras_version")
    reason = str(error).strip().split("\n")[0][:300]
    if not zipfile.is_zipfile(path):
        reason = "no complete zip archive"
    if not found or found == keras.__version__:
        return TlkitError(
            "Cannot load this model.",
            where=path,
            expected="a complete .keras file that runs no code when loaded",
            received=reason,
        )
    return TlkitError(
        "Cannot load this model, which another version of Keras has written.",
        where=path,
        expected=f"a file of Keras {keras.__version__}, which is installed",
        received=f"a file of Keras {found}: {reason}",
        remedy="Install the Keras that has written it, or write the file "
        "again with the one that is installed.",
    )


def _read(path: Path, member: str) -> dict[str, Any]:
    """Returns the JSON of a member; nothing of it if it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = json.loads(archive.read(member))
    except (KeyError, OSError, ValueError, zipfile.BadZipFile):
        return {}
    return found if isinstance(found, dict) else {}


def _saved_objects(config: Any) -> Iterator[Mapping[str, Any]]:
    """Yields every object in a model's config, whatever it lies in."""
    if isinstance(config, list):
        for one in config:
            yield from _saved_objects(one)
    elif isinstance(config, dict):
        if "class_name" in config and "config" in config:
            yield config
        for one in config.values():
            yield from _saved_objects(one)


def _missing(config: Any, custom: Mapping[str, Any]) -> dict[str, str]:
    """Returns what a file needs and nobody has given: `{name: kind}`."""
    found: dict[str, str] = {}
    for one in _saved_objects(config):
        kind = "function" if one["class_name"] == "function" else "class"
        name = str(one["config" if kind == "function" else "class_name"])
        registered = name if kind == "function" else one.get("registered_name")
        if _is_of_keras(one, kind, name) or name in custom:
            continue
        if keras.saving.get_registered_object(registered or name, custom):
            continue
        # "package>Name" is how Keras writes what has been registered.
        found[name.rpartition(">")[2]] = kind
    return found


def _is_of_keras(one: Mapping[str, Any], kind: str, name: str) -> bool:
    module = str(one.get("module") or "")
    if kind == "class":
        # `__lambda__`, `__tensor__` and their like are Keras's own marks.
        return module.split(".")[0] == "keras" or name.startswith("__")
    return any(hasattr(getattr(keras, home), name) for home in _FUNCTIONS)


def _lambdas(config: Any) -> Iterator[str]:
    for one in _saved_objects(config):
        inside = one["config"]
        if one["class_name"] == "Lambda" and isinstance(inside, dict):
            yield str(inside.get("name"))
