"""Noisy copies of images: what two methods average over."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tlkit.base.errors import UsageError


def noisy_copies(
    images: np.ndarray, samples: int, noise: float, seed: int
) -> Iterator[np.ndarray]:
    """Yields the images again and again, each time under other noise.

    Args:
        images: float32 `(batch, height, width, channels)`.
        samples: how often, 1 or more.
        noise: standard deviation, as a share of each image's own range of
            values, 0 or more.
        seed: of the noise. An image's noise depends on its place in the
            batch and on nothing else.

    Yields:
        float32, of the images' shape.

    Raises:
        UsageError: a number is out of its range.
    """
    if samples < 1 or noise < 0:
        raise UsageError(
            "Noise needs one sample or more and cannot be negative.",
            where="samples, noise",
            expected="1 or more, 0 or more",
            received=f"{samples}, {noise}",
        )
    span = np.ptp(images, axis=(1, 2, 3), keepdims=True)
    for sample in range(samples):
        draws = [
            np.random.default_rng((seed, sample, place)).standard_normal(
                images.shape[1:], np.float32
            )
            for place in range(len(images))
        ]
        yield images + noise * span * np.stack(draws)
