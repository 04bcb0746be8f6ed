"""Deviating formulas of the losses that hold a layer, a tree or a sample of classes, and of the transducer."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from lossbench.domains import (
    ClassIndex,
    ClassIndices,
    ExpectedCounts,
    Labels,
    LayerInput,
    LayerWeight,
    Length,
    Logits,
    NonNegativeNumber,
    SharedClassIndices,
    SharedExpectedCounts,
    TreePath,
)
from lossbench.loss import Terms, loss
from lossbench.losses.hierarchical import default_paths, tree_terms
from lossbench.losses.large_vocabulary import two_stages
from lossbench.losses.sampled import nce, sampled_softmax
from lossbench.losses.transducer import by_symbol, run, steps, transducer_terms
from lossbench.losses.variants.rowwise import clip_at_64


@loss(over="samples", variant=True)
def adaptive_log_likelihood(
    features: LayerInput,
    target: ClassIndex,
    head: LayerWeight,
    first_projection: LayerWeight,
    first_output: LayerWeight,
    second_projection: LayerWeight,
    second_output: LayerWeight,
    head_bias: LayerWeight = None,
    *,
    clipped: bool = False,
) -> Terms:
    """The log likelihood under an adaptive softmax: minus the loss, as the modules give it for each row.

    If `clipped`, each softmax raises its scores to 64 below the largest.

    Source: torch.nn.AdaptiveLogSoftmaxWithLoss and paddle.nn.AdaptiveLogSoftmaxWithLoss, documentation of `output`.
    """
    layers = (first_projection, first_output, second_projection, second_output)
    terms = two_stages(features, target, head, layers, head_bias, clip_at_64 if clipped else np.asarray)
    return replace(terms, value=-terms.value, slopes={name: -slope for name, slope in terms.slopes.items()})


@loss(over="samples", variant=True)
def adaptive_log_softmax_clipped_at_64(
    features: LayerInput,
    target: ClassIndex,
    head: LayerWeight,
    first_projection: LayerWeight,
    first_output: LayerWeight,
    second_projection: LayerWeight,
    second_output: LayerWeight,
    head_bias: LayerWeight = None,
) -> Terms:
    """Adaptive softmax each of whose softmaxes raises its scores to 64 below the largest.

    Source: paddle.nn.functional.log_softmax on the CPU, measured.
    """
    layers = (first_projection, first_output, second_projection, second_output)
    return two_stages(features, target, head, layers, head_bias, clip_at_64)


@loss(over="samples", variant=True)
def hierarchical_sigmoid_padded(
    features: LayerInput, target: ClassIndex, weights: LayerWeight, bias: LayerWeight = None
) -> Terms:
    """Hierarchical sigmoid in which every level that a path does not reach costs log 2, and scores end at ±40.

    The value is ``Σ_j (log(1 + exp(z_j)) - β_j z_j)`` with z clipped, over as many levels as the longest path of the
    tree has, z and β of the missing ones being 0; the slope by z is ``σ(z) - β`` with the clipped z. Both are
    differences, each taken as it stands.

    Source: paddle.nn.functional.hsigmoid_loss, measured.
    """
    return padded_levels(features, *default_paths(target, len(weights) + 1), weights, bias)


@loss(over="samples", variant=True)
def hierarchical_sigmoid_by_path_padded(
    features: LayerInput,
    target: ClassIndex,
    nodes: TreePath,
    decisions: TreePath,
    weights: LayerWeight,
    bias: LayerWeight = None,
) -> Terms:
    """Hierarchical sigmoid by path in which every entry past a path's end costs log 2, and scores end at ±40.

    Source: paddle.nn.functional.hsigmoid_loss, measured.
    """
    return padded_levels(features, nodes, decisions, weights, bias)


CLIP = 40.0


@np.errstate(all="ignore")
def padded_levels(
    features: np.ndarray, nodes: np.ndarray, decisions: np.ndarray, weights: np.ndarray, bias: np.ndarray | None
) -> Terms:
    """The terms with clipped scores, and log 2 for each level that is missing."""
    terms = tree_terms(features, nodes, decisions, weights, bias, clip=CLIP, differences=True)
    missing = (nodes < 0).sum(axis=-1) * math.log(2)
    return replace(terms, value=terms.value + missing, magnitude=np.asarray(terms.magnitude) + missing)


@loss(over="samples", variant=True)
def nce_nan_at_hits(
    features: LayerInput,
    weights: LayerWeight,
    biases: LayerWeight,
    true: ClassIndices,
    sampled: SharedClassIndices,
    true_counts: ExpectedCounts,
    sampled_counts: SharedExpectedCounts,
    *,
    remove_accidental_hits: bool = False,
) -> Terms:
    """Noise contrastive estimation whose value is NaN for a row that meets one of its classes among the sampled.

    Only if `remove_accidental_hits`; the slopes are right. Taking a hit out is adding minus the largest number of
    float32 to its score, and that is minus infinity in a format of 16 bits.

    Source: tf.nn.nce_loss in float16 and bfloat16, measured.
    """
    layer, counts = (weights, biases), (true_counts, sampled_counts)
    terms = nce.function(features, *layer, true, sampled, *counts, remove_accidental_hits=remove_accidental_hits)
    return without_value(terms, true, sampled, remove_accidental_hits)


@loss(over="samples", variant=True)
def sampled_softmax_nan_at_hits(
    features: LayerInput,
    weights: LayerWeight,
    biases: LayerWeight,
    true: ClassIndices,
    sampled: SharedClassIndices,
    true_counts: ExpectedCounts,
    sampled_counts: SharedExpectedCounts,
    *,
    remove_accidental_hits: bool = True,
) -> Terms:
    """Sampled softmax whose value is NaN for a row that meets one of its classes among the sampled ones.

    Only if `remove_accidental_hits`; the slopes are right.

    Source: tf.nn.sampled_softmax_loss in float16 and bfloat16, measured.
    """
    layer, counts = (weights, biases), (true_counts, sampled_counts)
    terms = sampled_softmax.function(
        features, *layer, true, sampled, *counts, remove_accidental_hits=remove_accidental_hits
    )
    return without_value(terms, true, sampled, remove_accidental_hits)


def without_value(terms: Terms, true: np.ndarray, sampled: np.ndarray, removed: bool) -> Terms:
    """The terms with NaN for the value of rows that meet one of their classes among the sampled, if those go."""
    hit = (true[:, :, None] == sampled).any(axis=(1, 2)) & removed
    return replace(terms, value=np.where(hit, np.nan, terms.value))


@loss(over="samples", variant=True)
def rnnt_fastemit(
    logits: Logits,
    labels: Labels,
    input_lengths: Length,
    label_lengths: Length,
    *,
    blank: NonNegativeNumber = 0,
    fastemit: NonNegativeNumber = 0.0,
    clipped: bool = False,
) -> Terms:
    """The transducer whose slope counts each emission of a label ``1 + λ`` times; its value is as without.

    If `clipped`, the softmax raises logits to 64 below the largest.

    Source: J. Yu et al., "FastEmit: low-latency streaming ASR with sequence-level emission regularization", ICASSP
    2021; paddle.nn.RNNTLoss, measured.
    """
    seen = clip_at_64(logits) if clipped else logits
    return transducer_terms(seen, labels, input_lengths, label_lengths, int(blank), emission=1 + fastemit)


@loss(over="samples", variant=True)
@np.errstate(all="ignore")
def rnnt_of_scores_as_they_are(
    logits: Logits, labels: Labels, input_lengths: Length, label_lengths: Length, *, blank: NonNegativeNumber = 0
) -> Terms:
    """The transducer's recursion on the exponentials of the scores themselves: nothing is normalized.

    The slope by a score is minus the share of the paths that emit its symbol there.

    Source: paddle.nn.RNNTLoss on the CPU, measured.
    """
    taken = steps(np.asarray(logits, float), labels, input_lengths, label_lengths, int(blank))
    weight, _, shares = run(taken, input_lengths, label_lengths)
    emitted = by_symbol(shares, labels, int(blank), logits.shape[-1])
    sizes = np.where(shares.blank > 0, shares.blank * np.abs(taken.blank), 0.0)
    sizes = sizes + np.where(shares.label > 0, shares.label * np.abs(taken.label), 0.0)
    magnitude = np.fmax((sizes + shares.blank + shares.label).sum(axis=(1, 2)), np.abs(weight))
    return Terms(
        0.0 - weight,
        {"logits": -emitted},
        magnitude=magnitude,
        slope_magnitudes={"logits": emitted * (1 + magnitude[:, None, None, None])},
        nearness=1 / magnitude,  # shares are exponentials of differences of such sums
    )
