"""Transfer learning for image classification with Keras 3.

A folder of images in, a classifier you can trust and reuse anywhere out:

    import tlkit

    plan = tlkit.Plan("features", tlkit.Network("vgg16"))
    run = tlkit.train(plan, "photos/")
    print(run.summary())

Names are imported when they are first used, so `import tlkit` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from tlkit.base.errors import TlkitError as TlkitError
    from tlkit.base.errors import UsageError as UsageError
    from tlkit.data.augment import Augmentation as Augmentation
    from tlkit.data.index import DatasetIndex as DatasetIndex
    from tlkit.data.load import load_dataset as load_dataset
    from tlkit.data.public.download import fetch as fetch
    from tlkit.data.reading import Reading as Reading
    from tlkit.explain.filters import filter_patterns as filter_patterns
    from tlkit.explain.methods.registry import draw_heat_maps as draw_heat_maps
    from tlkit.features.extract import Features as Features
    from tlkit.features.extract import extract_features as extract_features
    from tlkit.models.bases import build_base as build_base
    from tlkit.models.classic.networks import build_classic as build_classic
    from tlkit.models.convnet import build_convnet as build_convnet
    from tlkit.plans.files import read_plan as read_plan
    from tlkit.plans.network import Network as Network
    from tlkit.plans.plan import Machine as Machine
    from tlkit.plans.plan import Plan as Plan
    from tlkit.plans.plan import Views as Views
    from tlkit.plans.recipe import Recipe as Recipe
    from tlkit.reuse.classifier import load_classifier as load_classifier
    from tlkit.reuse.judging import evaluate as evaluate
    from tlkit.runs.listing import runs_table as runs_table
    from tlkit.runs.run import Run as Run
    from tlkit.runs.run import find_runs as find_runs
    from tlkit.runs.run import open_run as open_run
    from tlkit.search.bases import compare_bases as compare_bases
    from tlkit.search.bases import train_best_head as train_best_head
    from tlkit.search.heads import HeadGrid as HeadGrid
    from tlkit.search.heads import search_heads as search_heads
    from tlkit.tensor.pipeline import make_batches as make_batches
    from tlkit.ways.train import resume as resume
    from tlkit.ways.train import train as train

#: Names that compute with Keras, which must be set up before it is imported.
_WITH_KERAS = {
    "Features": "tlkit.features.extract",
    "HeadGrid": "tlkit.search.heads",
    "build_base": "tlkit.models.bases",
    "build_classic": "tlkit.models.classic.networks",
    "build_convnet": "tlkit.models.convnet",
    "compare_bases": "tlkit.search.bases",
    "draw_heat_maps": "tlkit.explain.methods.registry",
    "evaluate": "tlkit.reuse.judging",
    "extract_features": "tlkit.features.extract",
    "filter_patterns": "tlkit.explain.filters",
    "load_classifier": "tlkit.reuse.classifier",
    "make_batches": "tlkit.tensor.pipeline",
    "resume": "tlkit.ways.train",
    "search_heads": "tlkit.search.heads",
    "train": "tlkit.ways.train",
    "train_best_head": "tlkit.search.bases",
}
_HOMES = {
    **_WITH_KERAS,
    "Augmentation": "tlkit.data.augment",
    "DatasetIndex": "tlkit.data.index",
    "Machine": "tlkit.plans.plan",
    "Network": "tlkit.plans.network",
    "Plan": "tlkit.plans.plan",
    "Reading": "tlkit.data.reading",
    "Recipe": "tlkit.plans.recipe",
    "Run": "tlkit.runs.run",
    "TlkitError": "tlkit.base.errors",
    "UsageError": "tlkit.base.errors",
    "Views": "tlkit.plans.plan",
    "fetch": "tlkit.data.public.download",
    "find_runs": "tlkit.runs.run",
    "load_dataset": "tlkit.data.load",
    "open_run": "tlkit.runs.run",
    "read_plan": "tlkit.plans.files",
    "runs_table": "tlkit.runs.listing",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("tlkit")
    if name not in _HOMES:
        raise AttributeError(f"module 'tlkit' has no attribute {name!r}")
    if name in _WITH_KERAS:
        importlib.import_module("tlkit.tensor.starting").settle_keras()
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
