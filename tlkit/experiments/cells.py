"""The cells of a study: each is one network, one recipe and one seed.

The result of a finished cell is a file of its own, written whole or not at
all. Its name is made of everything that determines the result. So an
interrupted study goes on with the cells that are missing, and a changed
setting makes another cell.
"""

from __future__ import annotations

import inspect
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Any

import keras

from tlkit.base.atomic import write_json
from tlkit.base.choices import check_known
from tlkit.base.console import say
from tlkit.base.errors import TlkitError, UsageError
from tlkit.base.image_size import as_height_width
from tlkit.data.augment import AUGMENTATIONS, Augmentation, make_augmentation
from tlkit.data.index import digest
from tlkit.experiments.images import ImageArrays
from tlkit.experiments.training import Epoch, check_fit, input_shape, train
from tlkit.models.precision import choose_precision, computing_in
from tlkit.plans.optimizers import label_form
from tlkit.plans.recipe import Recipe, ResolvedRecipe

Builder = Callable[..., keras.Model]
"""A function that builds a network.

It is called with `input_shape`, `classes` and its own parameters by name.
"""

_GIVEN = ("input_shape", "classes")
#: Seconds after which a long cell prints how far it is.
_SILENCE = 60


#: Fields of the recipe of an experiment, where it does not set them.
USUAL: Mapping[str, Any] = {
    "learning_rate": 0.1,
    "batch_size": 256,
    "epochs": 10,
    "optimizer": "sgd",
    "precision": "float32",
}
#: Parameters that are neither arguments of a builder nor fields of a recipe.
_IMAGES = ("augmentation", "image_size")
#: Fields of a recipe that an experiment cannot set: without a validation
#: split there is nothing to be patient by, and the labels' form follows from
#: the loss.
_NOT_HERE = ("patience", "labels")
#: Fields that are part of every key. A field that recipes got later is part
#: of it only where it is not at its default, so that cells finished before
#: then are still found under their keys.
_FIRST_FIELDS = (
    *("learning_rate", "batch_size", "epochs", "optimizer", "schedule"),
    *("weight_decay", "label_smoothing", "precision"),
)
#: A builder that has moved keeps the name in the settings that it had when
#: the first cells were finished, so that these are still known by their keys.
_FORMER: Mapping[str, str] = {
    "tlkit.experiments.small_networks": "tlkit.study.small_networks",
}


def make_recipe(parameters: Mapping[str, Any]) -> ResolvedRecipe:
    """Makes the recipe of an experiment.

    Args:
        parameters: Fields of `tlkit.Recipe` by name. Those left out are as in
            `USUAL`, or else at their default.

    Raises:
        UsageError: A value is not possible.
    """
    asked = Recipe(**{**USUAL, **parameters})
    given = {own.name: getattr(asked, own.name) for own in fields(Recipe)}
    form = label_form(asked.loss, None, asked.label_smoothing)
    policy = choose_precision(asked.precision)
    return ResolvedRecipe(
        **{**given, "patience": 1, "labels": form, "precision": policy}
    )


@dataclass(frozen=True)
class Case:
    """A network, its recipe, and how its images are changed.

    Args:
        build: The builder of the network, a function of a module, so that
            other processes can import it.
        network: Parameters of the builder by name. Those left out have their
            defaults.
        recipe: The recipe by which the network is trained.
        augmentation: Random changes of the training images, drawn anew in
            every epoch; None for the images as they are.
        image_size: Side in pixels to which images are resized, bilinearly;
            None keeps their own size.
        written: Values of the recipe as somebody wrote them, by name. They
            are part of the settings: `"auto"` means another precision on
            another machine, and a rate of 1 is kept as it was written.
    """

    build: Builder
    network: Mapping[str, Any] = dataclass_field(default_factory=dict)
    recipe: ResolvedRecipe = dataclass_field(
        default_factory=lambda: make_recipe({})
    )
    augmentation: Augmentation | None = None
    image_size: int | None = None
    written: Mapping[str, Any] = dataclass_field(default_factory=dict)

    def settings(self) -> dict[str, Any]:
        """Returns the builder's name and all parameters, defaults included."""
        module = self.build.__module__
        name = f"{_FORMER.get(module, module)}.{self.build.__qualname__}"
        own = self.augmentation
        return {
            "builder": name,
            **_defaults(self.build),
            **self.network,
            **self._recipe_settings(),
            "augmentation": own and _differences(own),
            "image_size": self.image_size,
        }

    def _recipe_settings(self) -> dict[str, Any]:
        given = {
            own.name: getattr(self.recipe, own.name)
            for own in fields(Recipe)
            if own.name in _FIRST_FIELDS
            or (
                own.name not in _NOT_HERE
                and getattr(self.recipe, own.name) != own.default
            )
        }
        return {
            name: self.written.get(name, value) for name, value in given.items()
        }

    def build_model(self, data: ImageArrays) -> keras.Model:
        """Builds the network for a data set.

        Raises:
            UsageError: The network cannot be built for these images, or does
                not have as many outputs as the data has classes.
        """
        shape = input_shape(data, self.image_size)
        try:
            with computing_in(self.recipe.precision):
                model = self.build(shape, len(data.class_names), **self.network)
        except UsageError:
            raise
        except ValueError as error:
            # Keras's own text begins with the reason and goes on for pages.
            raise UsageError(
                "The network cannot be built for these images.",
                where=f"{self.build.__qualname__}({shape}, "
                f"{len(data.class_names)}, {dict(self.network)})",
                received=str(error).strip().split("\n")[0][:300],
            ) from error
        check_fit(model, data, self.image_size)
        return model


def make_case(build: Builder, parameters: Mapping[str, Any]) -> Case:
    """Makes a case of parameters, given in one mapping for all its parts.

    Args:
        build: The builder of the network.
        parameters: By name: fields of `tlkit.Recipe`, arguments of `build`,
            `image_size`, and `augmentation`, which is a mapping of fields of
            `tlkit.Augmentation`. Fields left out of it change nothing.

    Raises:
        UsageError: A parameter is none of these, or its value is not
            possible.
    """
    trained = [f.name for f in fields(Recipe) if f.name not in _NOT_HERE]
    known = [*_defaults(build), *trained, *_IMAGES]
    for name in parameters:
        check_known("parameter", name, known)
    recipe = {n: v for n, v in parameters.items() if n in trained}
    other = {*trained, *_IMAGES}
    return Case(
        build,
        {n: v for n, v in parameters.items() if n not in other},
        make_recipe(recipe),
        _read_augmentation(parameters.get("augmentation")),
        _read_side(parameters.get("image_size")),
        # Numbers with a point are the recipe's own, to the bit.
        {n: v for n, v in recipe.items() if type(v) in (int, str)},
    )


def _read_side(given: Any) -> int | None:
    if given is None:
        return None
    height, width = as_height_width(given)
    if height != width:
        raise UsageError(
            "The images of an experiment become squares.",
            where="image_size",
            expected="one number of pixels",
            received=repr(given),
        )
    return height


def _read_augmentation(given: Any) -> Augmentation | None:
    if given is None or isinstance(given, Augmentation):
        return given
    if not isinstance(given, Mapping | str):
        raise UsageError(
            "An augmentation is written as names and values.",
            where="augmentation",
            expected='such as {"flip": true}, or book, mild or none',
            received=repr(given),
        )
    return make_augmentation(given)


def _differences(augmentation: Augmentation) -> dict[str, Any]:
    """Returns the fields that change an image.

    Only these are part of the key, so that a field which augmentations get
    later does not change the keys of finished cells.
    """
    nothing = AUGMENTATIONS["none"].settings()
    return {
        name: value
        for name, value in augmentation.settings().items()
        if value != nothing[name]
    }


def _defaults(build: Builder) -> dict[str, Any]:
    """Returns the parameters of a builder with their defaults."""
    return {
        name: None if given.default is given.empty else given.default
        for name, given in inspect.signature(build).parameters.items()
        if name not in _GIVEN
    }


@dataclass(frozen=True)
class Cell:
    """A case, trained from one seed.

    Args:
        case: The network, its recipe and its images.
        seed: Seed of initial weights, order, augmentation and dropout.
    """

    case: Case
    seed: int = 0

    def key(self, data: ImageArrays) -> str:
        """Returns 16 hexadecimal digits made of data, settings and seed."""
        determining = {
            "data": data.fingerprint,
            "seed": self.seed,
            **self.case.settings(),
        }
        return digest(json.dumps(determining, sort_keys=True).encode())[:16]


@dataclass(frozen=True)
class Result:
    """The result of a cell.

    Args:
        seed: Seed of the cell.
        epochs: The figures of each epoch. They are fewer than planned if the
            loss became NaN or infinite.
        parameters: Number of the network's parameters, including those that
            are not trained.
        seconds: Seconds of training and measuring.
        images_per_second: Training images per second over all epochs.
    """

    seed: int
    epochs: tuple[Epoch, ...]
    parameters: int
    seconds: float
    images_per_second: float

    @property
    def last(self) -> Epoch:
        """The figures after the last epoch, which are those to quote."""
        return self.epochs[-1]


def run_cell(
    cell: Cell,
    data: ImageArrays,
    on_epoch: Callable[[], None] | None = None,
) -> Result:
    """Builds and trains the network of a cell.

    Args:
        cell: The cell.
        data: The images.
        on_epoch: Function that is called after every epoch.

    Raises:
        UsageError: See `Case.build_model`.
    """
    # Keras keeps graphs and names of all models of a process, so a study of
    # many cells would use ever more memory.
    keras.backend.clear_session()
    keras.utils.set_random_seed(cell.seed)
    model = cell.case.build_model(data)
    started = printed = time.perf_counter()
    epochs = []
    case = cell.case
    for epoch in train(
        model,
        data,
        case.recipe,
        cell.seed,
        case.augmentation,
        case.image_size,
    ):
        epochs.append(epoch)
        if on_epoch is not None:
            on_epoch()
        now = time.perf_counter()
        if now - printed > _SILENCE and len(epochs) < cell.case.recipe.epochs:
            printed = now
            _print_progress(cell, epochs, now - started)
    seconds = time.perf_counter() - started
    seen = len(epochs) * len(data.train_images)
    return Result(
        cell.seed,
        tuple(epochs),
        model.count_params(),
        round(seconds, 2),
        round(seen / seconds, 1),
    )


def _print_progress(
    cell: Cell, epochs: Sequence[Epoch], seconds: float
) -> None:
    """Prints the latest figures of a long cell, and the time it still needs."""
    left = seconds / len(epochs) * (cell.case.recipe.epochs - len(epochs))
    say(
        f"  {cell.case.build.__name__} seed {cell.seed}: epoch {len(epochs)} "
        f"of {cell.case.recipe.epochs}, train {epochs[-1].accuracy:.3f}, "
        f"test {epochs[-1].test_accuracy:.3f}; about {left / 60:.0f} min left "
        "for this cell"
    )


def write_result(
    folder: Path, cell: Cell, data: ImageArrays, result: Result
) -> None:
    """Writes the result of a cell to a study's folder.

    Args:
        folder: Folder of the study.
        cell: The cell.
        data: The images on which it was trained.
        result: The result of the cell.

    Raises:
        TlkitError: The folder cannot be written.
    """
    columns = {
        name: [_finite(getattr(epoch, name)) for epoch in result.epochs]
        for name in (column.name for column in fields(Epoch))
    }
    written = {
        "data": data.name,
        "settings": cell.case.settings(),
        **asdict(result),
        "epochs": columns,
    }
    write_json(_path(folder, cell, data), written)


def read_result(folder: Path, cell: Cell, data: ImageArrays) -> Result | None:
    """Returns the result of a cell, or None if it is not finished.

    Args:
        folder: Folder of the study.
        cell: The cell.
        data: The images.

    Raises:
        TlkitError: The file exists but cannot be read.
    """
    path = _path(folder, cell, data)
    if not path.exists():
        return None
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        rows = zip(*written["epochs"].values(), strict=True)
        epochs = [Epoch(*map(_number, row)) for row in rows]
        return Result(
            written["seed"],
            tuple(epochs),
            written["parameters"],
            written["seconds"],
            written["images_per_second"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TlkitError(
            "Cannot read this cell of a study.",
            where=path,
            received=error,
            remedy="Remove the file; the cell is then trained again.",
        ) from error


def _path(folder: Path, cell: Cell, data: ImageArrays) -> Path:
    return folder / "cells" / f"{cell.key(data)}.json"


def _finite(value: float) -> float | None:
    # JSON has no NaN; Python would write one that other readers refuse.
    return value if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else value
