"""The fused update is Keras's Adam."""

import keras
import numpy as np

from tlkit.tensor.fused_adam import FusedAdam


def test_it_is_kerass_adam():
    random = np.random.default_rng(0)
    images = random.normal(size=(64, 6, 6, 3)).astype("float32")
    labels = random.integers(0, 3, 64)

    def trained(optimizer):
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [
                keras.Input((6, 6, 3)),
                keras.layers.Conv2D(4, 3, activation="relu"),
                keras.layers.BatchNormalization(),
                keras.layers.Flatten(),
                keras.layers.Dense(3, activation="softmax"),
            ]
        )
        model.compile(optimizer, "sparse_categorical_crossentropy")
        model.fit(images, labels, batch_size=16, epochs=5, verbose=0)
        return model.get_weights()

    start = trained(keras.optimizers.SGD(0.0))
    ours, kerass = (
        trained(FusedAdam(0.01)),
        trained(keras.optimizers.Adam(0.01)),
    )
    for one, other, before in zip(ours, kerass, start, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
        assert np.abs(one - before).max() > 1e-3  # it has moved
