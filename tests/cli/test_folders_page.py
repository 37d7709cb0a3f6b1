"""docs/folders.md says what tlkit says, of each thing that people bring."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def load_script():
    path = ROOT / "scripts" / "try_folders.py"
    spec = importlib.util.spec_from_file_location("try_folders", path)
    script = importlib.util.module_from_spec(spec)
    # Its dataclass looks for its own module.
    sys.modules["try_folders"] = script
    spec.loader.exec_module(script)
    return script


SCRIPT = load_script()
LINES = SCRIPT.PAGE.read_text(encoding="utf-8").splitlines()


def snapshot():
    """Content and time of everything that was brought."""
    seen = {}
    for folder, folders, files in os.walk("."):
        for name in folders + files:
            path = Path(folder, name)
            content = path.read_bytes() if path.is_file() else None
            seen[str(path)] = path.lstat().st_mtime_ns, content
    return seen


@pytest.mark.parametrize("case", SCRIPT.CASES, ids=lambda case: case.what)
def test_the_page_says_what_tlkit_says_and_nothing_is_changed(case):
    with SCRIPT.working_folder():
        case.draw()
        before = snapshot()
        said = case.say()
        after = snapshot()
    assert SCRIPT.line(case, said) in LINES
    assert after == before


def test_the_page_has_no_other_lines():
    told = [line for line in LINES if line.startswith("| ")]
    headings = len({case.heading for case in SCRIPT.CASES})
    assert len(told) == len(SCRIPT.CASES) + headings
