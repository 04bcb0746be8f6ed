"""Losses of boxes [..., 4] as (x1, y1, x2, y2), from TensorFlow's primitives; they can be copied as they stand."""

from __future__ import annotations

import math

import tensorflow as tf

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.frameworks.tensorflow.recipes import reduced

HERE = "lossbench.frameworks.tensorflow.recipes_boxes"


def area(box: Tensor) -> Tensor:
    """Width times height."""
    return (box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1])


def intersection(first: Tensor, second: Tensor) -> Tensor:
    """The area that two boxes share; its slope where they just touch is 0."""
    low = tf.maximum(first[..., :2], second[..., :2])
    inner = tf.nn.relu(tf.minimum(first[..., 2:], second[..., 2:]) - low)
    return inner[..., 0] * inner[..., 1]


def around(first: Tensor, second: Tensor) -> Tensor:
    """Width and height of the smallest box around both."""
    return tf.maximum(first[..., 2:], second[..., 2:]) - tf.minimum(first[..., :2], second[..., :2])


def share(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole, and 0 of nothing, with no NaN in the gradient either."""
    nothing = whole == 0
    ratio = part / tf.where(nothing, tf.ones_like(whole), whole)
    return tf.where(nothing, tf.zeros_like(ratio), ratio)


def lack_of_overlap(prediction: Tensor, target: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """One minus intersection over union, and the union."""
    shared = intersection(prediction, target)
    union = area(prediction) + area(target) - shared
    return 1 - share(shared, union + epsilon), union


def centre_distance(prediction: Tensor, target: Tensor, epsilon: float) -> Tensor:
    """Squared distance of the centres over the squared diagonal around; differences first, which lose no digits."""
    twice = (prediction[..., :2] - target[..., :2]) + (prediction[..., 2:] - target[..., 2:])
    apart, sides = twice / 2, around(prediction, target)
    return share(tf.reduce_sum(apart * apart, -1), tf.reduce_sum(sides * sides, -1) + epsilon)


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
    one = tf.ones_like(loss)
    turn = tf.atan2(w_t, tf.where(point, one, h_t)) - tf.atan2(w_p, tf.where(point, one, h_p))
    aspect = tf.where(point, tf.zeros_like(turn), 4 / math.pi**2 * turn * turn)
    weight = tf.stop_gradient(share(aspect, loss + aspect + epsilon))
    return reduced(loss + centre_distance(prediction, target, epsilon) + weight * aspect, reduction)


def sides_of(box: Tensor) -> tuple[Tensor, Tensor]:
    """Width and height."""
    return box[..., 2] - box[..., 0], box[..., 3] - box[..., 1]
