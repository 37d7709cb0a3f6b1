"""The notebooks run from the first cell to the last."""

import os
from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
WEIGHTS = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"


@pytest.fixture
def weights(monkeypatch, tmp_path):
    """Genuine weights where they are, else random ones; never a download."""
    folder = os.environ.get("TLKIT_REAL_WEIGHTS")
    path = Path(folder) / WEIGHTS if folder else "none"
    monkeypatch.setenv("TLKIT_NOTEBOOK_WEIGHTS", str(path))
    monkeypatch.setenv("TLKIT_STORE", str(tmp_path / "store"))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs(path, weights, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=1200, resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    text = str(notebook.cells)
    assert "of 400 test images right (95 % interval" in text
    assert "image/jpeg" in text
