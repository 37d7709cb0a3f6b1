"""A small convnet trained from scratch.

*Deep Learning with Python* (1st edition), section 5.2. The convnet of four
blocks starts from random weights, and every image goes through the whole of
it in every epoch, augmented if the plan says so.
"""

from __future__ import annotations

from tlkit.models.convnet import build_convnet
from tlkit.plans.plan import ResolvedPlan
from tlkit.training.parts import Parts


def build(plan: ResolvedPlan, classes: int) -> Parts:
    """Builds the convnet.

    Args:
        plan: The plan, of which image size, fit, dropout and L2 factor are
            used.
        classes: Number of classes, 2 or more.
    """
    network = plan.network
    return Parts(
        build_convnet(classes, network.frame, network.dropout, network.l2)
    )
