"""Do heat maps change when what the network has learnt is destroyed?"""

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
    """How far heat maps stay the same while a network is destroyed.

    Attributes:
        steps: Path of the layer destroyed last, from the top downward. The
            first step is "", for nothing.
        correlations: For each method, float64 `(steps, images)`: the rank
            correlation of each image's heat map with that of the intact
            network.
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
    """Compares heat maps while weights are randomised from the top downward.

    Adebayo et al., "Sanity Checks for Saliency Maps" (arXiv:1810.03292),
    section 3.1, cascading randomisation. A method whose heat maps stay the
    same does not show what the network has learnt. Every step explains the
    same classes as the intact network.

    Args:
        model: Any image classifier. It is not changed.
        images: Batch of shape `(batch, height, width, channels)`, with values
            in the range that the model takes.
        methods: Methods to compare, keys of
            `tlkit.explain.methods.registry.METHODS`.
        class_index: The class to explain: one number for all images, one per
            image, or None for the class each image is taken for; see
            `ClassIndex`.
        layer: Name of the layer, for the methods that look at one. None takes
            the last layer, pooling aside, whose output has height and width.
        seed: Seed of the randomisation. The same seed gives the same result.

    Raises:
        UsageError: There is no such method, layer or class, no method is
            given, or the model does not take such images.
        TlkitError: The model is not an image classifier.
    """
    if not methods:
        raise UsageError(
            "There is no method to compare.",
            where="methods",
            expected="at least one",
        )
    # A randomised network would take the image for another class.
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
        # Empty maps are to be expected of a destroyed network.
        warnings.filterwarnings("ignore", "Nothing speaks for the class")
        return draw_heat_maps(network, images, method, classes, layer)


def randomised(
    model: keras.Model, seed: int = 0
) -> Iterator[tuple[str, keras.Model]]:
    """Yields a copy of a model that is destroyed layer by layer, top first.

    A layer's weights are shuffled: each array keeps its values, and with
    them its scale, but loses what it has learnt.

    Args:
        model: Any image classifier. It is not changed.
        seed: Seed of the shuffling. The same seed gives the same networks.

    Yields:
        Path of the layer shuffled last ("" at first), and the copy. It is one
        and the same copy, which the next step changes: use it before taking
        the next.

    Raises:
        TlkitError: The model is not an image classifier.
    """
    # Copying a model that is no classifier would fail with another message.
    OpenNetwork(model)
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    # By identity, so that a layer that runs several times is shuffled once.
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
        maps: Heat maps `(batch, height, width)`.
        others: Heat maps of the same shape.

    Returns:
        float64 `(batch,)`, -1 to 1. A map that is the same everywhere has no
        ranks. Its correlation is 1 with another such map, and 0 with any other.
    """
    # Spearman's correlation is Pearson's, of the ranks.
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
