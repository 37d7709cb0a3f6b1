"""Where every model begins: raw pixels of any size.

Resizing and normalisation are layers of the model, so that the file that is
saved needs nothing but `keras.models.load_model` and an image.
"""

from __future__ import annotations

import keras

from tlkit.base.image_size import ImageSize, as_height_width

_RESIZE = "resize"


def raw_pixels(
    image_size: ImageSize,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Opens a functional graph with raw pixels, resized.

    Photographs are many times larger than what a network looks at, so the
    resize averages over the pixels it leaves out (`antialias`). On images
    that already have the size it changes no value. It computes in float32
    under every dtype policy: bfloat16 has 8 bits of mantissa and would round
    the pixels.

    Args:
        image_size: the size the network works at, a number or
            `(height, width)`.

    Returns:
        `(inputs, resized)`: the symbolic input `pixels`, shape
        `(batch, None, None, 3)`, float32, values 0 to 255; and the resized
        tensor, shape `(batch, height, width, 3)`, float32, values 0 to 255.

    Raises:
        UsageError: `image_size` is not a size.
    """
    height, width = as_height_width(image_size)
    inputs = keras.Input((None, None, 3), name="pixels", dtype="float32")
    resize = keras.layers.Resizing(
        height,
        width,
        interpolation="bilinear",
        antialias=True,
        dtype="float32",
        name=_RESIZE,
    )
    # Resizing believes that it trains unless it is told otherwise, and in
    # Keras 3.15 what a layer believes is inherited by all layers after it:
    # a plain `model(pixels)` would then run batch normalisation in training
    # mode and overwrite its statistics. `fit` overrules what is said here.
    return inputs, resize(inputs, training=False)


def without_resize(model: keras.Model) -> keras.Model:
    """Returns a model of the same layers for images that have their size.

    The resize gives such images back as they are, and takes a twentieth of
    the time that VGG16 takes.

    Args:
        model: functional, begun by `raw_pixels`.

    Returns:
        A `keras.Model` from `(batch, height, width, 3)`, values 0 to 255, to
        what `model` gives.
    """
    return keras.Model(model.get_layer(_RESIZE).output, model.output)
