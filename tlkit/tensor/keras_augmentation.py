"""Uses Keras's own image layers as an augmentation.

It is slower than `tlkit.Augmentation`, since every image is a call into
TensorFlow, and meant for changes that `tlkit.Augmentation` does not have.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from tlkit.base.errors import UsageError
from tlkit.base.fields import without_none
from tlkit.tensor.graphs import every_layer, seed_generators

# A layer keeps the state of its random numbers. Two threads that read images
# at the same time would draw from each other's state.
_LOCK = threading.Lock()


class KerasAugmentation:
    """A Keras layer that changes images at random, as a pure function.

    Its random state is set for each view, from seed, image and view, so that
    view `k` of an image is always the same one.

    Args:
        config: The layer as `keras.layers.serialize` returns it.
    """

    changes_nothing = False

    def __init__(self, config: Mapping[str, Any]) -> None:
        # In the form in which it comes back from a run's config.json, without
        # tuples and None: the same layer must have the same key in the store.
        self._config = json.loads(json.dumps(without_none(config)))
        self._layer = keras.layers.deserialize(dict(self._config))
        self._generators = _seed_generators(self._layer)

    @classmethod
    def of(cls, layer: Any) -> KerasAugmentation:
        """Makes an augmentation from layers, or from `settings()`.

        Args:
            layer: A Keras layer, several in a list, of which each is applied
                to the result of the one before, or a mapping that
                `settings()` returned.

        Raises:
            UsageError: It is none of these, or a layer is not Keras's own and
                could not be made again from a run's `config.json`.
        """
        if isinstance(layer, cls):
            return layer
        if isinstance(layer, Mapping) and set(layer) == {"keras"}:
            return cls(layer["keras"])
        layers = layer if isinstance(layer, list | tuple) else [layer]
        for one in layers:
            if not isinstance(one, keras.layers.Layer) or not all(
                type(inner).__module__.startswith("keras.")
                for inner in (one, *every_layer(one))
            ):
                raise UsageError(
                    "This is not an augmentation.",
                    where="augmentation",
                    expected="a tlkit.Augmentation, book, mild, none, fields "
                    "by name, or layers of keras.layers",
                    received=repr(one)[:200],
                )
        whole = layers[0] if len(layers) == 1 else keras.Sequential(layers)
        return cls(keras.layers.serialize(whole))

    def settings(self) -> dict[str, Any]:
        """Returns the layer as a mapping that JSON can hold."""
        return {"keras": self._config}

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, KerasAugmentation)
            and other._config == self._config
        )

    def __hash__(self) -> int:
        return hash(repr(self._config))

    def __repr__(self) -> str:
        return f"KerasAugmentation({self._config.get('class_name')})"

    def __call__(
        self, image: np.ndarray, *, seed: int, image_id: int, view: int
    ) -> np.ndarray:
        """Returns one view of an image; see `Augmentation.__call__`."""
        random = np.random.default_rng([seed, image_id, view])
        with _LOCK:
            for generator in self._generators:
                generator.state.assign(
                    random.integers(0, 2**31, 2).astype("uint32")
                )
            values = self._layer(image[None].astype("float32"), training=True)
        changed = np.asarray(values)[0]
        if changed.shape != image.shape:
            raise UsageError(
                "An augmentation keeps the size of an image.",
                where="augmentation",
                expected=f"an image of {image.shape}",
                received=changed.shape,
            )
        return np.clip(np.rint(changed), 0, 255).astype(np.uint8)


def _seed_generators(layer: keras.Layer) -> list[keras.random.SeedGenerator]:
    layers = [layer, *every_layer(layer)]
    return [value for one in layers for value in seed_generators(one)]
