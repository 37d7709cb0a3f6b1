"""How TensorFlow is loaded where a person reads what is printed."""

from __future__ import annotations

import importlib
import logging
import os
import sys


def start_tensorflow() -> None:
    """Imports TensorFlow without its talk, which no setting turns off.

    What it prints before its log is set up goes straight to the process's
    standard error, and would bury what tlkit has to say. Its later warnings
    speak of the code that calls it, which the person has not written.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
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
