"""What becomes of class indices that pass through a floating-point format."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from lossbench.domains import ClassIndex, Logits, Number, Range
from lossbench.loss import Terms, loss
from lossbench.losses.cross_entropy import cross_entropy
from lossbench.losses.weighed import sample_weighted

Digits = Annotated[int, Range(low=1.0)]


@sample_weighted
@loss(over="rows", variant=True)
def cross_entropy_of_rounded_class(
    logits: Logits, target: ClassIndex, *, ignore_index: Number = -100, digits: Digits = 53
) -> Terms:
    """Cross entropy with the class whose index is nearest among the numbers of so many binary digits.

    With 8 digits, those of bfloat16, class 257 is taken for class 256; with 11, those of float16, 2049 for 2048.

    Source: keras.losses.SparseCategoricalCrossentropy, measured.
    """
    significand, exponent = np.frexp(target.astype(float))
    rounded = np.ldexp(np.rint(np.ldexp(significand, digits)), exponent - digits).astype(np.int64)
    return cross_entropy.function(logits, rounded, None, ignore_index=ignore_index, label_smoothing=0.0)
