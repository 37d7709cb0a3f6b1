"""The notebooks run from the first cell to the last."""

from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs(path, monkeypatch, tmp_path):
    monkeypatch.setenv("TLKIT_STORE", str(tmp_path / "store"))
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=1200, resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    text = str(notebook.cells)
    assert "of 400 test images right (95 % interval" in text
    assert "image/jpeg" in text
