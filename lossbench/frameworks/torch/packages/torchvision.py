"""torchvision.ops: the focal loss of a logit, and the losses of boxes."""

from __future__ import annotations

import math

from torch import Tensor

from lossbench.frameworks.torch.engine import framework
from lossbench.frameworks.torch.packages import package
from lossbench.frameworks.torch.packages.declared import by_subtraction, in_float32, overflows
from lossbench.records import Known

# Every torchvision is built for one torch, and imports beside no other.
TORCHVISION = package("torchvision", "torchvision", measured="0.28.0", version="any")
ops = TORCHVISION.module("torchvision.ops")

HALVES = in_float32("computes boxes of 16 bits in float32, and answers in it", "float16", "bfloat16")
AREAS = overflows("multiplies sides as they are, which overflows: infinity over infinity is NaN", "boundary")
NOTHING = Known(
    "is NaN, 0/0, for a box of no size where eps is 0", regimes=("zeros", "ones", "boundary"), error=math.inf
)
NO_ASPECT = Known(
    "is NaN for a box of no size: the arctangent of 0/0", regimes=("zeros", "ones", "boundary"), error=math.inf
)


def guarded(definition: str) -> Known:
    """What becomes of a loss of boxes unless its user says otherwise."""
    return Known(
        "adds 1e-7 to each denominator, an area or a squared length, unless eps= is given",
        definition=definition,
        sets=(("epsilon", 1e-7),),
        contract=True,
    )


@framework.implements(
    via="torchvision.ops.sigmoid_focal_loss",
    package=TORCHVISION,
    known=by_subtraction("binary_focal_by_subtraction", "forms 1 - p_t by subtraction"),
)
def binary_focal(
    logit: Tensor, target: Tensor, *, alpha: float | None = None, gamma: float = 2.0, reduction: str
) -> Tensor:
    return ops.sigmoid_focal_loss(logit, target, alpha=-1 if alpha is None else alpha, gamma=gamma, reduction=reduction)


@framework.implements(
    via="torchvision.ops.generalized_box_iou_loss", package=TORCHVISION, known=[HALVES, guarded("giou"), AREAS]
)
def giou(prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    return ops.generalized_box_iou_loss(prediction, target, reduction=reduction)


@framework.implements(
    "giou", via="torchvision.ops.generalized_box_iou_loss(eps=)", package=TORCHVISION, known=[HALVES, AREAS, NOTHING]
)
def giou_with_epsilon(prediction: Tensor, target: Tensor, *, epsilon: float = 0.0, reduction: str) -> Tensor:
    return ops.generalized_box_iou_loss(prediction, target, reduction=reduction, eps=epsilon)


@framework.implements(
    via="torchvision.ops.distance_box_iou_loss", package=TORCHVISION, known=[HALVES, guarded("diou"), AREAS]
)
def diou(prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    return ops.distance_box_iou_loss(prediction, target, reduction=reduction)


@framework.implements(
    "diou", via="torchvision.ops.distance_box_iou_loss(eps=)", package=TORCHVISION, known=[HALVES, AREAS, NOTHING]
)
def diou_with_epsilon(prediction: Tensor, target: Tensor, *, epsilon: float = 0.0, reduction: str) -> Tensor:
    return ops.distance_box_iou_loss(prediction, target, reduction=reduction, eps=epsilon)


@framework.implements(
    via="torchvision.ops.complete_box_iou_loss",
    package=TORCHVISION,
    known=[HALVES, guarded("ciou"), AREAS, NO_ASPECT],
)
def ciou(prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    return ops.complete_box_iou_loss(prediction, target, reduction=reduction)


@framework.implements(
    "ciou",
    via="torchvision.ops.complete_box_iou_loss(eps=)",
    package=TORCHVISION,
    known=[
        HALVES,
        Known(
            "hands eps on to the weight of the aspect ratio alone; overlap and distance keep 1e-7",
            definition="ciou_with_epsilon_in_the_weight",
            renames=(("weight_epsilon", "epsilon"),),
            sets=(("epsilon", 1e-7),),
        ),
        AREAS,
        NO_ASPECT,
        Known("is NaN, 0/0, for boxes that coincide where eps is 0", regimes=("tie", "kink"), error=math.inf),
    ],
)
def ciou_with_epsilon(prediction: Tensor, target: Tensor, *, epsilon: float = 0.0, reduction: str) -> Tensor:
    return ops.complete_box_iou_loss(prediction, target, reduction=reduction, eps=epsilon)
