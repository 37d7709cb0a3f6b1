"""Pretraining of MiniVGG: on drawn images, or with a larger teacher.

Images are drawn by formulas (`corpus`), and MiniVGG learns to tell their
classes apart (`learn`). Or it learns, from your own unlabelled images, to
give the features of a larger network (`distil`). The command is
`scripts/pretrain_minivgg.py`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import time
from pathlib import Path
from typing import Any

from tlkit.base.atomic import write_json
from tlkit.base.console import say
from tlkit.base.errors import UsageError
from tlkit.data.decode import read_image
from tlkit.plans.network import Network
from tlkit.pretraining.corpus import draw_corpus
from tlkit.pretraining.distil import distil_features
from tlkit.pretraining.learn import (
    STAGES,
    Stage,
    fold,
    make_recipe,
    pretrain,
    save_minivgg,
)
from tlkit.reuse.finding import find_images
from tlkit.tensor.strategy import describe_devices

#: How many times longer to train on a GPU, which does in minutes what two
#: processor cores do in an hour.
GPU_SCALE = 6.0
_SUFFIX = ".weights.h5"
_FEWEST_IMAGES = 20
_DISTILLING = Stage(96, 2000, make_recipe(1e-3, label_smoothing=0.0))


def pretrain_from_formulas(
    out: Path, per_class: int, scale: float | None, seed: int
) -> dict[str, Any]:
    """Draws images, trains MiniVGG on them and writes its weights.

    Args:
        out: The file to write, `*.weights.h5`, which must not exist.
        per_class: Number of images of each class.
        scale: Factor of the numbers of steps in `STAGES`; None for
            `GPU_SCALE` if there is a GPU, else 1.
        seed: Seed of images and training.

    Returns:
        Settings and results, which are also written beside `out`.

    Raises:
        UsageError: `out` exists or has another suffix, or a number is too
            small.
        TlkitError: The file cannot be written.
    """
    if scale is None:
        scale = GPU_SCALE if describe_devices()["gpus"] else 1.0
    _check(out, per_class=per_class, scale=scale)
    started = time.time()
    corpus = draw_corpus(
        max(stage.image_size for stage in STAGES), per_class, seed=seed
    )
    say(f"{len(corpus.labels):,} images of {corpus.classes} classes drawn")
    stages = tuple(_scaled(stage, scale) for stage in STAGES)
    learner, accuracy = pretrain(corpus, stages, seed)
    save_minivgg(fold(learner), out)
    return write_provenance(
        out,
        learnt_from="pictures drawn by formulas (tlkit.pretraining)",
        pictures=len(corpus.labels),
        classes=corpus.classes,
        per_class=per_class,
        seed=seed,
        stages=[dataclasses.asdict(stage) for stage in stages],
        accuracy_on_pictures_kept_back=round(accuracy, 4),
        minutes=round((time.time() - started) / 60, 1),
        licence="Apache-2.0, as tlkit",
    )


def distil(
    out: Path,
    teacher: str,
    weights: str | None,
    images: Path | None,
    scale: float | None,
) -> dict[str, Any]:
    """Trains MiniVGG to give the features of a larger network for images.

    Args:
        out: The file to write, `*.weights.h5`, which must not exist.
        teacher: Name of the conv base that is the teacher.
        weights: Weights of the teacher; None for the published ones.
        images: A folder of images, which need no labels. The folders inside
            it are searched, but their names do not matter.
        scale: Factor of the usual number of steps; None for 1.

    Returns:
        Settings and results, which are also written beside `out`.

    Raises:
        UsageError: `out` exists, there is no folder or it holds too few
            images, or the teacher is unknown.
        TlkitError: An image has become unreadable, or the file cannot be
            written.
    """
    scale = 1.0 if scale is None else scale
    # Everything that can be refused is checked before the work begins.
    _check(out, scale=scale)
    network = Network(teacher, weights).resolved()
    files = _readable(images)
    started = time.time()
    stage = _scaled(_DISTILLING, scale)
    learner, similarity = distil_features(
        network, lambda i, size: read_image(files[i], size), len(files), stage
    )
    save_minivgg(fold(learner), out)
    return write_provenance(
        out,
        learnt_from=f"{len(files)} images, as {teacher} sees them",
        stages=[dataclasses.asdict(stage)],
        similarity_on_images_kept_back=round(similarity, 4),
        minutes=round((time.time() - started) / 60, 1),
    )


def write_provenance(weights: Path, **facts: Any) -> dict[str, Any]:
    """Writes a file beside a weights file that says how it was made.

    Args:
        weights: The weights file, `<name>.weights.h5`. The file written is
            `<name>.json`.
        facts: Settings and results, by name.

    Returns:
        What was written: the file's name and SHA-256, the network, the
        version of tlkit, and the facts.
    """
    about = {
        "file": weights.name,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "network": "tlkit.models.minivgg.MiniVGG",
        "tlkit": importlib.metadata.version("tlkit"),
        **facts,
    }
    write_json(_provenance_path(weights), about)
    return about


def _provenance_path(weights: Path) -> Path:
    return weights.with_name(weights.name.removesuffix(_SUFFIX) + ".json")


def _check(out: Path, **numbers: float) -> None:
    for path in (out, _provenance_path(out)):
        if not out.name.endswith(_SUFFIX) or path.exists():
            raise UsageError(
                "The weights cannot be written there.",
                where="out",
                expected=f"a new file whose name ends in {_SUFFIX}",
                received=f"{path}, which exists" if path.exists() else path,
            )
    for name, value in numbers.items():
        if not value > 0:
            raise UsageError(
                f"{name} is too small.", expected="above 0", received=value
            )


def _scaled(stage: Stage, scale: float) -> Stage:
    return dataclasses.replace(stage, steps=max(10, int(scale * stage.steps)))


def _readable(folder: Path | None) -> list[Path]:
    if folder is None:
        raise UsageError(
            "Distillation needs images.",
            where="images",
            expected="a folder of images; they need no labels",
        )
    files, unreadable = find_images([folder])
    if len(files) < _FEWEST_IMAGES:
        raise UsageError(
            "There are too few images to learn from.",
            where=folder,
            expected=f"{_FEWEST_IMAGES} or more",
            received=f"{len(files)} readable images in "
            f"{len(files) + len(unreadable)} files",
        )
    if unreadable:
        say(f"{len(unreadable)} files are not readable images")
    return files
