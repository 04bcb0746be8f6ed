"""How inputs are seasoned: each regime is a few lines in a file of this folder and nowhere else.

A regime changes a share of an ordinary draw rather than all of it, so that what is rare stands beside what is
common. The kinds of argument it names are those without which it has nothing to do.
"""

from __future__ import annotations

from lossbench.cases.regimes import certainty, edges, guards, holes, invalid, levels, ordinary, stress
from lossbench.cases.regimes.registry import REGIMES, Regime

_PLACES = [module.__name__ for module in (ordinary, edges, certainty, stress, guards, holes, invalid)]
_ordered = sorted(REGIMES.values(), key=lambda regime: _PLACES.index(regime.season.__module__))
REGIMES.clear()
REGIMES.update((regime.name, regime) for regime in _ordered)

__all__ = ["REGIMES", "Regime", "certainty", "edges", "guards", "holes", "invalid", "levels", "ordinary", "stress"]
