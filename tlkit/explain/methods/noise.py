"""Noisy copies of images or masks, which some methods average over."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tlkit.base.errors import UsageError


def noisy_copies(
    images: np.ndarray, samples: int, noise: float, seed: int
) -> Iterator[np.ndarray]:
    """Yields copies of the images, each time with other noise.

    Args:
        images: Batch as float32 `(batch, height, width, channels)`.
        samples: Number of copies of the batch, 1 or more.
        noise: Standard deviation of the noise, as a share of each image's own
            range of values, 0 or more.
        seed: Seed of the noise. An image's noise depends on the seed, the
            number of the copy and the image's place in the batch alone.

    Yields:
        float32 copies of the images' shape.

    Raises:
        UsageError: A number is out of its range.
    """
    if samples < 1 or noise < 0:
        raise UsageError(
            "Noise needs one sample or more and cannot be negative.",
            where="samples, noise",
            expected="samples 1 or more, noise 0 or more",
            received=f"{samples}, {noise}",
        )
    span = np.ptp(images, axis=(1, 2, 3), keepdims=True)
    for sample in range(samples):
        # One generator for each image: how many stand beside it in the batch
        # does not change its noise.
        draws = [
            np.random.default_rng((seed, sample, place)).standard_normal(
                images.shape[1:], np.float32
            )
            for place in range(len(images))
        ]
        yield images + noise * span * np.stack(draws)
