"""Whether the terms of a case add up to a number of its format."""

from __future__ import annotations

import numpy as np

from lossbench.cases.inputs import build, resolved
from lossbench.cases.regimes import REGIMES
from lossbench.floats import FORMATS
from lossbench.loss import Loss
from lossbench.records import Case


def adds_up(case: Case, loss: Loss) -> bool:
    """Whether the sum of the absolute terms is finite in the case's format.

    Where it is not, a mean that goes by way of the sum is infinite though the mean itself is not: that says nothing
    of a function that offers means alone, as those of all frameworks go that way.
    """
    regime = REGIMES[case.regime]
    if regime.must_reject or regime.dangerous:
        return True  # what is invalid has no terms
    with np.errstate(all="ignore"):
        total = np.abs(loss(build(case, loss).arrays, resolved(case, loss)).value).sum()
    return not total > FORMATS[case.dtype].largest
