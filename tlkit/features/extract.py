"""The conv base runs once; what it gives is kept as `.npy`.

Each split lies in a folder of its own whose name is made of everything that
determines the values: image contents, size, base, weights, pooling and
precision. So nothing stale can be read, a second run computes nothing, and a
renamed or moved data set keeps its features.

    <store>/<key>/features.npy    float32, shape (count, length)
    <store>/<key>/manifest.json   what the key is made of, and a SHA-256;
                                  written last: without it nothing counts
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import platformdirs
import tensorflow as tf
from filelock import FileLock

from tlkit.atomic import atomic_path, write_json
from tlkit.data.index import DatasetIndex, Split
from tlkit.data.pipeline import make_batches
from tlkit.errors import TlkitError
from tlkit.models.heads import pool_features
from tlkit.models.transfer import TransferNetwork
from tlkit.progress import say, steps_bar
from tlkit.strategy import choose_precision, computing_in, fill_last_batch
from tlkit.training import Training, weights_digest

#: Raise it when decoding, resizing or the order of a feature vector changes.
_FORMAT = 1


@dataclass(frozen=True, eq=False)
class Features:
    """What a conv base gives for every image of a data set.

    Args:
        data: the data set.
        network: the conv base and the head planned for it.
        base: the conv base itself, from raw pixels to a feature map.
        arrays: per split float32 of shape `(count, length)`, in the order
            of the index, read from the disk as needed.
        computed: how many images went through the base just now; 0 when all
            features were there already.
    """

    data: DatasetIndex
    network: TransferNetwork
    base: keras.Model
    arrays: Mapping[str, np.ndarray]
    computed: int


def store_folder() -> Path:
    """Returns where features are kept.

    The environment variable `TLKIT_STORE`, else the platform's cache folder.
    """
    chosen = os.environ.get("TLKIT_STORE")
    return Path(chosen or Path(platformdirs.user_cache_dir("tlkit"), "store"))


def extract_features(
    data: DatasetIndex,
    network: TransferNetwork | None = None,
    training: Training | None = None,
) -> Features:
    """Runs every image through the conv base, unless that was done before.

    Args:
        data: the data set.
        network: which base, weights, size and pooling.
        training: its batch size, precision and devices are used.

    Returns:
        The features of all splits.

    Raises:
        TlkitError: weights cannot be loaded, an image has become unreadable,
            or the disk is full.
    """
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
    weights = weights_digest(base.get_weights())
    arrays, computed = {}, 0
    for name, split in data.splits.items():
        manifest = _ingredients(split, network, weights, policy)
        folder = store_folder() / _key(manifest)
        with _locked(folder):
            if not _is_whole(folder, manifest):
                say(f"{name}: {len(split)} images through {network.base}")
                batches = make_batches(
                    data, name, network.size, training.batch_size
                )
                vectors = _compute(pooled, batches, len(split), strategy)
                _write(folder, manifest, vectors)
                computed += len(split)
            arrays[name] = np.load(folder / "features.npy", mmap_mode="r")
    return Features(data, network, base, arrays, computed)


def _ingredients(
    split: Split, network: TransferNetwork, weights: str, policy: str
) -> dict[str, Any]:
    images = hashlib.sha256("".join(split.digests).encode()).hexdigest()
    return {
        "format": _FORMAT,
        "images": images,
        "count": len(split),
        "base": network.base,
        "alpha": network.alpha,
        "weights": weights,
        "image_size": list(network.size),
        "pooling": network.head(2).pooling,
        "precision": policy,
    }


def _key(manifest: Mapping[str, Any]) -> str:
    text = json.dumps(manifest, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _locked(folder: Path) -> FileLock:
    """Two processes that want the same features compute them once."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TlkitError(
            f"Cannot make the feature store: {error.strerror}.",
            where=folder.parent,
            remedy="Name another folder in the variable TLKIT_STORE.",
        ) from error
    return FileLock(f"{folder}.lock")


def _is_whole(folder: Path, manifest: Mapping[str, Any]) -> bool:
    try:
        written = json.loads((folder / "manifest.json").read_text())
        digest = _file_digest(folder / "features.npy")
    except (OSError, ValueError):
        return False
    return written == {**manifest, "sha256": digest}


def _compute(
    model: keras.Model,
    batches: tf.data.Dataset,
    count: int,
    strategy: tf.distribute.Strategy,
) -> Iterator[np.ndarray]:
    """Yields the features of one batch after the other, float32."""

    @tf.function(reduce_retracing=True)
    def run(images: tf.Tensor) -> tf.Tensor:
        return strategy.run(model, args=(images,), kwargs={"training": False})

    filled = fill_last_batch(batches, strategy)
    distributed = strategy.experimental_distribute_dataset(
        filled.map(lambda images, labels: images)
    )
    with steps_bar() as bar:
        task = bar.add_task("features", total=batches.cardinality().numpy())
        for images in distributed:
            vectors = strategy.gather(run(images), axis=0).numpy()
            # The last batch may have been filled up for the replicas.
            yield vectors[:count].astype(np.float32)
            count -= len(vectors)
            bar.advance(task)


def _write(
    folder: Path, manifest: Mapping[str, Any], vectors: Iterator[np.ndarray]
) -> None:
    """Writes batch after batch, so that memory stays small."""
    first = next(vectors)
    header = {
        "descr": "<f4",
        "fortran_order": False,
        "shape": (manifest["count"], *first.shape[1:]),
    }
    with (
        atomic_path(folder / "features.npy") as partial,
        open(partial, "wb") as file,
    ):
        np.lib.format.write_array_header_1_0(file, header)
        file.write(first.tobytes())
        for batch in vectors:
            file.write(batch.tobytes())
    digest = _file_digest(folder / "features.npy")
    write_json(folder / "manifest.json", {**manifest, "sha256": digest})


def _file_digest(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()
