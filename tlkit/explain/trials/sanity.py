"""Do maps change when what the network has learnt is destroyed?"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import keras
import numpy as np
from scipy.stats import rankdata

from tlkit.base.errors import UsageError
from tlkit.explain.methods.registry import draw_heat_maps, find_method
from tlkit.explain.opened.network import OpenNetwork
from tlkit.explain.opened.scores import ClassIndex, open_images


class Cascade(NamedTuple):
    """How far maps stay the same while a network is destroyed from the top.

    Attributes:
        steps: what was destroyed last: "" at first, for nothing, then each
            layer's path, from the top downward.
        correlations: by method, float64 `(steps, images)`: rank correlation
            of each image's map with that of the network as it was.
    """

    steps: tuple[str, ...]
    correlations: dict[str, np.ndarray]


def randomise_cascade(
    model: keras.Model,
    images: np.ndarray,
    methods: Sequence[str],
    class_index: ClassIndex = None,
    layer: str | None = None,
    seed: int = 0,
) -> Cascade:
    """Compares maps while the weights are randomised from the top downward.

    Adebayo et al., "Sanity Checks for Saliency Maps" (arXiv:1810.03292),
    section 3.1, cascading randomisation. A method whose maps stay the same
    does not show what the network has learnt. At every step the class is
    explained that the network as it was would have been asked for.

    Args:
        model: any classifier; it is not changed.
        images: `(batch, height, width, channels)`, as the model takes them.
        methods: keys of `tlkit.explain.methods.registry.METHODS`.
        class_index: for which class; see `ClassIndex`.
        layer: for methods that look at one; None for the last feature map.
        seed: of the randomisation.

    Raises:
        UsageError: there is no such method, layer or class, no method is
            given, or the images do not fit.
        TlkitError: the model is no image classifier.
    """
    if not methods:
        raise UsageError(
            "There is nothing to compare.", where="methods", expected="a method"
        )
    # Randomised, the network would find another class the most probable.
    labels = open_images(model, images, class_index).named().tolist()
    classes: ClassIndex = labels
    if isinstance(class_index, tuple) and isinstance(class_index[0], str):
        classes = (class_index[0], labels)

    def draw(network: keras.Model, method: str) -> np.ndarray:
        at = layer if find_method(method).has_layer else None
        return _draw_quietly(network, images, method, classes, at)

    original = {method: draw(model, method) for method in methods}
    steps: list[str] = []
    found: dict[str, list[np.ndarray]] = {method: [] for method in methods}
    for step, network in randomised(model, seed):
        steps.append(step)
        for method, maps in original.items():
            same = rank_correlation(maps, draw(network, method))
            found[method].append(same)
    stacked = {method: np.stack(rows) for method, rows in found.items()}
    return Cascade(tuple(steps), stacked)


def _draw_quietly(
    network: keras.Model,
    images: np.ndarray,
    method: str,
    classes: ClassIndex,
    layer: str | None,
) -> np.ndarray:
    with warnings.catch_warnings():
        # Of a destroyed network it is no news that nothing speaks for a class.
        warnings.filterwarnings("ignore", "Nothing speaks for the class")
        return draw_heat_maps(network, images, method, classes, layer)


def randomised(
    model: keras.Model, seed: int = 0
) -> Iterator[tuple[str, keras.Model]]:
    """Yields a copy of a model that is destroyed layer by layer, top first.

    A layer's weights are shuffled: each array keeps its values, and with
    them its scale, and loses what it has learnt.

    Args:
        model: any classifier; it is not changed.
        seed: of the shuffling.

    Yields:
        What was shuffled last, "" at first, and the copy: always the same
        one, so that a reader must be done with it before going on.

    Raises:
        TlkitError: the model is no image classifier.
    """
    OpenNetwork(model)  # says what is wrong; copying would not
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    learnt = {
        id(step.operation): step
        for step in OpenNetwork(copy).steps
        if getattr(step.operation, "weights", ())
    }
    yield "", copy
    rng = np.random.default_rng(seed)
    for path, layer, _ in reversed(learnt.values()):
        layer.set_weights(
            [_shuffle(array, rng) for array in layer.get_weights()]
        )
        yield path, copy


def _shuffle(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(array.ravel()).reshape(array.shape)


def rank_correlation(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns Spearman's rank correlation of each map with its counterpart.

    Args:
        maps: `(batch, height, width)`.
        others: of the same shape.

    Returns:
        float64 `(batch,)`, -1 to 1. A map that is the same everywhere ranks
        nothing: it has the correlation 1 with another such map, else 0.
    """
    first, second = (
        rankdata(values.reshape(len(values), -1), axis=1)
        for values in (maps, others)
    )
    first = first - first.mean(axis=1, keepdims=True)
    second = second - second.mean(axis=1, keepdims=True)
    product = (first * second).sum(axis=1)
    scale = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    alike = np.all(first == second, axis=1)
    return np.where(alike, 1.0, product / np.where(scale > 0, scale, 1))
