"""How to train: everything but the network and the images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tlkit.base.errors import UsageError
from tlkit.base.fields import About, Checked, field
from tlkit.models.specs import PRECISIONS
from tlkit.plans.optimizers import (
    LABELS,
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
    label_form,
    rate_of,
)


@dataclass(frozen=True)
class Recipe(Checked):
    """How a network is trained; what is None suits the way.

    Args:
        learning_rate: Learning rate of the optimizer, 0 or more.
        batch_size: Images in a step, over all devices together.
        epochs: The training ends after this many passes over the training
            images, if not before.
        patience: The training ends after this many epochs in a row without a
            lower validation loss. The best epoch's weights are kept in any
            case.
        optimizer: A key of `tlkit.plans.optimizers.OPTIMIZERS`; or a Keras
            optimizer, which brings its own learning rate and schedule. It is
            copied: each training begins with a fresh one.
        schedule: A key of `SCHEDULES`: what the learning rate does.
        weight_decay: Share of each weight that a step takes away, times the
            learning rate. With "adam" this is AdamW (Loshchilov and Hutter,
            arXiv:1711.05101).
        label_smoothing: Share of a label that is spread over all classes
            (Szegedy and others, arXiv:1512.00567, section 7).
        loss: A key of `LOSSES`.
        labels: `"integer"` or `"one_hot"`: the form in which the loss is
            given its labels. None takes the one that the loss needs.
        precision: `"auto"`, or the dtype policy to compute in. `"auto"`
            means mixed_bfloat16 where the machine and the network are
            several times faster in it, else float32. Saved models are
            float32 in any case.

    Raises:
        UsageError: A value is out of its range or unknown.

    Example:
        >>> recipe = Recipe(epochs=20, schedule="cosine")
        >>> recipe.optimizer, recipe.learning_rate  # None: open yet
        ('adam', None)
    """

    learning_rate: float | None = field(
        None,
        About(
            "Learning rate of the optimizer.",
            at_least=0,
            group="training",
            open="the base's own",
        ),
    )
    batch_size: int | None = field(
        None,
        About(
            "Images in a step, over all devices together.",
            at_least=1,
            group="training",
            open="32; for the way features up to 256",
        ),
    )
    epochs: int | None = field(
        None,
        About(
            "End after this many passes over the training images.",
            at_least=1,
            group="training",
            first=True,
        ),
    )
    patience: int | None = field(
        None,
        About(
            "End after this many epochs without a lower validation loss.",
            at_least=1,
            group="training",
        ),
    )
    optimizer: Any = field(
        "adam",
        About(
            "What moves the weights.",
            choices=lambda: OPTIMIZERS,
            group="training",
        ),
    )
    schedule: str = field(
        "constant",
        About(
            "What the learning rate does from step to step.",
            choices=lambda: SCHEDULES,
            group="training",
        ),
    )
    weight_decay: float = field(
        0.0,
        About(
            "Share of each weight that a step takes away, times the rate.",
            at_least=0,
            group="training",
        ),
    )
    label_smoothing: float = field(
        0.0,
        About(
            "Share of a label that is spread over all classes.",
            at_least=0,
            below=1,
            group="training",
        ),
    )
    loss: str = field(
        "crossentropy",
        About(
            "What the training makes small.",
            choices=lambda: LOSSES,
            group="training",
        ),
    )
    labels: str | None = field(
        None,
        About(
            "Form in which the loss is given its labels.",
            choices=lambda: LABELS,
            group="training",
            open="the one that the loss needs",
        ),
    )
    precision: str = field(
        "auto",
        About(
            "auto: mixed_bfloat16 where machine and network are fast in it.",
            choices=lambda: PRECISIONS,
            group="machine",
        ),
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "optimizer", _as_data(self.optimizer))
        super().__post_init__()
        if self.labels is not None:
            label_form(self.loss, self.labels, self.label_smoothing)
        if not isinstance(self.optimizer, str):
            self._check_given_optimizer()

    def _check_given_optimizer(self) -> None:
        """A Keras optimizer has a rate, a schedule and a decay of its own."""
        usual = {
            "schedule": "constant",
            "weight_decay": 0.0,
            "learning_rate": rate_of(self.optimizer),
        }
        for name, own in usual.items():
            if getattr(self, name) not in (own, None):
                raise UsageError(
                    f"A Keras optimizer has a {name} of its own.",
                    where=name,
                    expected="nothing beside a Keras optimizer",
                    received=getattr(self, name),
                    remedy="Give it to the optimizer, or name the optimizer.",
                )


@dataclass(frozen=True)
class ResolvedRecipe(Recipe):
    """A recipe with nothing left open; see `tlkit.plans.resolve`."""

    learning_rate: float = 1e-3
    batch_size: int = 32
    epochs: int = 1
    patience: int = 1
    labels: str = "integer"
    precision: str = "float32"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.precision == "auto":
            raise UsageError(
                "A resolved recipe names its precision.",
                where="precision",
                received=self.precision,
            )


def _as_data(optimizer: Any) -> Any:
    """A Keras optimizer as plain data, so that a plan stays a value."""
    if isinstance(optimizer, str | dict):
        return optimizer
    if not hasattr(optimizer, "apply_gradients"):
        raise UsageError(
            "This is no optimizer.",
            where="optimizer",
            expected=f"one of {', '.join(OPTIMIZERS)}, or a Keras optimizer",
            received=repr(optimizer)[:200],
        )
    import keras

    told = keras.optimizers.serialize(optimizer)
    if not str(told.get("module", "")).startswith("keras"):
        raise UsageError(
            "Only Keras's own optimizers can stand in a plan.",
            where="optimizer",
            expected="a class of keras.optimizers",
            received=type(optimizer).__name__,
            remedy="A class of your own could not be made again from the "
            "run's config.json.",
        )
    return told
