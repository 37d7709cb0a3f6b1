"""A model is saved with the names of its classes, whatever they are."""

import keras

from tlkit.models.saving import load_model, read_about, save_classifier


def test_names_of_any_form_are_saved_with_the_model(tmp_path):
    """Bytes that are not UTF-8 lost the finished model."""
    names = ["\udcb9\udcb7", "猫", "🐱", "$0_$50", "x" * 255, "a\x00b"]
    image = keras.Input((4, 4, 3))
    model = keras.Model(
        image, keras.layers.Dense(6)(keras.layers.Flatten()(image))
    )
    save_classifier(model, tmp_path / "a.keras", names, (4, 4))
    assert read_about(tmp_path / "a.keras")["class_names"] == names
    assert load_model(tmp_path / "a.keras").output_shape == (None, 6)
