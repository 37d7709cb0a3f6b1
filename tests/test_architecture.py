"""The house stays a house: imports run downward, heavy ones only where due."""

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tlkit"
#: From the ground up, as the table of CONTRIBUTING.md has them: a room may
#: import what stands before it.
ROOMS = re.findall(
    r"^\| `(\w+)/` \|", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.M
)
#: Files and rooms that may name TensorFlow, whatever else computes with Keras.
TENSORFLOW = (
    "tensor/",
    "training/",
    "features/frozen.py",
    "explain/",
    "experiments/",
    "sums/arithmetic.py",
    "pretraining/learn.py",
)
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


def room_of(module):
    return ROOMS.index(module.split(".")[1])


def test_every_folder_is_a_room_and_no_module_stands_beside_them():
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders == set(ROOMS)
    loose = {path.name for path in PACKAGE.glob("*.py")}
    assert loose == {"__init__.py", "__main__.py"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_imports_run_downward(path):
    own = f"tlkit.{path.relative_to(PACKAGE).parts[0]}"
    for name in imports_of(path):
        if name.startswith("tlkit.") and name.split(".")[1] in ROOMS:
            assert room_of(name) <= room_of(own), f"{path} imports {name}"


def test_no_two_files_import_each_other():
    """Circles that are hidden in functions, too."""
    names = {
        "tlkit." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for path in FILES
    }
    edges = {
        "tlkit." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts): {
            name for name in imports_of(path) if name in names
        }
        for path in FILES
    }
    order = graphlib.TopologicalSorter(edges)
    order.prepare()  # raises CycleError, which names the circle


def test_ways_do_not_import_each_other():
    for path in (PACKAGE / "ways").glob("*.py"):
        ways = [n for n in imports_of(path) if n.startswith("tlkit.ways.")]
        assert not ways or path.name == "train.py", path


def test_tensorflow_is_named_in_its_places_alone():
    for path in FILES:
        if "tensorflow" in {n.split(".")[0] for n in imports_of(path)}:
            own = path.relative_to(PACKAGE).as_posix()
            assert own.startswith(TENSORFLOW), own


def test_private_parts_of_keras_are_named_in_tensor_alone():
    private = re.compile(
        r"\._(keras_history|inbound_nodes|nodes_by_depth|flatten_layers"
        r"|distribution_strategy|get_variable_index|momentums|velocities)\b"
    )
    users = {
        path.relative_to(PACKAGE).parts[0]
        for path in FILES
        if private.search(path.read_text("utf-8"))
    }
    assert users == {"tensor"}


def test_matplotlib_is_imported_in_plots_alone():
    users = {
        path.parent.name
        for path in FILES
        if any(n.split(".")[0] == "matplotlib" for n in imports_of(path))
    }
    assert users == {"plots"}


def test_strategies_are_named_in_two_files_alone():
    users = {
        path.name
        for path in FILES
        if "MirroredStrategy(" in path.read_text(encoding="utf-8")
    }
    assert users == {"hosts.py", "strategy.py"}


def test_the_index_needs_no_tensorflow():
    for name in ("index", "folders", "scan", "splitting", "arrays", "load"):
        path = PACKAGE / "data" / f"{name}.py"
        assert not {"tensorflow", "keras"} & set(imports_of(path))


def test_nothing_is_called_utils():
    names = {path.stem for path in FILES} | {p.parent.name for p in FILES}
    assert not [name for name in names if "util" in name]


def helped(*words):
    """Returns Python that prints the help of a verb."""
    return (
        f"import tlkit.cli, sys; sys.argv = {['tlkit', *words, '--help']}\n"
        "try: tlkit.cli.main()\nexcept SystemExit: pass"
    )


@pytest.mark.parametrize(
    "command",
    [
        "import tlkit; tlkit.__version__",
        "import tlkit.explain.methods.registry",
        "import tlkit.experiments.named, tlkit.models.classic_specs",
        helped(),
        helped("features"),
        helped("explain"),
        helped("study"),
        helped("describe"),
        helped("data", "make"),
    ],
    ids=[
        *("import", "methods", "studies and networks", "help", "features"),
        *("explain", "study", "describe", "data"),
    ],
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


def test_no_two_files_of_tests_have_one_name():
    """The tests could not be collected together, only folder by folder."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


#: Functions and methods that ask something of a disk, which may refuse it.
ASKING = {
    *("open", "mkdir", "rename", "unlink", "rmdir", "iterdir", "touch"),
    *("read_text", "read_bytes", "write_bytes", "stat", "glob", "rglob"),
    *("makedirs", "remove", "utime", "scandir", "listdir", "fsync", "lstat"),
    *("rmtree", "copyfile", "disk_usage", "fromfile", "urlopen"),
    *("try_lock", "wait_for_lock", "sync_files", "file_digest"),
}
#: What makes words of a refusal, or expects it.
IN_WORDS = {"disk_errors", "atomic_path", "suppress", "OSError", "Exception"}
IN_WORDS |= {"_BROKEN"}  # of `data/decode.py`
#: Called inside a block of `data/public/download.py` or of `data/load.py`; of
#: the package itself or of Linux, which are there; of trackers, any of whose
#: errors is forgiven; and what its author alone runs.
ELSEWHERE = (
    *("data/public/", "data/layout.py", "data/scan.py"),
    "training/trackers.py",
    *("models/minivgg.py", "tensor/", "pretraining/"),
)


def names(node):
    """Yields the last part of every name that is called or caught."""
    for one in ast.walk(node):
        if isinstance(one, ast.Name | ast.Attribute):
            yield one.id if isinstance(one, ast.Name) else one.attr


def careful(node):
    """Whether a block makes words of what a disk says inside it."""
    if isinstance(node, ast.With):
        return any(IN_WORDS & set(names(x)) for x in node.items)
    caught = [x.type for x in getattr(node, "handlers", []) if x.type]
    return any(IN_WORDS & set(names(x)) for x in caught)


def harmless(call):
    """Whether a call only looks like one that asks a disk."""
    called = ast.unparse(call)
    return (
        # The store's rows, bytes in memory, and an item of a list.
        called.startswith(
            ("store.open(", "self._store.open(", "Image.open(io.")
        )
        or (".remove(" in called and not called.startswith("os."))
        or "devnull" in called
        or "ignore_errors=True" in called
    )


def calls(node, inside=False, function=""):
    """Yields each call: its name, the function it is in, whether careful."""
    if isinstance(node, ast.FunctionDef):
        function = node.name
        inside = "OSError:" in (ast.get_docstring(node) or "")
    if isinstance(node, ast.Call) and not harmless(node):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        yield name, function, inside, node.lineno
    within = inside or careful(node)
    for field, value in ast.iter_fields(node):
        # What is done after a refusal is not expected to be refused.
        safe = within if field in ("body", "items") else inside
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from calls(child, safe, function)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_a_disk_may_refuse_is_said_in_words(path):
    own = path.relative_to(PACKAGE).as_posix()
    if own.startswith(ELSEWHERE):
        pytest.skip("see ELSEWHERE")
    found = [*calls(ast.parse(path.read_text(encoding="utf-8")))]

    def said(function):
        """Whether it is said by all that call a function, or by theirs."""
        callers = [one for one in found if one[0] == function]
        return callers and all(one[2] or said(one[1]) for one in callers)

    for name, function, inside, line in found:
        if name in ASKING and not inside:
            assert said(function), f"{own}:{line}: {name}"
