"""A small convnet trained from scratch.

*Deep Learning with Python* (1st edition), section 5.2: the four-block
convnet from random weights, every image through the whole of it in every
epoch, augmented if the plan says so.
"""

from __future__ import annotations

from tlkit.models.convnet import build_convnet
from tlkit.plans.plan import ResolvedPlan
from tlkit.training.parts import Parts


def build(plan: ResolvedPlan, classes: int) -> Parts:
    """Builds the convnet.

    Args:
        plan: Its image size, dropout and L2 penalty are used.
        classes: Number of classes, 2 or more.
    """
    network = plan.network
    return Parts(
        build_convnet(classes, network.image_size, network.dropout, network.l2)
    )
