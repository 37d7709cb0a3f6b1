"""MiniVGG: a small VGG whose weights come with tlkit.

The weights were learnt from pictures that were drawn by formulas
(`tlkit.pretraining`, `scripts/pretrain_minivgg.py`): no photograph, nobody's
labels, no licence but tlkit's own. They let every way to a model run where
nothing can be downloaded.
"""

from __future__ import annotations

import hashlib
import json
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import keras

from tlkit.base.errors import TlkitError
from tlkit.models.weights import load_weights

#: Channels and number of 3x3 convolutions of the five blocks.
BLOCKS = ((32, 1), (64, 1), (128, 1), (128, 2), (128, 2))

_WEIGHTS = "minivgg.weights.h5"
_ABOUT = "minivgg.json"


def preprocess_input(pixels: keras.KerasTensor) -> keras.KerasTensor:
    """Scales pixels from 0 to 255 to -1 to 1, as a layer in float32."""
    scale = keras.layers.Rescaling(
        1 / 127.5, offset=-1.0, dtype="float32", name="rescaling"
    )
    return scale(pixels)


def MiniVGG(  # noqa: N802 - named like the networks of keras.applications
    input_tensor: keras.KerasTensor,
    weights: str | None = None,
    include_top: bool = False,
) -> keras.Model:
    """Builds the network, as `keras.applications` builds its own.

    VGG's shape (Simonyan and Zisserman, arXiv:1409.1556) in small: five
    blocks of 3x3 convolutions with ReLU, each closed by a 2x2 max pooling,
    684,000 parameters. It is trained with batch normalisation, which is then
    multiplied into the convolutions, so none is left here.

    Args:
        input_tensor: preprocessed pixels, `(batch, height, width, 3)`, sides
            of 32 pixels or more.
        weights: `"tlkit"` for the weights that come with the package, None
            for random ones.
        include_top: there is no top to include; False.

    Returns:
        A model to the feature map `(batch, height / 32, width / 32, 128)`.

    Raises:
        ValueError: a top, or weights of another name, is asked for.
        TlkitError: the weights in the package are not what they should be.
    """
    if include_top or weights not in ("tlkit", None):
        raise ValueError(
            "MiniVGG has no top and knows weights 'tlkit' or None. Received: "
            f"include_top={include_top}, weights={weights!r}"
        )
    x = input_tensor
    for block, (channels, convolutions) in enumerate(BLOCKS, start=1):
        for number in range(1, convolutions + 1):
            x = keras.layers.Conv2D(
                channels,
                3,
                padding="same",
                activation="relu",
                kernel_initializer="he_normal",
                name=f"block{block}_conv{number}",
            )(x)
        x = keras.layers.MaxPooling2D(name=f"block{block}_pool")(x)
    (pixels,) = keras.utils.get_source_inputs(input_tensor)
    model = keras.Model(pixels, x, name="minivgg")
    if weights:
        _load_packaged(model)
    return model


def packaged_weights() -> dict[str, Any]:
    """What is known of the weights that come with the package.

    Returns:
        Among others `sha256`, `licence`, the settings that made them, and
        `accuracy_on_pictures_kept_back` from training.
    """
    return json.loads(
        (files("tlkit.models") / _ABOUT).read_text(encoding="utf-8")
    )


def _load_packaged(model: keras.Model) -> None:
    with as_file(files("tlkit.models") / _WEIGHTS) as path:
        _check_digest(path)
        load_weights(model, path, "minivgg")


def _check_digest(path: Path) -> None:
    expected = packaged_weights()["sha256"]
    try:
        received = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        received = str(error)
    if received != expected:
        raise TlkitError(
            "The weights that come with tlkit are damaged.",
            where=path,
            expected=f"SHA-256 {expected}",
            received=received,
            remedy="Install tlkit again.",
        )
