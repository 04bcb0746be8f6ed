"""What becomes of gradients by labels where classes are masked: a logarithm of minus infinity times 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lossbench.domains import Logits, Mask, Probabilities
from lossbench.loss import Terms, loss
from lossbench.losses.categorical_focal import Polynomial, poly1_cross_entropy
from lossbench.losses.cross_entropy import soft_cross_entropy


@loss(over="rows", variant=True)
def soft_cross_entropy_undefined_where_masked(logits: Logits, target: Probabilities, mask: Mask = None) -> Terms:
    """Cross entropy with a distribution whose slope by the label of a masked class is NaN.

    Source: optax.losses.softmax_cross_entropy, measured.
    """
    terms = soft_cross_entropy.function(logits, target, None, mask, label_smoothing=0.0)
    return _undefined(terms, mask)


@loss(over="rows", variant=True)
def poly1_cross_entropy_undefined_where_masked(
    logits: Logits, target: Probabilities, mask: Mask = None, *, epsilon: Polynomial = 2.0
) -> Terms:
    """Cross entropy with a term more whose slope by the label of a masked class is NaN.

    Source: optax.losses.poly_loss_cross_entropy, measured.
    """
    return _undefined(poly1_cross_entropy.function(logits, target, mask, epsilon=epsilon), mask)


def _undefined(terms: Terms, mask: np.ndarray | None) -> Terms:
    if mask is None:
        return terms
    slope = np.where(mask > 0, terms.slopes["target"], np.nan)
    return replace(terms, slopes={**terms.slopes, "target": slope})
