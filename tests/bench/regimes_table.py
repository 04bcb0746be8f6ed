"""Which regime seasons which loss in a suite, and where a regime that applies leaves everything as it was drawn.

    python tests/bench/regimes_table.py [SUITE] [--full]

Needs no framework. One line for each loss: how many regimes season it, and the names of those that apply to it and do
nothing (`idle`), or that do not apply (`blank`, with --full). Exits with 1 where a regime is idle in all its cases.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from lossbench.cases.inputs import drafted
from lossbench.cases.regimes import REGIMES
from lossbench.cases.suite import Selection, load
from lossbench.cases.unfolding import unfold
from lossbench.loss import Loss
from lossbench.losses import catalogue
from lossbench.records import Case

IN_THE_CALL = (
    "normal",
    "empty",
    "one_row",
    "many_rows",
    "invalid_fractions",
    "invalid_options",
)  # what they do is not in the numbers
POISONOUS = ("poison", "hidden", "masked_out")  # do their work where something is not finite


def seasons(case: Case, loss: Loss) -> bool:
    """Whether the regime of a case changes a number of its ordinary inputs."""
    draft = drafted(case, loss)
    before = dict(draft.arrays)
    with np.errstate(all="ignore"):
        REGIMES[case.regime].season(draft)
    if case.regime in POISONOUS:
        return any(not np.isfinite(a).all() for a in _changed(before, draft.arrays))
    return bool(_changed(before, draft.arrays))


def _changed(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> list[np.ndarray]:
    return [
        a
        for name, a in after.items()
        if a.shape != before[name].shape or not np.array_equal(a, before[name], equal_nan=True)
    ]


def table(suite: str) -> dict[str, dict[str, bool]]:
    """For each loss and each regime that the suite puts to it, whether some case of them is seasoned."""
    losses = catalogue()
    found: dict[str, dict[str, bool]] = {name: {} for name, loss in losses.items() if not loss.variant}
    for case in unfold(load(suite), losses, Selection()):
        if case.regime.startswith("stored=") or found[case.loss].get(case.regime):
            continue
        found[case.loss][case.regime] = case.regime in IN_THE_CALL or seasons(case, losses[case.loss])
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suite", nargs="?", default="full")
    parser.add_argument("--full", action="store_true", help="name the regimes that do not apply, too")
    asked = parser.parse_args()
    idle_anywhere = False
    for name, regimes in table(asked.suite).items():
        idle = [regime for regime, seasoned in regimes.items() if not seasoned]
        idle_anywhere = idle_anywhere or bool(idle)
        line = f"{name}: {sum(regimes.values())} of {len(REGIMES)}"
        line += f"; idle: {', '.join(idle)}" if idle else ""
        if asked.full:
            line += f"; blank: {', '.join(regime for regime in REGIMES if regime not in regimes)}"
        print(line)
    return 1 if idle_anywhere else 0


if __name__ == "__main__":
    sys.exit(main())
