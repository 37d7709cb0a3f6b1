"""Makes a model compute in another dtype policy.

Mixed precision makes training on recent hardware several times faster, but a
saved model should compute in float32, so that it runs alike everywhere.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from tlkit.base.errors import UsageError
from tlkit.models.specs import POLICIES, PRECISIONS, ConvBaseSpec
from tlkit.tensor.strategy import has_fast_bfloat16

FLOAT32_NAMES = frozenset({"flatten", "pool", "predictions"})
"""Names of layers that compute in float32 under every policy."""

FLOAT32_KINDS = frozenset(
    {"InputLayer", "Resizing", "Rescaling", "Normalization"}
)
"""Classes of such layers: all that change pixels before the network."""


def with_precision(model: keras.Model, policy: str) -> keras.Model:
    """Builds the same flat model with layers that compute in `policy`.

    Weights are float32 under all three policies, so they are copied to the
    bit, and going to mixed precision and back changes nothing. Resizing,
    normalisation, pooling for the head and the softmax stay float32.

    Args:
        model: A flat functional model built by `tlkit.models`.
        policy: One of "float32", "mixed_bfloat16" and "mixed_float16".

    Returns:
        A new, uncompiled model with the same layers, names, weights and
        `trainable` flags. Dropout layers without a seed of their own start
        with a fresh one.

    Raises:
        UsageError: The policy is none of these.
    """
    if policy not in POLICIES:
        raise UsageError(
            "There is no such precision.",
            where="precision",
            expected=" or ".join(POLICIES),
            received=repr(policy),
        )
    config = model.get_config()
    for layer in config["layers"]:
        # Operations such as the subtraction of a mean carry no policy: they
        # compute in the dtype they are given, which is float32.
        if "dtype" in layer["config"]:
            kept = _stays_float32(layer)
            layer["config"]["dtype"] = "float32" if kept else policy
    twin = type(model).from_config(config)
    twin.set_weights(model.get_weights())
    for layer in model.layers:
        twin.get_layer(layer.name).trainable = layer.trainable
    return twin


def _stays_float32(layer: dict[str, Any]) -> bool:
    name, kind = layer["config"]["name"], layer["class_name"]
    return name in FLOAT32_NAMES or kind in FLOAT32_KINDS


def choose_precision(
    precision: str = "auto", conv_base: ConvBaseSpec | None = None
) -> str:
    """Resolves `"auto"` for this machine.

    Args:
        precision: One of `PRECISIONS`. `"auto"` means `mixed_bfloat16` on
            CPUs with AMX and on GPUs from NVIDIA's Ampere on, where it is
            several times faster, and `float32` elsewhere.
        conv_base: The conv base that will compute. Some bases are not faster
            in bfloat16 on a CPU, and for them `"auto"` means `float32`.

    Returns:
        The name of a Keras dtype policy.

    Raises:
        UsageError: The precision is none of `PRECISIONS`.
    """
    if precision not in PRECISIONS:
        raise UsageError(
            "Unknown precision.",
            where="--precision",
            expected=", ".join(PRECISIONS),
            received=precision,
        )
    if precision != "auto":
        return precision
    gains = conv_base is None or conv_base.fast_in_bfloat16
    return "mixed_bfloat16" if has_fast_bfloat16(gains) else "float32"


@contextlib.contextmanager
def computing_in(policy: str) -> Iterator[None]:
    """Sets the dtype policy of layers that are built inside the block."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
