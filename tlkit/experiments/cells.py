"""The cells of a study: one network, trained one way, from one seed.

Each finished cell is a file of its own, written whole or not at all, whose
name is made of what determines the result. So an interrupted study goes on
with the cells that are missing, and a changed setting is a cell of its own.
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
"""Called with `input_shape`, `classes` and parameters of its own by name."""

_GIVEN = ("input_shape", "classes")
#: Seconds after which a cell says how far it is.
_SILENCE = 60


#: How experiments are trained unless they say otherwise.
USUAL: Mapping[str, Any] = {
    "learning_rate": 0.1,
    "batch_size": 256,
    "epochs": 10,
    "optimizer": "sgd",
    "precision": "float32",
}
#: What is no argument of a builder and no field of a recipe.
_IMAGES = ("augmentation", "image_size")
#: An experiment has no validation split to be patient by, and names its
#: images' form itself.
_NOT_HERE = ("patience", "labels")
#: Fields that settings have had from the start, so that what is finished in
#: an older folder is still known by its key; a later one counts where it is
#: not as usual.
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
        parameters: Fields of `tlkit.Recipe` by name; the rest is `USUAL`.

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
    """A network, how it is trained, and what becomes of its images.

    Args:
        build: The network's builder, a function of a module.
        network: Its parameters by name; those not named have their defaults.
        recipe: How it is trained.
        augmentation: What may happen to training images, in every epoch
            anew; None for the images as they are.
        image_size: Side in pixels to resize to, bilinearly; None for the
            images' own.
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
        """Returns builder and every parameter by name, defaults too."""
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
        told = {
            own.name: getattr(self.recipe, own.name)
            for own in fields(Recipe)
            if own.name in _FIRST_FIELDS
            or (
                own.name not in _NOT_HERE
                and getattr(self.recipe, own.name) != own.default
            )
        }
        return {
            name: self.written.get(name, value) for name, value in told.items()
        }

    def build_model(self, data: ImageArrays) -> keras.Model:
        """Builds the network for a data set.

        Raises:
            UsageError: it cannot be built for these images, or does not
                have the classes of the data.
        """
        shape = input_shape(data, self.image_size)
        try:
            with computing_in(self.recipe.precision):
                model = self.build(shape, len(data.class_names), **self.network)
        except UsageError:
            raise
        except ValueError as error:
            raise UsageError(
                "The network cannot be built for these images.",
                where=f"{self.build.__qualname__}({shape}, "
                f"{len(data.class_names)}, {dict(self.network)})",
                received=str(error).strip().split("\n")[0][:300],
            ) from error
        check_fit(model, data, self.image_size)
        return model


def make_case(build: Builder, parameters: Mapping[str, Any]) -> Case:
    """Sorts parameters into those of network, training and images.

    Args:
        build: The builder.
        parameters: Fields of `tlkit.Recipe`, arguments of `build`,
            `augmentation` (fields of `tlkit.Augmentation` by name; those not
            named do nothing) and `image_size`, by name.

    Raises:
        UsageError: A parameter is none of these, or has an impossible value.
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


def _read_side(told: Any) -> int | None:
    if told is None:
        return None
    height, width = as_height_width(told)
    if height != width:
        raise UsageError(
            "The images of an experiment become squares.",
            where="image_size",
            expected="one number of pixels",
            received=repr(told),
        )
    return height


def _read_augmentation(told: Any) -> Augmentation | None:
    if told is None or isinstance(told, Augmentation):
        return told
    if not isinstance(told, Mapping | str):
        raise UsageError(
            "An augmentation is written as names and values.",
            where="augmentation",
            expected='such as {"flip": true}, or book, mild or none',
            received=repr(told),
        )
    return make_augmentation(told)


def _differences(augmentation: Augmentation) -> dict[str, Any]:
    """The fields that do something."""
    nothing = AUGMENTATIONS["none"].settings()
    return {
        name: value
        for name, value in augmentation.settings().items()
        if value != nothing[name]
    }


def _defaults(build: Builder) -> dict[str, Any]:
    """The parameters of a builder, with their defaults."""
    return {
        name: None if given.default is given.empty else given.default
        for name, given in inspect.signature(build).parameters.items()
        if name not in _GIVEN
    }


@dataclass(frozen=True)
class Cell:
    """A case, trained from one seed.

    Args:
        case: what is trained, and how.
        seed: of first weights, order, augmentation and dropout.
    """

    case: Case
    seed: int = 0

    def key(self, data: ImageArrays) -> str:
        """Returns 16 hexadecimal digits: made of data, settings and seed."""
        told = {
            "data": data.fingerprint,
            "seed": self.seed,
            **self.case.settings(),
        }
        return digest(json.dumps(told, sort_keys=True).encode())[:16]


@dataclass(frozen=True)
class Result:
    """What came out of a cell.

    Args:
        seed: of the cell.
        epochs: the figures of each epoch; fewer than planned if the loss
            became no number.
        parameters: of the network, those that do not train too.
        seconds: of training and measuring.
        images_per_second: training images, over all epochs.
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
        cell: which.
        data: the images.
        on_epoch: called after every epoch.

    Raises:
        UsageError: see `Case.build_model`.
    """
    # What former cells have left in Keras would grow with every cell.
    keras.backend.clear_session()
    keras.utils.set_random_seed(cell.seed)
    model = cell.case.build_model(data)
    started = spoken = time.perf_counter()
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
        if now - spoken > _SILENCE and len(epochs) < cell.case.recipe.epochs:
            spoken = now
            _tell(cell, epochs, now - started)
    seconds = time.perf_counter() - started
    seen = len(epochs) * len(data.train_images)
    return Result(
        cell.seed,
        tuple(epochs),
        model.count_params(),
        round(seconds, 2),
        round(seen / seconds, 1),
    )


def _tell(cell: Cell, epochs: Sequence[Epoch], seconds: float) -> None:
    """A word from a cell that takes long."""
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
    """Keeps the result of a cell in a study's folder.

    Args:
        folder: of the study.
        cell: which cell.
        data: the images it was trained on.
        result: what came out.

    Raises:
        TlkitError: the folder cannot be written.
    """
    columns = {
        name: [_finite(getattr(epoch, name)) for epoch in result.epochs]
        for name in (column.name for column in fields(Epoch))
    }
    told = {
        "data": data.name,
        "settings": cell.case.settings(),
        **asdict(result),
        "epochs": columns,
    }
    write_json(_path(folder, cell, data), told)


def read_result(folder: Path, cell: Cell, data: ImageArrays) -> Result | None:
    """Returns what is kept of a cell, or None if it is not finished.

    Args:
        folder: of the study.
        cell: which cell.
        data: the images.

    Raises:
        TlkitError: the file is there but cannot be read.
    """
    path = _path(folder, cell, data)
    if not path.exists():
        return None
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        rows = zip(*told["epochs"].values(), strict=True)
        epochs = [Epoch(*map(_number, row)) for row in rows]
        return Result(
            told["seed"],
            tuple(epochs),
            told["parameters"],
            told["seconds"],
            told["images_per_second"],
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
    # JSON has no word for what is not a number.
    return value if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else value
