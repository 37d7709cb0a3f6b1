"""Conv bases: from raw pixels to a feature map, in one flat graph.

The networks are those of `keras.applications`, and MiniVGG. What is added
here is the entry for raw pixels of any size, the network's own preprocessing
inside the graph, and strict loading of weights.
"""

from __future__ import annotations

import os
import re
import warnings
from typing import Any

import keras

from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.image_size import ImageSize, as_frame
from tlkit.models import minivgg
from tlkit.models.flattening import flatten
from tlkit.models.inputs import raw_pixels
from tlkit.models.precision import with_precision
from tlkit.models.specs import BASES as BASES
from tlkit.models.specs import MINIVGG, PUBLISHED
from tlkit.models.specs import ConvBaseSpec as ConvBaseSpec
from tlkit.models.specs import base_spec as base_spec
from tlkit.models.weights import check_weights_file, load_weights
from tlkit.tensor.graphs import every_layer, graph_of


def build_base(
    name: str,
    weights: str | os.PathLike[str] | None = None,
    image_size: ImageSize | None = None,
    alpha: float = 1.0,
) -> keras.Model:
    """Builds a conv base that takes raw pixels.

    Args:
        name: Name of the base, a key of `BASES` such as "vgg16".
        weights: "imagenet" fetches the published weights and keeps them in
            Keras's cache; "tlkit" takes those of MiniVGG from the package;
            the path of an HDF5 weights file, with or without the classifier
            on top, loads that file; "none" leaves the weights random. None
            stands for the weights that the base is published with.
        image_size: Size the network works at, a number of pixels,
            `(height, width)` or a `Frame`. None takes the base's own.
        alpha: Width multiplier, by which the MobileNets' channels are
            multiplied; 1.0 for all other bases.

    Returns:
        A flat functional `keras.Model` from `(batch, None, None, 3)`, values
        0 to 255, to the feature map `(batch, height, width, channels)`, in
        the compute dtype of Keras's current dtype policy. Resizing and
        normalisation are float32 under every policy. All layers train; see
        `freeze_all` and `freeze_below`.

    Raises:
        UsageError: The base is unknown, does not come in this width or is
            not made for images as small as this, or the weights file does
            not exist.
        TlkitError: The weights could not be fetched, or the file holds those
            of another network.

    Example:
        >>> build_base("minivgg", "none", image_size=64).output_shape
        (None, 2, 2, 128)
    """
    spec = base_spec(name)
    frame = as_frame(spec.image_size if image_size is None else image_size)
    weights = spec.published if weights is None else weights
    check_base(name, weights, frame.size, alpha)
    _, resized = raw_pixels(frame)
    # Inside the graph, so that a saved model can be fed raw pixels and nobody
    # can forget, or confuse, the preprocessing that its weights need.
    pixels = _preprocessing_module(spec).preprocess_input(resized)
    if weights == "imagenet":
        model = _with_imagenet_weights(spec, pixels, alpha)
    elif weights == "tlkit":
        model = minivgg.MiniVGG(pixels, weights="tlkit")
    else:
        model = _build(spec, pixels, alpha, weights=None)
    if weights not in (*PUBLISHED, "none"):
        width = f" with alpha={alpha}" if len(spec.alphas) > 1 else ""
        load_weights(model, weights, f"{spec.name}{width}")
    # The builders take their inputs as a list of one, and a model built on a
    # list warns whenever it is called on a plain array.
    model = _inline(model)
    model = keras.Model(model.inputs[0], model.output, name=spec.name)
    return _with_float32_entry(model)


def build_given_base(base: keras.Model, image_size: ImageSize) -> keras.Model:
    """Builds a conv base from a Keras model that the user brings.

    Args:
        base: A functional or sequential model from pixels of shape
            `(batch, height, width, 3)`, values 0 to 255, to a feature map.
            It is copied, so training does not change it.
        image_size: Size the network works at, a number of pixels,
            `(height, width)` or a `Frame`.

    Returns:
        A flat model that takes raw pixels of any size, as from `build_base`.

    Raises:
        UsageError: See `check_given_base`.
    """
    check_given_base(base, as_frame(image_size).size)
    inputs, resized = raw_pixels(image_size)
    model = keras.Model(inputs, flatten(base, resized), name=base.name)
    return _with_float32_entry(model)


def check_given_base(base: Any, size: tuple[int, int]) -> None:
    """Raises UsageError unless a Keras model can be a conv base.

    Args:
        base: The Keras model. A dictionary stands for a model in a run's
            `config.json`, which holds its name but not the model, and is
            always refused.
        size: The `(height, width)` in pixels that the network works at.
    """
    if isinstance(base, dict):
        raise UsageError(
            "This conv base was a Keras model in Python.",
            where="base",
            expected="the model itself, in a plan that is made in Python",
            received=f"only its name, {base['keras_model']}",
        )
    # A model that was never called has no shapes; one with several inputs has
    # a list of them.
    takes: Any = getattr(base, "input_shape", None)
    gives: Any = getattr(base, "output_shape", None)
    maps = all(isinstance(x, tuple) and len(x) == 4 for x in (takes, gives))
    fits = maps and all(
        side in (None, here)
        for side, here in zip(takes[1:], (*size, 3), strict=True)
    )
    if not fits or graph_of(base) is None:
        raise UsageError(
            "This Keras model cannot be a conv base.",
            where=f"model {base.name}",
            expected=f"pixels (batch, {size[0]}, {size[1]}, 3) to a feature "
            "map (batch, height, width, channels)",
            received=f"{takes} to {gives}",
        )
    for layer in every_layer(base):
        if not type(layer).__module__.startswith("keras."):
            raise UsageError(
                "A conv base is made of Keras's own layers.",
                where=f"model {base.name}, layer {layer.name}",
                expected="layers that load without custom code",
                received=type(layer).__name__,
                remedy="Build it from layers of Keras; otherwise nobody could "
                "load the saved model with plain Keras.",
            )


def _preprocessing_module(spec: ConvBaseSpec) -> Any:
    if spec is MINIVGG:
        return minivgg
    return getattr(keras.applications, spec.module)


def check_base(
    name: str,
    weights: str | os.PathLike[str],
    size: tuple[int, int],
    alpha: float,
) -> None:
    """Raises the UsageErrors of `build_base`, without building anything.

    Args:
        name: Name of the base, a key of `BASES`.
        weights: Name of published weights, the path of a file, or "none".
        size: The `(height, width)` in pixels that the network works at.
        alpha: Width multiplier of the MobileNets; 1.0 for all other bases.
    """
    spec = base_spec(name)
    if weights in PUBLISHED and weights != spec.published:
        raise UsageError(
            f"{spec.name} does not come with these weights.",
            where="weights",
            expected=f"{spec.published}, the path of a weights file, or none",
            received=weights,
        )
    if alpha not in spec.alphas:
        raise UsageError(
            f"{spec.name} does not come in this width.",
            where="alpha",
            expected=" or ".join(map(str, spec.alphas)),
            received=alpha,
        )
    if min(size) < spec.smallest_size:
        raise UsageError(
            f"The image is too small for {spec.name}.",
            where="image_size",
            expected=f"{spec.smallest_size} pixels or more a side",
            received=f"{size[0]}x{size[1]}",
            remedy="Choose a larger image size; smaller images are enlarged "
            "to it by the model.",
        )
    if weights not in (*PUBLISHED, "none"):
        check_weights_file(weights)


def _build(
    spec: ConvBaseSpec,
    pixels: keras.KerasTensor,
    alpha: float,
    weights: str | None,
) -> keras.Model:
    home = minivgg if spec is MINIVGG else keras.applications
    builder = getattr(home, spec.builder)
    width = {"alpha": alpha} if len(spec.alphas) > 1 else {}
    return builder(
        include_top=False, weights=weights, input_tensor=pixels, **width
    )


def _with_imagenet_weights(
    spec: ConvBaseSpec, pixels: keras.KerasTensor, alpha: float
) -> keras.Model:
    try:
        with warnings.catch_warnings():
            # MobileNet warns that it takes its 224-pixel weights. They are
            # wanted at every size, so the warning would only worry the user.
            warnings.filterwarnings("ignore", message="`input_shape` is un")
            return _build(spec, pixels, alpha, weights="imagenet")
    except Exception as error:
        # Keras raises a bare Exception when a download fails, and only its
        # text holds the address from which the user can fetch the file.
        url = re.search(r"https?://[^\s:]+", str(error))
        raise TlkitError(
            f"Cannot fetch the ImageNet weights of {spec.name}.",
            where=url.group() if url else None,
            received=error,
            remedy="Fetch that file on a machine with a network and pass it: "
            "--weights PATH, or build_base(..., weights=PATH).",
        ) from error


def _inline(model: keras.Model) -> keras.Model:
    """Returns the same graph without models nested in it.

    ConvNeXt keeps its stem and its downsampling in `Sequential` models,
    whose layers could not be reached by name after a reload.
    """
    if not any(graph_of(layer) for layer in model.layers):
        return model
    pixels = model.inputs[0]
    return keras.Model(pixels, flatten(model, pixels), name=model.name)


def _with_float32_entry(model: keras.Model) -> keras.Model:
    """Puts preprocessing layers that came with the network into float32."""
    # Keras built them under the current policy; mixed precision would round
    # the pixels before the network sees them.
    policy = keras.config.dtype_policy().name
    return model if policy == "float32" else with_precision(model, policy)
