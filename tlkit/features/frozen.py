"""The frozen part of a network: its output for each image goes to the store."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tlkit.base.console import counting, say
from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.image_size import ImageSize, as_frame
from tlkit.data.augment import View
from tlkit.data.index import Split
from tlkit.models.digests import weights_digest
from tlkit.models.inputs import without_resize
from tlkit.plans.plan import STORED_DTYPES
from tlkit.store.store import Store, StoredRows
from tlkit.tensor.hosts import find_hosts, wait_for_hosts
from tlkit.tensor.pipeline import make_view_batches
from tlkit.tensor.shares import share_of

#: Part of every key in the store. Raise it when decoding, resizing,
#: augmentation or the order of a feature vector changes, so that no older row
#: is taken for a new one.
_FORMAT = 4
#: The size of a batch can change the last bit of a feature. This one never
#: changes and every batch is filled, so that an image has the same features
#: whether it is computed in the first run, after an interruption or for a
#: folder that has grown.
_BATCH = 32

Decoded = Callable[[int], np.ndarray]


class FrozenPart:
    """A network's lower part, run once for each image or view of it.

    Args:
        model: Model from raw pixels to a tensor of shape `(batch, ...)`,
            whose inputs were made by `tlkit.models.inputs.raw_pixels`.
        about: What else determines the tensor, such as the network's name
            and the layer at which it was cut. Weights, image size, fit, shape
            and dtype need not be named here.
        image_size: The size in pixels that the network works at, with the
            fit: a `Frame`, or a size to which images are stretched.
        strategy: The strategy under which the model was built.
        dtype: One of `STORED_DTYPES`, in which the rows are kept. float16
            has three significant digits and takes half the space of float32.

    Raises:
        UsageError: The dtype is none of `STORED_DTYPES`.
    """

    def __init__(
        self,
        model: keras.Model,
        about: Mapping[str, Any],
        image_size: ImageSize,
        strategy: tf.distribute.Strategy,
        dtype: str = "float16",
    ) -> None:
        if dtype not in STORED_DTYPES:
            raise UsageError(
                "Features cannot be kept in this dtype.",
                where="dtype",
                expected=" or ".join(STORED_DTYPES),
                received=dtype,
            )
        self.frame = as_frame(image_size)
        self.dtype = dtype
        self._strategy = strategy
        with strategy.scope():
            # The batches come resized already.
            self._run = _traced(without_resize(model), strategy)
        self._identity = {
            **about,
            "format": _FORMAT,
            "weights": weights_digest(model.get_weights()),
            **self.frame.settings(),
            "shape": list(model.output.shape[1:]),
            "dtype": dtype,
        }

    def store(self, view: View | None = None) -> Store:
        """Returns the store of the images as they are, or of their views."""
        if view is None:
            return Store({**self._identity, "augmentation": None})
        how = {
            "augmentation": view.augmentation.settings(),
            "seed": view.seed,
        }
        return Store({**self._identity, **how})

    def rows(
        self,
        split: Split,
        name: str,
        views: Sequence[View | None] = (None,),
        decoded: Decoded | None = None,
    ) -> tuple[list[StoredRows], int]:
        """Returns the rows of a split and computes those not yet stored.

        Args:
            split: The images.
            name: Name of the split, for the line that the user sees.
            views: The views to return, all of one augmentation and seed.
                None among them stands for the images as they are.
            decoded: Returns a decoded image by its row, see
                `tlkit.tensor.pipeline.make_batches`; None reads the files.

        Returns:
            A list with the rows of each view, in the order of the split, and
            the number of rows that were computed just now.

        Raises:
            TlkitError: An image has become unreadable, the disk is full, or
                a value is too large for float16.
        """
        store = self.store(views[0])
        opened, computed = [], self._own_part(split, name, views, decoded)
        with store.computing():
            for view in views:
                ids = _ids(split, view)
                rows = _first_rows(ids, store.missing(ids))
                if len(rows):
                    say(_announcement(name, len(rows), view))
                    vectors = self._compute(split, rows, view, decoded)
                    store.fill([ids[row] for row in rows], vectors)
                    computed += len(rows)
                opened.append(store.open(ids))
        return opened, computed

    def lacks(self, split: Split, views: Sequence[View | None]) -> bool:
        """Returns whether any row of these views is not stored yet."""
        store = self.store(views[0])
        return any(store.lacking(_ids(split, view)) for view in views)

    def _own_part(
        self,
        split: Split,
        name: str,
        views: Sequence[View | None],
        decoded: Decoded | None,
    ) -> int:
        """Computes this host's part of what is missing, beside the others.

        Where they share a store nothing is missing afterwards; where each
        has one of its own, each computes the rest for itself.
        """
        hosts, computed = find_hosts(), 0
        if hosts is None:
            return 0
        store = self.store(views[0])
        # Before any host has computed one, so that all divide the same rows.
        missing = [store.lacking(_ids(split, view)) for view in views]
        wait_for_hosts()
        for view, lacking in zip(views, missing, strict=True):
            ids = _ids(split, view)
            rows = _first_rows(ids, lacking)
            rows = np.array_split(rows, hosts.count)[hosts.number]
            if len(rows):
                say(_announcement(name, len(rows), view))
                vectors = self._compute(split, rows, view, decoded)
                store.fill([ids[row] for row in rows], vectors)
                computed += len(rows)
        wait_for_hosts()
        return computed

    def _compute(
        self,
        split: Split,
        rows: np.ndarray,
        view: View | None,
        decoded: Decoded | None,
    ) -> Iterator[np.ndarray]:
        """Yields the outputs for some images, batch by batch."""
        batches = make_view_batches(
            split.select(rows),
            self.frame,
            _BATCH,
            view,
            decoded and (lambda row: decoded(int(rows[row]))),
        )

        # Images of the last batch are repeated until it is full; what they
        # give is cut off again below.
        def fill(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
            return tf.gather(images, tf.range(_BATCH) % tf.shape(images)[0])

        left = len(rows)
        with counting("features", left) as advance:
            for given in self._side_by_side(batches.map(fill)):
                vectors = given.numpy()[:left].astype(np.float32)
                left -= len(vectors)
                yield narrowed(vectors, self.dtype)
                advance(len(vectors))

    def _side_by_side(self, batches: tf.data.Dataset) -> Iterator[tf.Tensor]:
        """Runs one whole batch on each device of this process at a time.

        A batch that was divided could give other last digits.
        """
        share = share_of(self._strategy)
        own = share.own if share else (0,)
        images = iter(batches)
        while group := [*itertools.islice(images, len(own))]:
            # Where the last ones are fewer than devices, some repeat one.
            given = self._strategy.experimental_distribute_values_from_function(
                lambda context, group=group: group[
                    (context.replica_id_in_sync_group - own[0]) % len(group)
                ]
            )
            results = self._strategy.experimental_local_results(
                self._run(given)
            )
            yield from results[: len(group)]


def _traced(
    model: keras.Model, strategy: tf.distribute.Strategy
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Compiles the model once; batches of all splits have the same shape."""

    @tf.function(reduce_retracing=True)
    def run(images: tf.Tensor) -> tf.Tensor:
        return strategy.run(model, args=(images,), kwargs={"training": False})

    return run


def _ids(split: Split, view: View | None) -> list[str]:
    if view is None:
        return list(split.digests)
    return [f"{digest}/{view.number}" for digest in split.digests]


def _first_rows(ids: Sequence[str], wanted: Sequence[str]) -> np.ndarray:
    """Returns one row for each wanted id, int64, in the order of the index.

    Equal images share an id, and need to be computed once only.
    """
    rows = {name: row for row, name in reversed(list(enumerate(ids)))}
    return np.array(sorted(rows[name] for name in wanted), np.int64)


def _announcement(name: str, count: int, view: View | None) -> str:
    which = "" if view is None else f", view {view.number + 1}"
    return f"{name}{which}: computing the features of {count} images"


def narrowed(features: np.ndarray, dtype: str) -> np.ndarray:
    """Converts float32 features to the dtype in which they are kept.

    Args:
        features: A float32 array of any shape.
        dtype: One of `STORED_DTYPES`.

    Raises:
        TlkitError: A feature is too large for float16.
    """
    # The overflow becomes an error below that names the remedy.
    with np.errstate(over="ignore"):
        narrow = features.astype(dtype)
    if np.isfinite(features).all() and not np.isfinite(narrow).all():
        raise TlkitError(
            "A feature is too large for float16.",
            expected="up to 65504",
            received=float(np.abs(features).max()),
            remedy="Keep these features as float32: --features-dtype float32, "
            'or dtype="float32" in Python.',
        )
    return narrow
