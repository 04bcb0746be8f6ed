"""Deviating formulas of the losses of boxes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lossbench.domains import Box, NonNegativeNumber
from lossbench.loss import Terms, loss
from lossbench.losses.overlaps import aspect, distance, overlap, pair_of, terms_of


@loss(over="rows", variant=True)
@np.errstate(all="ignore")
def ciou_with_epsilon_in_the_weight(
    prediction: Box,
    target: Box,
    *,
    epsilon: NonNegativeNumber = 0.0,
    weight_epsilon: NonNegativeNumber = 0.0,
) -> Terms:
    """Complete-IoU loss with one epsilon for overlap and distance, and another for the weight of the aspect ratio.

    Source: torchvision.ops.complete_box_iou_loss, source code.
    """
    pair = pair_of(prediction, target, epsilon)
    return terms_of(pair, [overlap(pair), distance(pair), aspect(replace(pair, guard=float(weight_epsilon)))])
