"""Losses of boxes [..., 4] as (x1, y1, x2, y2), written from torch's primitives; they can be copied as they stand."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812  (the name all of torch's users know it by)
from torch import Tensor

from lossbench.frameworks.torch.engine import framework
from lossbench.frameworks.torch.recipes import reduced

HERE = "lossbench.frameworks.torch.recipes_boxes"


def area(box: Tensor) -> Tensor:
    """Width times height."""
    return (box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1])


def intersection(first: Tensor, second: Tensor) -> Tensor:
    """The area that two boxes share; its slope where they just touch is 0."""
    low = torch.maximum(first[..., :2], second[..., :2])
    inner = F.relu(torch.minimum(first[..., 2:], second[..., 2:]) - low)
    return inner[..., 0] * inner[..., 1]


def around(first: Tensor, second: Tensor) -> Tensor:
    """Width and height of the smallest box around both."""
    return torch.maximum(first[..., 2:], second[..., 2:]) - torch.minimum(first[..., :2], second[..., :2])


def share(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole, and 0 of nothing, with no NaN in the gradient either."""
    nothing = whole == 0
    ratio = part / torch.where(nothing, torch.ones_like(whole), whole)
    return torch.where(nothing, torch.zeros_like(ratio), ratio)


def lack_of_overlap(prediction: Tensor, target: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """One minus intersection over union, and the union."""
    shared = intersection(prediction, target)
    union = area(prediction) + area(target) - shared
    return 1 - share(shared, union + epsilon), union


def centre_distance(prediction: Tensor, target: Tensor, epsilon: float) -> Tensor:
    """Squared distance of the centres over the squared diagonal around; differences first, which lose no digits."""
    twice = (prediction[..., :2] - target[..., :2]) + (prediction[..., 2:] - target[..., 2:])
    apart, sides = twice / 2, around(prediction, target)
    return share((apart * apart).sum(dim=-1), (sides * sides).sum(dim=-1) + epsilon)


@framework.implements(via=f"{HERE}.iou", recipe=True)
def iou(prediction: Tensor, target: Tensor, *, epsilon: float = 0.0, reduction: str) -> Tensor:
    loss, _ = lack_of_overlap(prediction, target, epsilon)
    return reduced(loss, reduction)


@framework.implements(via=f"{HERE}.giou", recipe=True)
def giou(prediction: Tensor, target: Tensor, *, epsilon: float = 0.0, reduction: str) -> Tensor:
    loss, union = lack_of_overlap(prediction, target, epsilon)
    sides = around(prediction, target)
    enclosing = sides[..., 0] * sides[..., 1]
    return reduced(loss + share(enclosing - union, enclosing + epsilon), reduction)


@framework.implements(via=f"{HERE}.diou", recipe=True)
def diou(prediction: Tensor, target: Tensor, *, epsilon: float = 0.0, reduction: str) -> Tensor:
    loss, _ = lack_of_overlap(prediction, target, epsilon)
    return reduced(loss + centre_distance(prediction, target, epsilon), reduction)


@framework.implements(via=f"{HERE}.ciou", recipe=True)
def ciou(prediction: Tensor, target: Tensor, *, epsilon: float = 0.0, reduction: str) -> Tensor:
    loss, _ = lack_of_overlap(prediction, target, epsilon)
    (w_p, h_p), (w_t, h_t) = sides_of(prediction), sides_of(target)
    # a point has no aspect ratio, and atan2(0, 0) no slope
    point = ((w_p == 0) & (h_p == 0)) | ((w_t == 0) & (h_t == 0))
    one = torch.ones_like(loss)
    turn = torch.atan2(w_t, torch.where(point, one, h_t)) - torch.atan2(w_p, torch.where(point, one, h_p))
    aspect = torch.where(point, torch.zeros_like(turn), 4 / math.pi**2 * turn * turn)
    weight = share(aspect, loss + aspect + epsilon).detach()
    return reduced(loss + centre_distance(prediction, target, epsilon) + weight * aspect, reduction)


def sides_of(box: Tensor) -> tuple[Tensor, Tensor]:
    """Width and height."""
    return box[..., 2] - box[..., 0], box[..., 3] - box[..., 1]
