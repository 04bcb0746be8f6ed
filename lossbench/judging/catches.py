"""What a hunt has caught: the worst inputs of each implementation in each respect."""

from __future__ import annotations

from dataclasses import dataclass, field

from lossbench.cases.stored import Literal
from lossbench.judging.probing import Place, Rank
from lossbench.records import Verdict

KEPT, KEPT_KNOWN = 4, 2  # of the worst in each respect, and of those that are declared
Key = tuple[Place, str, str, str, str]  # implementation, loss, format, respect, reach


@dataclass(frozen=True, slots=True)
class Catch:
    """One of the worst inputs of an implementation in one respect, and the verdict on it."""

    rank: Rank
    verdict: Verdict
    literal: Literal


@dataclass(slots=True)
class Bag:
    """What a hunt has caught so far, and how far it has come."""

    catches: dict[Key, list[Catch]] = field(default_factory=dict)
    rounds: int = 0
    asked: int = 0  # numbers held against the reference
    deaths: dict[Place, int] = field(default_factory=dict)
    deadly: dict[Place, set[str]] = field(default_factory=dict)  # kinds of input that it has died of

    def worst(self, key: Key) -> Catch | None:
        """The worst in one respect."""
        return max(self.catches.get(key, []), key=lambda catch: catch.rank, default=None)

    def wants(self, key: Key, found: Rank) -> bool:
        """Whether something of this rank would be kept."""
        kind, room = _shelf(found)
        same = [catch.rank for catch in self.catches.get(key, []) if _shelf(catch.rank)[0] == kind]
        return found[1] > 0 or found[0] > 1 if len(same) < room else found > min(same)

    def keep(self, key: Key, catch: Catch) -> None:
        """Put it among the worst, unless it is there already or not bad enough."""
        mine = self.catches.setdefault(key, [])
        if not self.wants(key, catch.rank) or any(c.literal.digest == catch.literal.digest for c in mine):
            return
        kind, room = _shelf(catch.rank)
        same = sorted(
            [c for c in mine if _shelf(c.rank)[0] == kind] + [catch], key=lambda c: c.rank, reverse=True
        )  # stable: the first of equals stays
        self.catches[key] = [c for c in mine if _shelf(c.rank)[0] != kind] + same[:room]


def _shelf(found: Rank) -> tuple[bool, int]:
    return (True, KEPT_KNOWN) if found[0] == 1 else (False, KEPT)
