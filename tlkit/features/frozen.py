"""The frozen part of a network: its output for each image goes to the store."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tlkit.base.console import counting, say
from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.image_size import Frame, ImageSize, as_frame
from tlkit.cluster.engines import RAY
from tlkit.cluster.streaming import stream
from tlkit.data.augment import View
from tlkit.data.index import Split
from tlkit.models.digests import weights_digest
from tlkit.models.inputs import without_resize
from tlkit.plans.plan import STORED_DTYPES
from tlkit.store.store import Store, StoredRows
from tlkit.tensor.failures import errors_in_words
from tlkit.tensor.hosts import Hosts, find_hosts, wait_for_hosts
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
#: Number of images that an actor of Ray gets at a time: whole batches, so that
#: they are the same as in one process.
_SENT = 8 * _BATCH

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
        engine: One of `tlkit.cluster.engines.ENGINES`: whether this process
            runs the network, or actors of Ray. The rows are the same.

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
        engine: str = "local",
    ) -> None:
        if dtype not in STORED_DTYPES:
            raise UsageError(
                "Features cannot be kept in this dtype.",
                where="dtype",
                expected=" or ".join(STORED_DTYPES),
                received=dtype,
            )
        self.frame = as_frame(image_size)
        self.dtype, self.engine = dtype, engine
        self._model = model
        self._run = _Run(model, self.frame, dtype, strategy)
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
        splits: Mapping[str, Split],
        views: Sequence[View | None] = (None,),
        decoded: Mapping[str, Decoded] | None = None,
    ) -> tuple[dict[str, list[StoredRows]], int]:
        """Returns the rows of splits and computes those not yet stored.

        Args:
            splits: The images by the name of their split, for the line that
                the user sees.
            views: The views to return, all of one augmentation and seed.
                None among them stands for the images as they are.
            decoded: For each split a function from the row of an image to
                its decoded pixels, see `tlkit.tensor.pipeline.make_batches`;
                the files of the others are read.

        Returns:
            By split a list with the rows of each view, in the order of the
            split; and the number of rows that were computed just now.

        Raises:
            TlkitError: An image has become unreadable, the disk is full, or
                a value is too large for float16.
        """
        store = self.store(views[0])
        computed = self._own_part(splits, views, decoded or {})
        with store.computing():
            pieces = _lacking(store.missing, splits, views, decoded or {})
            self._fill(store, pieces)
            opened = {
                name: [store.open(_ids(split, view)) for view in views]
                for name, split in splits.items()
            }
        return opened, computed + sum(len(piece.ids) for piece in pieces)

    def lacks(self, split: Split, views: Sequence[View | None]) -> bool:
        """Returns whether any row of these views is not stored yet."""
        store = self.store(views[0])
        return any(store.lacking(_ids(split, view)) for view in views)

    def _own_part(
        self,
        splits: Mapping[str, Split],
        views: Sequence[View | None],
        decoded: Mapping[str, Decoded],
    ) -> int:
        """Computes this host's part of what is missing, beside the others.

        Where they share a store nothing is missing afterwards; where each
        has one of its own, each computes the rest for itself.
        """
        hosts = find_hosts()
        if hosts is None:
            return 0
        store = self.store(views[0])
        pieces = _lacking(store.lacking, splits, views, decoded, hosts)
        # Before any host has computed one, so that all divide the same rows.
        wait_for_hosts()
        self._fill(store, pieces)
        wait_for_hosts()
        return sum(len(piece.ids) for piece in pieces)

    def _fill(self, store: Store, pieces: Sequence[_Piece]) -> None:
        with contextlib.closing(self._outputs(pieces)) as outputs:
            for piece in pieces:
                say(piece.announcement)
                store.fill(piece.ids, _first(outputs, len(piece.ids)))

    def _outputs(
        self, pieces: Sequence[_Piece]
    ) -> Generator[np.ndarray, None, None]:
        """Yields the outputs for pieces, batch by batch, in their order."""
        total = sum(len(piece.ids) for piece in pieces)
        with counting("features", total) as advance:
            for vectors in self._batches(pieces):
                yield vectors
                advance(len(vectors))

    def _batches(self, pieces: Sequence[_Piece]) -> Iterator[np.ndarray]:
        if self.engine == RAY and pieces:
            return self._on_ray(pieces)
        return (
            vectors
            for piece in pieces
            for vectors in self._run(piece.images, piece.view, piece.decoded)
        )

    def _on_ray(self, pieces: Sequence[_Piece]) -> Iterator[np.ndarray]:
        given = [(piece.images, piece.view) for piece in pieces]
        make = functools.partial(
            _RunPart, self._model, self.frame, self.dtype, given
        )
        items = [
            (number, start)
            for number, piece in enumerate(pieces)
            for start in range(0, len(piece.ids), _SENT)
        ]
        return stream(make, items)


@dataclass(frozen=True, eq=False)
class _Piece:
    """Images of one split, in one view, whose rows are to be computed."""

    name: str
    images: Split
    ids: Sequence[str]
    view: View | None
    decoded: Decoded | None

    @property
    def announcement(self) -> str:
        which = "" if self.view is None else f", view {self.view.number + 1}"
        count = len(self.ids)
        return f"{self.name}{which}: computing the features of {count} images"


class _Run:
    """Runs a network over images, in filled batches."""

    def __init__(
        self,
        model: keras.Model,
        frame: Frame,
        dtype: str,
        strategy: tf.distribute.Strategy,
    ) -> None:
        self._frame, self._dtype, self._strategy = frame, dtype, strategy
        with strategy.scope():
            # The batches come resized already.
            self._run = _traced(without_resize(model), strategy)

    def __call__(
        self, images: Split, view: View | None, decoded: Decoded | None = None
    ) -> Iterator[np.ndarray]:
        """Yields the outputs for images, batch by batch."""
        batches = make_view_batches(images, self._frame, _BATCH, view, decoded)

        # Images of the last batch are repeated until it is full; what they
        # give is cut off again below.
        def fill(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
            return tf.gather(images, tf.range(_BATCH) % tf.shape(images)[0])

        left = len(images)
        with errors_in_words():
            for given in self._side_by_side(batches.map(fill)):
                vectors = given.numpy()[:left].astype(np.float32)
                left -= len(vectors)
                yield narrowed(vectors, self._dtype)

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


class _RunPart:
    """What an actor of Ray works with: a network, and all the images.

    Images in files are here by their paths.
    """

    def __init__(
        self,
        model: keras.Model,
        frame: Frame,
        dtype: str,
        pieces: Sequence[tuple[Split, View | None]],
    ) -> None:
        self._run = _Run(model, frame, dtype, tf.distribute.get_strategy())
        self._pieces = pieces

    def __call__(self, item: tuple[int, int]) -> Iterator[np.ndarray]:
        """Yields the outputs for `_SENT` images of a piece, from one on."""
        number, start = item
        images, view = self._pieces[number]
        rows = np.arange(start, min(start + _SENT, len(images)))
        return self._run(images.select(rows), view)


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


def _lacking(
    find: Callable[[list[str]], list[str]],
    splits: Mapping[str, Split],
    views: Sequence[View | None],
    decoded: Mapping[str, Decoded],
    hosts: Hosts | None = None,
) -> list[_Piece]:
    """Returns what is not stored yet, each row once; of hosts one's part."""
    pieces = []
    planned: set[str] = set()
    for name, split in splits.items():
        for view in views:
            ids = _ids(split, view)
            wanted = [x for x in find(ids) if x not in planned]
            planned.update(wanted)
            rows = _first_rows(ids, wanted)
            if hosts is not None:
                rows = np.array_split(rows, hosts.count)[hosts.number]
            if len(rows):
                images, names = split.select(rows), [ids[row] for row in rows]
                pixels = _of_rows(decoded.get(name), rows)
                pieces.append(_Piece(name, images, names, view, pixels))
    return pieces


def _of_rows(decoded: Decoded | None, rows: np.ndarray) -> Decoded | None:
    return decoded and (lambda row: decoded(int(rows[row])))


def _first(batches: Iterator[np.ndarray], count: int) -> Iterator[np.ndarray]:
    """Yields the next batches that hold `count` rows together."""
    while count > 0:
        batch = next(batches)
        count -= len(batch)
        yield batch


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
