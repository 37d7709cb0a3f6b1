"""Tells in words what has failed inside TensorFlow."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from tlkit.base.errors import TlkitError


@contextlib.contextmanager
def errors_in_words() -> Iterator[None]:
    """Turns TensorFlow's errors back into the `TlkitError` that caused them.

    Raises:
        TlkitError: Reading an image failed inside tf.data, or the device ran
            out of memory. Other errors pass unchanged.
    """
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise TlkitError(
            "The device has too little memory.",
            remedy="Choose a smaller batch size or image size.",
        ) from error
    except tf.errors.OpError as error:
        # An error inside `tf.numpy_function` arrives as one text, with
        # Python's traceback in front of and behind tlkit's own message.
        _, found, words = str(error).partition("TlkitError: ")
        if not found:
            raise
        problem, *lines = words.split("\nTraceback")[0].splitlines()
        details = [line for line in lines if line.startswith("  ")]
        raise TlkitError("\n".join([problem, *details[:4]])) from error
