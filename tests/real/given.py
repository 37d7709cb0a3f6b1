"""The folders of real photographs and weights that the environment names."""

import os

import pytest

DATA, WEIGHTS = (
    os.environ.get(name) for name in ("TLKIT_REAL_DATA", "TLKIT_REAL_WEIGHTS")
)
#: Marks of tests that need the photographs.
NEED_DATA = pytest.mark.skipif(not DATA, reason="TLKIT_REAL_DATA is not set")
#: Marks of tests that need photographs and weights, and take their time.
NEED_BOTH = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (DATA and WEIGHTS),
        reason="TLKIT_REAL_DATA and TLKIT_REAL_WEIGHTS are not set",
    ),
]
