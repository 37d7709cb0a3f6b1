"""The recipe: how a network is trained, whatever the network and images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tlkit.base.errors import UsageError
from tlkit.base.fields import Checked, Option, field, without_none
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
    """How a network is trained.

    Settings that are None are filled in when the plan is resolved, with
    values that suit the way.

    Args:
        learning_rate: Learning rate of the optimizer, 0 or more.
        batch_size: Number of images in a step, over all devices together.
        epochs: Number of passes over the training images after which the
            training ends, unless `patience` ends it before.
        patience: Number of epochs in a row without a lower validation loss
            after which the training ends. The best epoch's weights are kept
            in any case.
        optimizer: Name of the optimizer, a key of
            `tlkit.plans.optimizers.OPTIMIZERS`; or a Keras optimizer, which
            brings its own learning rate, schedule and weight decay. It is
            copied, so each training begins with a fresh one.
        schedule: Name of the schedule, a key of
            `tlkit.plans.optimizers.SCHEDULES`, by which the learning rate
            changes from step to step.
        weight_decay: Share of each weight that a step takes away, multiplied
            by the learning rate. With "adam" this is AdamW (Loshchilov and
            Hutter, arXiv:1711.05101).
        label_smoothing: Share of a label that is spread over all classes, 0
            to below 1 (Szegedy and others, arXiv:1512.00567, section 7).
        loss: Name of the loss, a key of `tlkit.plans.optimizers.LOSSES`.
        labels: Form in which the loss is given its labels, `"integer"` or
            `"one_hot"`. None takes the one that the loss needs.
        precision: Dtype policy in which the network computes, or `"auto"`,
            which means mixed_bfloat16 where the machine and the network are
            several times faster in it, else float32. Saved models are
            float32 in any case.
        balance: Whether each class counts alike in the training loss,
            however many images it has; see
            `tlkit.training.objective.class_weights`. So it does in the
            validation loss, which chooses the best epoch.

    Raises:
        UsageError: A value is out of its range or unknown.

    Example:
        >>> recipe = Recipe(epochs=20, schedule="cosine")
        >>> recipe.optimizer, recipe.learning_rate  # None: open yet
        ('adam', None)
    """

    learning_rate: float | None = field(
        None,
        Option(
            "Learning rate of the optimizer.",
            at_least=0,
            group="training",
            open="the base's own",
        ),
    )
    batch_size: int | None = field(
        None,
        Option(
            "Number of images in a step, over all devices together.",
            at_least=1,
            group="training",
            open="32; for the way features up to 256",
        ),
    )
    epochs: int | None = field(
        None,
        Option(
            "Number of passes over the training images after which the "
            "training ends.",
            at_least=1,
            group="training",
            first=True,
        ),
    )
    patience: int | None = field(
        None,
        Option(
            "Number of epochs without a lower validation loss after which the "
            "training ends.",
            at_least=1,
            group="training",
        ),
    )
    optimizer: Any = field(
        "adam",
        Option(
            "Optimizer, which changes the weights in each step.",
            choices=lambda: OPTIMIZERS,
            group="training",
        ),
    )
    schedule: str = field(
        "constant",
        Option(
            "How the learning rate changes from step to step.",
            choices=lambda: SCHEDULES,
            group="training",
        ),
    )
    weight_decay: float = field(
        0.0,
        Option(
            "Share of each weight that a step takes away, multiplied by the "
            "learning rate.",
            at_least=0,
            group="training",
        ),
    )
    label_smoothing: float = field(
        0.0,
        Option(
            "Share of a label that is spread over all classes.",
            at_least=0,
            below=1,
            group="training",
        ),
    )
    loss: str = field(
        "crossentropy",
        Option(
            "Loss, which the training makes small.",
            choices=lambda: LOSSES,
            group="training",
        ),
    )
    labels: str | None = field(
        None,
        Option(
            "Form in which the loss is given its labels.",
            choices=lambda: LABELS,
            flag="label-form",
            group="training",
            open="the one that the loss needs",
        ),
    )
    precision: str = field(
        "auto",
        Option(
            "Dtype policy to compute in; auto takes mixed_bfloat16 where "
            "machine and network are much faster in it, else float32.",
            choices=lambda: PRECISIONS,
            group="machine",
        ),
    )
    balance: bool = field(
        False,
        Option(
            "Let each class count alike in the training loss, however many "
            "images it has.",
            group="training",
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
        """Refuses settings that a Keras optimizer brings itself."""
        # The recipe of a finished run names the optimizer's own rate, so that
        # value is accepted when the run's plan is read again.
        usual = {
            "schedule": "constant",
            "weight_decay": 0.0,
            "learning_rate": rate_of(self.optimizer),
        }
        for name, own in usual.items():
            if getattr(self, name) not in (own, None):
                raise UsageError(
                    f"A Keras optimizer has its own {name}.",
                    where=name,
                    expected="nothing beside a Keras optimizer",
                    received=getattr(self, name),
                    remedy="Set it on the Keras optimizer, or choose an "
                    "optimizer by name.",
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
    """Returns a Keras optimizer as plain data.

    Plans can then be compared and written to a file, and the state of the
    user's optimizer stays out of the training.
    """
    if isinstance(optimizer, str | dict):
        return optimizer
    if not hasattr(optimizer, "apply_gradients"):
        raise UsageError(
            "This is not an optimizer.",
            where="optimizer",
            expected=f"one of {', '.join(OPTIMIZERS)}, or a Keras optimizer",
            received=repr(optimizer)[:200],
        )
    import keras

    config = keras.optimizers.serialize(optimizer)
    if not str(config.get("module", "")).startswith("keras"):
        raise UsageError(
            "A plan can hold only Keras's own optimizers.",
            where="optimizer",
            expected="a class of keras.optimizers",
            received=type(optimizer).__name__,
            remedy="A class of your own could not be made again from the "
            "run's config.json.",
        )
    # As a run's config.json gives it back, so that both plans are equal.
    return without_none(config)
