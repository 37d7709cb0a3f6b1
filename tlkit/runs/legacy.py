"""Reads runs of tlkit 0.1, whose settings had no schema, as plans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tlkit.plans.network import CONVNET, Network
from tlkit.plans.plan import Machine, Plan, Views
from tlkit.plans.recipe import Recipe

#: Names of an augmentation's fields in tlkit 0.1, and what they are now. 0.1
#: took them from Keras's `ImageDataGenerator`.
_AUGMENTATION = {
    "rotation_range": "rotation",
    "width_shift_range": "width_shift",
    "height_shift_range": "height_shift",
    "shear_range": "shear",
    "zoom_range": "zoom",
    "horizontal_flip": "flip",
    "brightness_range": "brightness",
    "contrast_range": "contrast",
    "saturation_range": "saturation",
    "channel_shift_range": "channel_shift",
}
_RECIPE = ("learning_rate", "batch_size", "epochs", "patience", "precision")


def is_legacy(config: Mapping[str, Any]) -> bool:
    """Returns whether a run's `config.json` was written by tlkit 0.1."""
    return {"route", "settings", "dataset"} <= config.keys()


def legacy_plan(config: Mapping[str, Any]) -> Plan:
    """Makes a plan from a `config.json` of tlkit 0.1.

    Args:
        config: The file's content. `route` was 0.1's word for a way, and
            `settings` holds what is a plan's field now.
    """
    way, settings = config["route"], config["settings"]
    training = settings.get("training", {})
    stored = way in ("augmented", "finetune")
    # A run without this setting sent every image through the network in every
    # epoch.
    views = settings.get("views")
    return Plan(
        way,
        network=_network(way, settings),
        augmentation=_augmentation(settings) if way != "features" else None,
        views=Views(views["count"], views["dtype"])
        if stored and views
        else Views(0 if stored else None),
        recipe=Recipe(**{n: training[n] for n in _RECIPE if n in training}),
        machine=Machine(
            training.get("devices", 1),
            ("tensorboard",) if training.get("tensorboard") else (),
        ),
        seed=training.get("seed", 0),
        start=settings.get("start"),
        from_layer=settings.get("from_layer"),
    )


def _network(way: str, settings: Mapping[str, Any]) -> Network:
    if way != "scratch":
        return Network(**settings.get("network", {}))
    return Network(
        CONVNET,
        image_size=tuple(settings["image_size"])
        if "image_size" in settings
        else None,
        dropout=settings.get("dropout"),
        l2=settings.get("l2"),
    )


def _augmentation(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    given = settings.get("augmentation")
    if given is None:
        return {"preset": "none"}
    return {
        _AUGMENTATION.get(name, name): value
        for name, value in given.items()
        if value is not None
    }
