"""Fine-tuning: the top blocks of the conv base are trained further.

*Deep Learning with Python* (1st edition), section 5.3.2. The head must have
been trained first: the large gradients of a random head would destroy what
the base has learnt. Batch normalisation stays frozen everywhere. A few views
of each image go through the frozen part once, as in the way `augmented`.
"""

from __future__ import annotations

from pathlib import Path

import keras

from tlkit.models.cutting import CutModel, cut_model
from tlkit.models.freezing import freeze_below
from tlkit.models.precision import with_precision
from tlkit.models.saving import load_model
from tlkit.plans.plan import ResolvedPlan
from tlkit.runs.run import Run
from tlkit.training.parts import Parts


def build(plan: ResolvedPlan, classes: int) -> Parts:
    """Loads the model to go on from and unfreezes its upper layers.

    Args:
        plan: The plan, of which start, first layer, number of views and
            precision are used. The network is not cut where the plan keeps no
            views, where nothing stays frozen, or where the cut would go
            through the middle of a residual block.
        classes: Number of classes, which the loaded model has already.
    """
    started = Run(Path(plan.start))
    model = with_precision(
        load_model(started.model_path), plan.recipe.precision
    )
    freeze_below(model, plan.from_layer)
    return Parts(model, _cut(model, plan) if plan.views.count else None)


def _cut(model: keras.Model, plan: ResolvedPlan) -> CutModel | None:
    """Cuts where the frozen part ends, if that part has any weights."""
    # A prefix without weights only prepares the pixels, which is not worth
    # storing.
    cut = cut_model(model, plan.from_layer)
    return cut if cut and cut.prefix.weights else None
