"""Way 3, second half: the top blocks of the conv base learn on."""

from __future__ import annotations

import os

import keras

from tlkit.base.console import say
from tlkit.base.errors import UsageError
from tlkit.data.augment import Augmentation
from tlkit.data.index import DatasetIndex
from tlkit.features.views import Views
from tlkit.models.cutting import CutModel, cut_model
from tlkit.models.freezing import freeze_below
from tlkit.models.precision import computing_in, with_precision
from tlkit.models.saving import load_model
from tlkit.models.transfer import TransferNetwork
from tlkit.runs.run import Run, open_run
from tlkit.training.fitting import Training, compile_model
from tlkit.ways.end_to_end import EndToEnd, train_end_to_end
from tlkit.ways.on_views import train_on_views

FINE_TUNING = Training(epochs=30, patience=5)
DEFAULT_VIEWS = Views()


def fine_tune(
    data: DatasetIndex,
    start: Run | str | os.PathLike[str],
    from_layer: str | None = None,
    augmentation: Augmentation | None = None,
    training: Training = FINE_TUNING,
    run_folder: str | os.PathLike[str] | None = None,
    views: Views | None = DEFAULT_VIEWS,
) -> Run:
    """Goes on from a trained head: unfreezes the top of the conv base.

    *Deep Learning with Python* (1st edition), section 5.3.2. The head must
    have been trained first: the large gradients of a random head would wreck
    the base. Batch normalisation stays frozen everywhere. What stays frozen
    sees some views of each image once; see `train_augmented`.

    Args:
        data: the data set, as a rule the one that `start` was trained on.
        start: a run of `train_augmented` or `train_on_features`, or its
            folder.
        from_layer: the first layer, or its block, to learn on; None for what
            suits the base: the last block (`block5` of VGG16), of MiniVGG
            all.
        augmentation: random views of the training images; None for the
            book's.
        training: how to train; by default as slowly as suits the base, so
            that what it knows is adjusted, not overwritten.
        run_folder: where; None for `runs/<time>-finetune-<data set>`.
        views: how many views; None to train end to end. It is end to end in
            any case where nothing stays frozen, or where the cut would go
            through the middle of a residual block.

    Returns:
        The finished run.

    Raises:
        UsageError: `start` is no such run, has other classes, the layer does
            not exist, or the run folder exists.
        TlkitError: model, data, disk or training failed, or a frozen layer
            has changed.
    """
    started = start if isinstance(start, Run) else open_run(start)
    network = _network_of(started)
    _check_classes(started, data)
    training = training.suited(
        network.spec.fine_tuning_rate, conv_base=network.spec
    )
    strategy = training.strategy()
    with strategy.scope(), computing_in(training.precision):
        model = with_precision(
            load_model(started.model_path), training.precision
        )
        first = from_layer or network.spec.fine_tune_from
        unfrozen = freeze_below(model, first)
        cut = _cut(model, first) if views else None
        compile_model(cut.suffix if cut else model, training)
    settings = {
        "network": started.config["settings"]["network"],
        "start": str(started.path),
        "from_layer": first,
        "unfrozen": list(unfrozen),
    }
    data = _with_notes(data, started, network)
    augmentation = augmentation or Augmentation()
    how = EndToEnd(network.size, augmentation, training, views if cut else None)
    if cut:
        return train_on_views(
            "finetune", cut, network, data, how, settings, run_folder
        )
    return train_end_to_end("finetune", model, data, how, settings, run_folder)


def _cut(model: keras.Model, layer_name: str) -> CutModel | None:
    """Cuts where the frozen part ends, if it computes anything."""
    cut = cut_model(model, layer_name)
    return cut if cut and cut.prefix.weights else None


def _network_of(run: Run) -> TransferNetwork:
    settings = run.config["settings"].get("network")
    if settings is None:
        raise UsageError(
            "This run has no conv base to fine-tune.",
            where=run.path,
            expected="a run of `tlkit features` or `tlkit augmented`",
            received=f"a run of `tlkit {run.config['route']}`",
        )
    return TransferNetwork(**settings)


def _check_classes(run: Run, data: DatasetIndex) -> None:
    trained = run.config["dataset"]["class_names"]
    if trained != list(data.class_names):
        raise UsageError(
            "The data have other classes than the run to go on from.",
            where=data.source,
            expected=", ".join(trained),
            received=", ".join(data.class_names),
        )


def _with_notes(
    data: DatasetIndex, started: Run, network: TransferNetwork
) -> DatasetIndex:
    """Says so if the base is random or test images have trained the start."""
    if network.warning:
        say(network.warning)
        data = data.with_note(network.warning)
    test = data.splits.get("test")
    seen = started.training_digests()
    known = sum(digest in seen for digest in test.digests) if test else 0
    if known:
        data = data.with_note(
            f"{known} test images trained the run this one goes on from: "
            "accuracy is flattered."
        )
    return data
