"""The house stays a house: imports run downward, heavy ones only where due."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "tlkit"
# From the ground up: a module may import what stands before it.
FLOORS = [
    "errors",
    "starting",
    "image_size",
    "atomic",
    "data",
    "models",
    "evaluation",
    "strategy",
    "progress",
    "runs",
    "fused_adam",
    "training",
    "features",
    "plots",
    "results",
    "joining",
    "end_to_end",
    "on_views",
    "routes",
    "sweeps",
    "reuse",
    "explain",
    "study",
    "pretraining",
    "tables",
    "cli",
]
FILES = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if path not in (PACKAGE / "__init__.py", PACKAGE / "__main__.py")
)


def imports_of(path):
    """Yields the full names of all modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            if node.module == "tlkit":
                yield from (f"tlkit.{alias.name}" for alias in node.names)


def floor_of(name):
    return FLOORS.index(name.split(".")[0])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_imports_run_downward(path):
    own = path.relative_to(PACKAGE).with_suffix("").as_posix()
    for name in imports_of(path):
        if name.startswith("tlkit."):
            other = name.removeprefix("tlkit.").replace(".", "/")
            if other.split("/")[0] not in FLOORS:
                continue  # a public name of the package itself
            assert floor_of(other.replace("/", ".")) <= floor_of(
                own.replace("/", ".")
            ), f"{own} imports {other}"


def test_routes_do_not_import_each_other():
    for path in (PACKAGE / "routes").glob("*.py"):
        routes = [n for n in imports_of(path) if n.startswith("tlkit.routes")]
        assert not routes, path


def test_matplotlib_is_imported_in_plots_alone():
    users = {
        path.parent.name
        for path in FILES
        if any(n.split(".")[0] == "matplotlib" for n in imports_of(path))
    }
    assert users == {"plots"}


def test_strategies_are_named_in_strategy_alone():
    users = {
        path.name
        for path in FILES
        if "MirroredStrategy(" in path.read_text(encoding="utf-8")
    }
    assert users == {"strategy.py"}


def test_the_index_needs_no_tensorflow():
    for name in ("index", "folders", "scan", "splitting", "arrays", "load"):
        path = PACKAGE / "data" / f"{name}.py"
        assert not {"tensorflow", "keras"} & set(imports_of(path))


def test_nothing_is_called_utils():
    names = {path.stem for path in FILES} | {p.parent.name for p in FILES}
    assert not [name for name in names if "util" in name]


@pytest.mark.parametrize(
    "command",
    [
        "import tlkit",
        "import tlkit.cli, sys; sys.argv = ['tlkit', '--help']\n"
        "try: tlkit.cli.main()\nexcept SystemExit: pass",
    ],
    ids=["import", "help"],
)
def test_nothing_heavy_is_loaded_before_it_is_used(command):
    code = (
        f"{command}\nimport sys\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'numpy', 'cv2'}\n"
        "print(*heavy & set(sys.modules), file=sys.stderr, end='')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stderr == ""


def test_every_public_name_can_be_imported():
    import tlkit

    for name in tlkit.__all__:
        assert getattr(tlkit, name).__doc__, name
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = tlkit.no_such_name
