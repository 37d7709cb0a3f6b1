"""Loads TensorFlow without its start-up messages."""

from __future__ import annotations

import importlib
import logging
import os
import sys


def start_tensorflow() -> None:
    """Imports TensorFlow and hides what it prints meanwhile.

    Some of its messages are written to the process's standard error before
    its log is set up, so no setting turns them off, and they would bury
    tlkit's own lines. Its later warnings are about the code that calls it,
    which the user has not written.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow's C++ code writes to file descriptor 2 itself, so replacing
    # sys.stderr would not be enough.
    sys.stderr.flush()
    standard_error = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        importlib.import_module("tensorflow")
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
