"""Losses over a sample of the classes: the true ones, and a few others with the counts they are expected to have."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lossbench.domains import (
    ClassIndices,
    ExpectedCounts,
    LayerInput,
    LayerWeight,
    SharedClassIndices,
    SharedExpectedCounts,
)
from lossbench.functions import exactly, exp, log, total
from lossbench.loss import Terms, loss
from lossbench.losses.cross_entropy import weigh_surprisals
from lossbench.losses.large_vocabulary import through_softmax
from lossbench.losses.layers import Scores, Slopes, assembled, scores, unsettled
from lossbench.losses.limits import product
from lossbench.losses.stable import sigmoid, softplus

Arrays = dict[str, np.ndarray]
AXES = ("rows", "features", "classes", "true", "sampled")
SMALL = (6, 4, 9, 2, 3)
LARGE = (64, 64, 512, 1, 32)


class Candidates(NamedTuple):
    """The classes that each row looks at, the true ones first: [N, K + M]."""

    classes: np.ndarray
    hits: np.ndarray  # sampled classes that are true ones of their row
    made: Scores  # their scores, less the logarithm of the expected counts


@np.errstate(all="ignore")
def candidates(
    features: np.ndarray,
    layer: tuple[np.ndarray, np.ndarray],
    true: np.ndarray,
    sampled: np.ndarray,
    counts: tuple[np.ndarray, np.ndarray],
) -> Candidates:
    """The candidates of each row with their scores ``<h, W_c> + b_c - log Q_c``."""
    weights, bias = layer
    many = (len(true), len(sampled))
    classes = np.concatenate([true, np.broadcast_to(sampled, many)], axis=1)
    logs = np.log(np.concatenate([counts[0], np.broadcast_to(counts[1], many)], axis=1))
    hits = np.zeros(classes.shape, bool)
    hits[:, true.shape[1] :] = (sampled[None, :, None] == true[:, None, :]).any(axis=-1)
    made = scores(features, weights[classes], bias[classes])
    return Candidates(classes, hits, Scores(made.value - logs, made.size + np.abs(logs)))


def by_candidates(slopes: Slopes, features: np.ndarray, weights: np.ndarray, classes: np.ndarray) -> dict[str, Slopes]:
    """The slopes by features, weights and biases, of which each candidate touches one row; several may be the same."""
    rows = np.broadcast_to(np.arange(len(features))[:, None], classes.shape)
    back: dict[str, list[np.ndarray]] = {"features": [], "weights": [], "biases": []}
    for share, along, matrix in (
        (slopes.value, features, weights),
        (slopes.magnitude, np.abs(features), np.abs(weights)),
    ):
        own = np.where(share[..., None] == 0, 0.0, share[..., None] * along[:, None, :])
        by_weights, by_biases = np.zeros((len(features), *weights.shape)), np.zeros((len(features), len(weights)))
        np.add.at(by_weights, (rows, classes), own)
        np.add.at(by_biases, (rows, classes), share)
        back["features"].append(np.einsum("nc,ncd->nd", share, matrix[classes]))
        back["weights"].append(by_weights)
        back["biases"].append(by_biases)
    return {name: Slopes(*pair) for name, pair in back.items()}


@loss(
    over="samples",
    also={"remove_accidental_hits": (True,)},
    aliases=("noise_contrastive_estimation",),
    axes=AXES,
    small=SMALL,
    large=LARGE,
    relations=("not_negative",),
)
@np.errstate(all="ignore")
def nce(
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
    """Noise contrastive estimation: each true class told from the noise, and each sampled one known as noise.

    ``Σ_k (log(1 + exp(u_k)) - u_k/K) + Σ_m log(1 + exp(v_m))`` with scores ``<h, W_c> + b_c - log Q_c``, u of the K
    true classes of a row and v of the M sampled ones; Q are the counts that the sampler is expected to give. The label
    of a true class is 1/K, so that a row's labels add up to 1. A sampled class that is a true one of the row is left
    out if `remove_accidental_hits`. features [N, D], weights [C, D], biases [C], true and true_counts [N, K], sampled
    and sampled_counts [M], the same for all rows; one term for each row. Identity: `binary_cross_entropy_with_logits`
    of the scores, summed.

    Source: M. Gutmann and A. Hyvärinen, "Noise-contrastive estimation", AISTATS 2010; tf.nn.nce_loss.
    """
    found = candidates(features, (weights, biases), true, sampled, (true_counts, sampled_counts))
    score, size = found.made
    asked = ~(found.hits & remove_accidental_hits)
    label = np.where(np.arange(score.shape[1]) < true.shape[1], 1 / true.shape[1], 0.0)
    pull, rest = sigmoid(score), sigmoid(-score)
    # y log(1 + exp(-z)) + (1 - y) log(1 + exp(z)): two terms that are not negative
    parts = np.where(asked, product(label, softplus(-score)) + product(1 - label, softplus(score)), 0.0)
    slope = np.where(asked, (1 - label) * pull - label * rest, 0.0)
    slope_size = np.where(asked, (1 - label) * pull + label * rest + product(pull * rest, size), 0.0)
    magnitude = (parts + product(np.abs(slope), size)).sum(axis=-1)
    back = by_candidates(Slopes(slope, slope_size), features, weights, found.classes)
    return assembled(parts.sum(axis=-1), magnitude, back, np.full(len(features), np.inf))


@loss(
    over="samples",
    also={"remove_accidental_hits": (False,)},
    axes=AXES,
    small=SMALL,
    large=LARGE,
    relations=("not_negative",),
)
@np.errstate(all="ignore")
def sampled_softmax(
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
    """Cross entropy of a softmax over the true classes and a sample of the others, corrected for how they are drawn.

    ``Σ_k (1/K) (log(Σ_j exp(u_j) + Σ_m exp(v_m)) - u_k)`` with scores ``<h, W_c> + b_c - log Q_c``, u of the K true
    classes of a row and v of the M sampled ones; Q are the counts that the sampler is expected to give. A sampled class
    that is a true one of the row is left out if `remove_accidental_hits`. features [N, D], weights [C, D], biases [C],
    true and true_counts [N, K], sampled and sampled_counts [M], the same for all rows; one term for each row.
    Identity: where all other classes are sampled, each with count 1, `linear_cross_entropy`.

    Source: S. Jean et al., "On using very large target vocabulary for neural machine translation", ACL 2015.
    """
    found = candidates(features, (weights, biases), true, sampled, (true_counts, sampled_counts))
    out = found.hits & remove_accidental_hits
    made = Scores(np.where(out, -np.inf, found.made.value), np.where(out, 0.0, found.made.size))
    label = np.where(np.arange(out.shape[1]) < true.shape[1], 1 / true.shape[1], 0.0) * np.ones(out.shape)
    terms = weigh_surprisals(made.value, label)
    magnitude, slopes = through_softmax(terms, made, np.ones((len(features), 1)))
    back = by_candidates(slopes, features, weights, found.classes)
    return assembled(terms.value, magnitude, back, unsettled(made))


@nce.shapes
@sampled_softmax.shapes
def _(shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    _, features, classes, true, sampled = shape
    return {
        "features": (features,),
        "weights": (classes, features),
        "biases": (classes,),
        "true": (true,),
        "sampled": (sampled,),
        "true_counts": (true,),
        "sampled_counts": (sampled,),
    }


@nce.draw
@sampled_softmax.draw
def _(generator: np.random.Generator, shape: tuple[int, ...], *, remove_accidental_hits: bool) -> Arrays:
    rows, _, classes, true, sampled = shape
    # no class twice among the true ones of a row, nor among the sampled ones, as unique samplers give them
    own = np.array([generator.permutation(classes)[:true] for _ in range(rows)]).reshape(rows, true)
    noise = generator.permutation(classes)[:sampled]
    if own.size and noise.size and noise[0] not in own[0]:  # one row at least meets a class of its own among the noise
        own[0, 0] = noise[0]
    return {"true": own, "sampled": noise}


def _scored(features, weights, biases, classes, counts):
    """The scores of the classes, less the logarithm of their expected counts."""
    return [
        total(h * w for h, w in zip(features, weights[c], strict=True)) + biases[c] - log(q)
        for c, q in zip(classes, counts, strict=True)
    ]


@nce.definition
def _(features, weights, biases, true, sampled, true_counts, sampled_counts, *, remove_accidental_hits):
    asked = [m for m, c in enumerate(sampled) if not (remove_accidental_hits and c in true)]
    u = _scored(features, weights, biases, true, true_counts)
    v = _scored(features, weights, biases, [sampled[m] for m in asked], [sampled_counts[m] for m in asked])
    truth = total(log(1 + exp(x)) - x / len(true) for x in u)
    return truth + total(log(1 + exp(x)) for x in v)


@sampled_softmax.definition
def _(features, weights, biases, true, sampled, true_counts, sampled_counts, *, remove_accidental_hits):
    asked = [m for m, c in enumerate(sampled) if not (remove_accidental_hits and c in true)]
    u = _scored(features, weights, biases, true, true_counts)
    v = _scored(features, weights, biases, [sampled[m] for m in asked], [sampled_counts[m] for m in asked])
    partition = total(exp(x) for x in [*u, *v])
    return total(-log(exp(x) / partition) for x in u) * (exactly(1) / len(true))
