"""Trains a model on several devices, or hosts, as one device would.

Keras's own `fit` (3.15) cannot run under a `MultiWorkerMirroredStrategy`, and
under a `MirroredStrategy` it draws one pass more from the data and weighs a
last batch that cannot be divided wrongly. Here each step is the step of the
whole batch: the same images, the same random numbers, the mean over the same
losses. Only the order in which numbers are added is another.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tlkit.base.errors import UsageError
from tlkit.base.interruption import agree, asked
from tlkit.plans.recipe import ResolvedRecipe
from tlkit.tensor.hosts import gone_in_words
from tlkit.tensor.joint_noise import check_noise, run_jointly
from tlkit.tensor.shares import Share, share_of
from tlkit.training.meters import Meters
from tlkit.training.objective import make_loss

#: Signals on which the hosts agree, the more urgent one first.
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: Settings of an optimizer that look at one replica's gradients alone, or fail.
_ALONE = (
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "gradient_accumulation_steps",
)


def check_replicable(model: keras.Model) -> None:
    """Checks that several devices train a model as one would.

    Args:
        model: The model, compiled.

    Raises:
        UsageError: Its optimizer, or one of its layers, would do something
            else on several devices.
    """
    check_noise(model)
    optimizer = model.optimizer
    for name in _ALONE:
        if getattr(optimizer, name, None):
            raise _not_possible(f"{name} of the optimizer", optimizer)
    if getattr(optimizer, "use_ema", False) and (
        optimizer.ema_overwrite_frequency
    ):
        raise _not_possible("ema_overwrite_frequency", optimizer)
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        raise UsageError(
            "Several devices cannot train in float16.",
            where="precision",
            expected="float32, or mixed_bfloat16",
            received="mixed_float16",
        )


def _not_possible(what: str, optimizer: Any) -> UsageError:
    return UsageError(
        f"Several devices cannot train with this: {what}.",
        where=f"optimizer {optimizer.name}",
        received={n: getattr(optimizer, n, None) for n in _ALONE},
        remedy="Leave it out, or train on one device: --devices 1.",
    )


class Replicas:
    """A model on all replicas, which learns and is measured step by step.

    Args:
        model: The model, built and compiled inside the scope of its strategy.
        recipe: The recipe, of which loss and form of the labels are used.
        table: By how much the loss of an image of each class is multiplied, a
            float32 array of shape `(classes,)`.
    """

    def __init__(
        self, model: keras.Model, recipe: ResolvedRecipe, table: np.ndarray
    ) -> None:
        self.model, self.recipe = model, recipe
        self.strategy = model.distribute_strategy
        share = share_of(self.strategy)
        assert share is not None  # there are several replicas
        self.share: Share = share
        self._table = tf.constant(table)
        # Of Keras's losses the part that does not take the mean.
        loss = keras.losses.get(make_loss(recipe))
        self._loss = getattr(loss, "call", loss)
        self._learn = self._compiled(self._learn_here)
        self._measure = self._compiled(self._measure_here)

    def learn(self, data: Sequence[tuple[tf.Tensor, ...]]) -> np.ndarray:
        """Takes one step.

        Args:
            data: Images, labels and counts (see `Share.of_epoch`) for each
                replica of this process.

        Returns:
            Six sums over all replicas: of the losses, of the images, of those
            that are right, what the weights add to the loss, and the numbers
            of hosts that were asked to end by each of `_SIGNALS`.
        """
        return self._run(self._learn, data)

    def measure(self, data: Sequence[tuple[tf.Tensor, ...]]) -> np.ndarray:
        """Measures one batch; see `learn`."""
        return self._run(self._measure, data)

    def steps(self, batches: tf.data.Dataset) -> Iterator[list]:
        """Yields for each step what the replicas of this process get."""
        own = len(self.share.own)
        waiting = []
        for part in batches:
            waiting.append(part)
            if len(waiting) == own:
                yield waiting
                waiting = []

    def _run(self, function: Any, data: Sequence[Any]) -> np.ndarray:
        first = self.share.own[0]
        flags = [asked() == number for number in _SIGNALS]
        signals = tf.constant(flags, tf.float32)

        def of_replica(context: Any) -> tuple[tf.Tensor, ...]:
            return *data[context.replica_id_in_sync_group - first], signals

        with gone_in_words():
            given = self.strategy.experimental_distribute_values_from_function(
                of_replica
            )
            sums = self.strategy.experimental_local_results(function(given))
            return sums[0].numpy().astype(np.float64)

    def _compiled(self, step: Any) -> Any:
        @tf.function(reduce_retracing=True, autograph=False)
        def run(given: Any) -> Any:
            return self.strategy.run(step, args=(given,))

        return run

    def _learn_here(self, given: tuple[tf.Tensor, ...]) -> tf.Tensor:
        images, labels, counts, signals = given
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            shares = run_jointly(self.model, images, self.share.replicas)
            losses = self._losses(labels, shares)
            added = self._added()
            loss = tf.reduce_sum(counts * losses) + added
        self.model.optimizer.apply(tape.gradient(loss, variables), variables)
        return self._sums((losses, labels, counts, signals), shares, added)

    def _measure_here(self, given: tuple[tf.Tensor, ...]) -> tf.Tensor:
        images, labels, counts, signals = given
        shares = self.model(images, training=False)
        losses = self._losses(labels, shares)
        data = losses, labels, counts, signals
        return self._sums(data, shares, self._added())

    def _losses(self, labels: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each image, weighed by its class."""
        formed = labels
        if self.recipe.labels != "integer":
            formed = tf.one_hot(labels, self.model.output_shape[-1])
        losses = self._loss(formed, tf.cast(shares, tf.float32))
        return losses * tf.gather(self._table, labels)

    def _added(self) -> tf.Tensor:
        """Returns a replica's part of what the weights add to the loss."""
        added = tf.add_n(self.model.losses) if self.model.losses else 0.0
        return tf.cast(added, tf.float32) / self.share.replicas

    def _sums(
        self, data: tuple[tf.Tensor, ...], shares: tf.Tensor, added: tf.Tensor
    ) -> tf.Tensor:
        losses, labels, counts, signals = data
        counted = tf.cast(counts > 0, tf.float32)
        right = tf.argmax(shares, -1) == labels
        own = [
            tf.reduce_sum(losses * counted),
            tf.reduce_sum(counted),
            tf.reduce_sum(tf.cast(right, tf.float32) * counted),
            added,
            *tf.unstack(signals),
        ]
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.stack(own))


class Loop:
    """The epochs of a training on several replicas.

    Args:
        replicas: The model on its replicas.
        callbacks: Keras callbacks.
        recipe: The recipe, of which the number of epochs is used.
        meters: Takes up what is measured in an epoch.
    """

    def __init__(
        self,
        replicas: Replicas,
        callbacks: Sequence[keras.callbacks.Callback],
        recipe: ResolvedRecipe,
        meters: Meters,
    ) -> None:
        self.replicas, self.meters = replicas, meters
        self.callbacks, self.epochs = list(callbacks), recipe.epochs

    def run(
        self,
        shown: tf.data.Dataset,
        held_out: tf.data.Dataset,
        span: range,
    ) -> None:
        """Trains epoch by epoch.

        Args:
            shown: Batches for each replica of this process in turn.
            held_out: Those on which it is measured after every epoch.
            span: Numbers of the epochs.
        """
        model = self.replicas.model
        own = len(self.replicas.share.own)
        told = keras.callbacks.CallbackList(
            self.callbacks,
            model=model,
            epochs=self.epochs,
            steps=len(shown) // own,
        )
        model.stop_training = False
        told.on_train_begin()
        for epoch in span:
            self.meters.reset()
            told.on_epoch_begin(epoch)
            logs = self._learn(shown, told)
            logs |= self._measure(held_out, told)
            told.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        told.on_train_end(logs)

    def _learn(self, shown: tf.data.Dataset, told: Any) -> dict[str, float]:
        for step, data in enumerate(self.replicas.steps(shown)):
            told.on_train_batch_begin(step)
            self._take(self.replicas.learn(data), self.meters)
            told.on_train_batch_end(step, self.meters.logs())
        return self.meters.logs()

    def _measure(self, held: tf.data.Dataset, told: Any) -> dict[str, float]:
        told.on_test_begin()
        meters = Meters()
        for step, data in enumerate(self.replicas.steps(held)):
            told.on_test_batch_begin(step)
            self._take(self.replicas.measure(data), meters)
            told.on_test_batch_end(step, meters.logs())
        logs = meters.logs()
        told.on_test_end(logs)
        return {f"val_{name}": value for name, value in logs.items()}

    def _take(self, sums: np.ndarray, meters: Meters) -> None:
        loss, count, right, added, *signals = sums
        meters.add(loss + count * added, count, right)
        for number, hosts in zip(_SIGNALS, signals, strict=True):
            if hosts:
                agree(number)
