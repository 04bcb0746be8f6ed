"""What a hunt has caught: the worst inputs of each implementation in each respect."""

from __future__ import annotations

from dataclasses import dataclass, field

from lossbench.cases.stored import Literal
from lossbench.judging.probing import Place, Rank
from lossbench.judging.shrinking import reason_of
from lossbench.records import Verdict

KEPT, KEPT_KNOWN = 4, 2  # of the worst in each respect, and of those that are declared
Key = tuple[Place, str, str, str, str]  # implementation, loss, format, respect, reach


@dataclass(frozen=True, slots=True)
class Catch:
    """One of the worst inputs of an implementation in one respect, and the verdict on it."""

    rank: Rank
    verdict: Verdict
    literal: Literal

    @property
    def shelf(self) -> str:
        """Where a bag keeps it."""
        return _shelf(self.rank, reason_of(self.verdict))[0]


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

    def wants(self, key: Key, found: Rank, reason: str = "") -> bool:
        """Whether something of this rank would be kept; `reason` is the declaration that explains it, if one does."""
        shelf, room = _shelf(found, reason)
        same = [catch.rank for catch in self.catches.get(key, []) if catch.shelf == shelf]
        return found[1] > 0 or found[0] > 1 if len(same) < room else found > min(same)

    def keep(self, key: Key, catch: Catch) -> None:
        """Put it among the worst, unless it is there already or not bad enough."""
        mine, reason = self.catches.setdefault(key, []), reason_of(catch.verdict)
        if not self.wants(key, catch.rank, reason) or any(c.literal.digest == catch.literal.digest for c in mine):
            return
        shelf, room = _shelf(catch.rank, reason)
        same = sorted(
            [c for c in mine if c.shelf == shelf] + [catch], key=lambda c: c.rank, reverse=True
        )  # stable: the first of equals stays
        self.catches[key] = [c for c in mine if c.shelf != shelf] + same[:room]

    def each_reason(self, key: Key) -> list[Catch]:
        """The worst of each declared deviation."""
        worst: dict[str, Catch] = {}
        for catch in self.catches.get(key, []):
            if catch.shelf and (catch.shelf not in worst or catch.rank > worst[catch.shelf].rank):
                worst[catch.shelf] = catch
        return list(worst.values())


def _shelf(found: Rank, reason: str) -> tuple[str, int]:
    """Where it is kept, beside how many: what a declaration explains is kept apart from all else, by its reason.

    Else what overflows by one declaration, which nothing exceeds, would hide what deviates by another.
    """
    return (reason or "declared", KEPT_KNOWN) if found[0] == 1 else ("", KEPT)
