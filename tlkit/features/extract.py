"""The conv base runs once; what it gives is kept in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tlkit.data.index import DatasetIndex
from tlkit.data.pipeline import make_batches
from tlkit.errors import TlkitError, UsageError
from tlkit.features.housekeeping import prune_store, store_cap
from tlkit.features.store import Store, StoredRows
from tlkit.models.heads import pool_features
from tlkit.models.transfer import TransferNetwork
from tlkit.progress import say, steps_bar
from tlkit.strategy import choose_precision, computing_in
from tlkit.training import Training, weights_digest

#: Raise it when decoding, resizing or the order of a feature vector changes.
_FORMAT = 3
#: Always the same, and every batch full: whether an image was computed in the
#: first run, after an interruption or for a folder that has grown, its
#: features are the same to the bit.
_BATCH = 32
STORED_DTYPES = ("float16", "float32")


@dataclass(frozen=True, eq=False)
class Features:
    """What a conv base gives for every image of a data set.

    Args:
        data: the data set.
        network: the conv base and the head planned for it.
        base: the conv base itself, from raw pixels to a feature map.
        arrays: per split rows of shape `(count, length)`, float16 or
            float32, in the order of the index, read from the disk as needed.
        computed: how many images went through the base just now; 0 when all
            features were there already.
    """

    data: DatasetIndex
    network: TransferNetwork
    base: keras.Model
    arrays: Mapping[str, StoredRows]
    computed: int


def extract_features(
    data: DatasetIndex,
    network: TransferNetwork | None = None,
    training: Training | None = None,
    dtype: str = "float16",
) -> Features:
    """Runs every image through the conv base, unless that was done before.

    Args:
        data: the data set.
        network: which base, weights, size and pooling.
        training: its precision and devices are used.
        dtype: what the features are kept as; float16 has three digits and
            takes half the space of float32.

    Returns:
        The features of all splits.

    Raises:
        UsageError: the dtype is neither of `STORED_DTYPES`.
        TlkitError: weights cannot be loaded, an image has become unreadable,
            the disk is full, or a feature is too large for float16.
    """
    _check(dtype)
    network = network or TransferNetwork()
    training = training or Training()
    policy = choose_precision(training.precision)
    strategy = training.strategy()
    with strategy.scope(), computing_in(policy):
        base = network.build_base()
        pooled = keras.Model(
            base.input,
            pool_features(base.output, network.head(2).pooling),
        )
    if network.warning:
        say(network.warning)
        data = data.with_note(network.warning)
    run = _traced(pooled, strategy)
    store = Store(_recipe(network, base, policy, dtype))
    arrays, computed = {}, 0
    with store.computing():
        for name, split in data.splits.items():
            missing = split.rows_of(store.missing(split.digests))
            if len(missing):
                say(f"{name}: {len(missing)} images through {network.base}")
                rest = replace(data, splits={name: split.select(missing)})
                vectors = _compute(run, rest, name, network.size, strategy)
                store.fill(
                    rest.splits[name].digests,
                    (_narrowed(batch, dtype) for batch in vectors),
                )
                computed += len(missing)
            arrays[name] = store.open(split.digests)
    if computed:
        prune_store(store_cap())
    return Features(data, network, base, arrays, computed)


def _check(dtype: str) -> None:
    if dtype not in STORED_DTYPES:
        raise UsageError(
            "Features cannot be kept as this.",
            where="dtype",
            expected=" or ".join(STORED_DTYPES),
            received=dtype,
        )


def _recipe(
    network: TransferNetwork, base: keras.Model, policy: str, dtype: str
) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "base": network.base,
        "alpha": network.alpha,
        "weights": weights_digest(base.get_weights()),
        "image_size": list(network.size),
        "pooling": network.head(2).pooling,
        "precision": policy,
        "dtype": dtype,
    }


def _traced(
    model: keras.Model, strategy: tf.distribute.Strategy
) -> Callable[[tf.Tensor], tf.Tensor]:
    """A compiled step for all splits: their batches have one shape."""

    @tf.function(reduce_retracing=True)
    def run(images: tf.Tensor) -> tf.Tensor:
        return strategy.run(model, args=(images,), kwargs={"training": False})

    return run


def _compute(
    run: Callable[[tf.Tensor], tf.Tensor],
    data: DatasetIndex,
    name: str,
    size: tuple[int, int],
    strategy: tf.distribute.Strategy,
) -> Iterator[np.ndarray]:
    """Yields the features of one batch after the other, float32."""
    replicas = strategy.num_replicas_in_sync
    full = -(-_BATCH // replicas) * replicas
    batches = make_batches(data, name, size, full)
    left = len(data.splits[name])

    def fill(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return tf.gather(images, tf.range(full) % tf.shape(images)[0])

    distributed = strategy.experimental_distribute_dataset(batches.map(fill))
    with steps_bar() as bar:
        task = bar.add_task("features", total=batches.cardinality().numpy())
        for images in distributed:
            vectors = strategy.gather(run(images), axis=0).numpy()[:left]
            left -= len(vectors)
            yield vectors.astype(np.float32)
            bar.advance(task)


def _narrowed(features: np.ndarray, dtype: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        narrow = features.astype(dtype)
    if np.isfinite(features).all() and not np.isfinite(narrow).all():
        raise TlkitError(
            "A feature is too large for float16.",
            expected="up to 65504",
            received=float(np.abs(features).max()),
            remedy="Keep these features as float32: --features-dtype float32, "
            'or extract_features(..., dtype="float32").',
        )
    return narrow
