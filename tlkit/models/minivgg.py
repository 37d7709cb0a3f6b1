"""MiniVGG: a small VGG whose weights come with tlkit.

The weights were learnt from images drawn by formulas (`tlkit.pretraining`,
`scripts/pretrain_minivgg.py`). No photographs and no labels of other people
went into them, so they are under tlkit's own licence. With them, everything
that needs a pretrained network also works where nothing can be downloaded.
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
    """Scales pixels from the range 0 to 255 to the range -1 to 1.

    Args:
        pixels: Symbolic tensor of shape `(batch, height, width, 3)`.

    Returns:
        Symbolic float32 tensor of the same shape. The layer computes in
        float32 under every dtype policy.
    """
    scale = keras.layers.Rescaling(
        1 / 127.5, offset=-1.0, dtype="float32", name="rescaling"
    )
    return scale(pixels)


def MiniVGG(  # noqa: N802 - named like the networks of keras.applications
    input_tensor: keras.KerasTensor,
    weights: str | None = None,
    include_top: bool = False,
) -> keras.Model:
    """Builds the network; called like a builder of `keras.applications`.

    It is a small VGG (Simonyan and Zisserman, arXiv:1409.1556): five blocks
    of 3x3 convolutions with ReLU, each followed by a 2x2 max pooling, with
    684,000 parameters. It was trained with batch normalisation, which was
    then multiplied into the convolutions, so there is none here.

    Args:
        input_tensor: Preprocessed pixels, shape `(batch, height, width, 3)`,
            with sides of 32 pixels or more.
        weights: `"tlkit"` for the weights that come with the package, None
            for random ones.
        include_top: Must be False, because there is no classifier to
            include.

    Returns:
        A model to the feature map `(batch, height / 32, width / 32, 128)`.

    Raises:
        ValueError: A top, or weights of another name, were asked for.
        TlkitError: The weights in the package are damaged.
    """
    # ValueError and a "Received:" at the end, as `keras.applications` has it.
    if include_top or weights not in ("tlkit", None):
        raise ValueError(
            "MiniVGG has no top and its weights are 'tlkit' or None. Received: "
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
    # The model begins at the raw pixels, so that preprocessing belongs to it.
    (pixels,) = keras.utils.get_source_inputs(input_tensor)
    model = keras.Model(pixels, x, name="minivgg")
    if weights:
        _load_packaged(model)
    return model


def packaged_weights() -> dict[str, Any]:
    """Returns what is recorded about the weights that come with the package.

    Returns:
        A dictionary that holds, among others, `sha256`, `licence`, the
        settings of the pretraining, and `accuracy_on_pictures_kept_back`,
        the accuracy on drawn images that were kept out of it.
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
