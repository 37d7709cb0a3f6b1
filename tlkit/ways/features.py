"""Fast feature extraction: a head trained on stored outputs of the conv base.

*Deep Learning with Python* (1st edition), section 5.3.1, "fast feature
extraction without data augmentation".
"""

from __future__ import annotations

import keras

from tlkit.models.cutting import CutModel
from tlkit.models.freezing import freeze_all
from tlkit.models.heads import build_head, pool_features, put_on
from tlkit.plans.plan import ResolvedPlan
from tlkit.training.parts import Parts


def build(plan: ResolvedPlan, classes: int) -> Parts:
    """Builds the frozen base with its pooling, and the head on top of it.

    Args:
        plan: The plan, of which network and seed are used.
        classes: Number of classes, 2 or more.
    """
    network = plan.network
    base = network.build_base()
    freeze_all(base)
    vector = pool_features(base.output, network.pooling)
    prefix = keras.Model(base.input, vector, name="prefix")
    # Set again, so that the head's random weights do not depend on how many
    # random numbers building the base took.
    keras.utils.set_random_seed(plan.seed)
    head = build_head(vector.shape[1:], network.head(classes))
    whole = keras.Model(base.input, put_on(head, vector), name=base.name)
    return Parts(whole, CutModel(whole, prefix, head, network.pooling))
