"""The input of every model: raw pixels of images of any size.

Resizing and normalisation are layers of the model, so that a saved model
needs nothing but `keras.models.load_model` and an image.
"""

from __future__ import annotations

import keras

from tlkit.base.image_size import CROP, PAD, ImageSize, as_frame

_RESIZE = "resize"


def raw_pixels(
    image_size: ImageSize,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Begins a functional graph with raw pixels and a resize.

    Photographs are many times larger than the input of a network, so the
    resize averages over the pixels that it leaves out (`antialias`). It
    changes no value of images that already have the right size. It computes
    in float32 under every dtype policy, because bfloat16 has 8 bits of
    mantissa and would round the pixels.

    Args:
        image_size: Size in pixels at which the network works, a number or
            `(height, width)`; or a `Frame`, which says how images of another
            shape are brought to it.

    Returns:
        `(inputs, resized)`: the symbolic input `pixels`, shape
        `(batch, None, None, 3)`, float32, values 0 to 255; and the resized
        tensor, shape `(batch, height, width, 3)`, float32, values 0 to 255.

    Raises:
        UsageError: `image_size` is not a size.
    """
    frame = as_frame(image_size)
    inputs = keras.Input((None, None, 3), name="pixels", dtype="float32")
    resize = keras.layers.Resizing(
        frame.height,
        frame.width,
        interpolation="bilinear",
        crop_to_aspect_ratio=frame.fit == CROP,
        pad_to_aspect_ratio=frame.fit == PAD,
        antialias=True,
        dtype="float32",
        name=_RESIZE,
    )
    # `Resizing` defaults to training=True, and in Keras 3.15 this value is
    # passed on to all later layers: a plain `model(pixels)` would then run
    # batch normalisation in training mode and overwrite its statistics. `fit`
    # still trains, because it overrides the value given here.
    return inputs, resize(inputs, training=False)


def without_resize(model: keras.Model) -> keras.Model:
    """Returns the same model without its resize, for images of the right size.

    The resize would return such images unchanged, and takes a twentieth of
    the time that VGG16 takes.

    Args:
        model: A functional model that begins with `raw_pixels`.

    Returns:
        A `keras.Model` from pixels `(batch, height, width, 3)`, values 0 to
        255, to the output of `model`, with which it shares its layers.
    """
    return keras.Model(model.get_layer(_RESIZE).output, model.output)
