"""A head trained on a frozen conv base that sees augmented images.

*Deep Learning with Python* (1st edition), section 5.3.1, "feature extraction
with data augmentation". The book sends every image through the base again
in every epoch. Here a few views of each image go through it once, their
outputs are stored, and the epochs take turns with them.
"""

from __future__ import annotations

from tlkit.models.cutting import cut_model
from tlkit.models.freezing import freeze_all
from tlkit.models.heads import HEAD_LAYERS, attach_head
from tlkit.plans.plan import ResolvedPlan
from tlkit.training.parts import Parts


def build(plan: ResolvedPlan, classes: int) -> Parts:
    """Builds the frozen base and the head, cut between the two.

    Args:
        plan: The plan, of which the network and the number of views are used.
            With 0 views the network is not cut.
        classes: Number of classes, 2 or more.
    """
    network = plan.network
    base = network.build_base()
    freeze_all(base)
    model = attach_head(base, network.head(classes))
    if not plan.views.count:
        return Parts(model)
    # Without a hidden layer the head is its last layer alone.
    first = HEAD_LAYERS[0 if network.units else -1]
    return Parts(model, cut_model(model, first))
