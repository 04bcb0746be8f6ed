"""Deviating formulas of the losses of rows of scores, as packages beside the frameworks have them."""

from __future__ import annotations

from dataclasses import replace

from lossbench.domains import ClassIndex, Fraction, Logits
from lossbench.loss import Denominator, Terms, loss
from lossbench.losses.cross_entropy import cross_entropy


@loss(over="rows", variant=True)
def cross_entropy_averaged_over_all_rows(
    logits: Logits, target: ClassIndex, *, ignore_index: int = -100, label_smoothing: Fraction = 0.0
) -> Terms:
    """Cross entropy whose mean counts the ignored rows, too.

    Source: segmentation_models_pytorch.losses.SoftCrossEntropyLoss, measured.
    """
    terms = cross_entropy.function(logits, target, None, ignore_index=ignore_index, label_smoothing=label_smoothing)
    return replace(terms, denominators={"mean": Denominator(float(target.size))})
