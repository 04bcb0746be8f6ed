"""The engine of `hunt`: round by round, fresh inputs and changes to the worst so far, each worst proven by itself."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from lossbench.cases.stored import PREFIX, SHELF, Literal
from lossbench.crew import Crew
from lossbench.judging.catches import Bag, Catch
from lossbench.judging.explorer import Explorer
from lossbench.judging.judge import Limits
from lossbench.judging.probing import OBJECTIVES, Place, Prober, Sighting, gravity, rank
from lossbench.judging.shrinking import Ask, Defect, Shrinker, reason_of
from lossbench.judging.specimens import term_of
from lossbench.loss import Loss
from lossbench.records import Case, Greeting, Implementation, Status, Target, Verdict
from lossbench.reference.answers import Answers

FRESH = 12  # probes of a round that everybody takes
TRIED = 2  # terms of a probe that are tried alone, in each respect; as many again by chance where some are declared
PROVEN_SIZE = 512  # numbers up to which a term is proven at once
WHOLE_SIZE = 1 << 14  # and up to which a batch is kept that shows what none of its terms shows alone
MOST_DEATHS = 3  # of a worker, by one implementation
KNOWN = (Status.DEVIATES, Status.BY_CONTRACT)
DEATHS = (Status.CRASHES, Status.HANGS)
REACHES = ("ordinary", "any")  # inputs: of everyday sizes, or whatever the format holds
ORDINARY = (1e-9, 1e5)  # sizes, 0 beside them


def is_ordinary(one: Literal) -> bool:
    """Whether all its numbers are of everyday sizes."""
    arrays = [np.abs(array) for array in one.arrays.values() if array.dtype.kind == "f"]
    numbers = [abs(float(v)) for _, v in one.parameters if isinstance(v, int | float)]
    low, high = ORDINARY
    return all(((a == 0) | ((a >= low) & (a <= high))).all() for a in [*arrays, np.array(numbers)])


def _ordinary_terms(one: Literal, count: int) -> np.ndarray:
    """Which terms have inputs of everyday sizes alone, as far as arrays lie along them."""
    found = np.ones(count, bool)
    low, high = ORDINARY
    for array in one.arrays.values():
        if array.dtype.kind == "f" and array.size and array.size % count == 0:
            sizes = np.abs(array.reshape(count, -1))
            found &= ((sizes == 0) | ((sizes >= low) & (sizes <= high))).all(axis=1)
    return found


class Hunter:
    """A hunt over some losses and formats, whose rounds follow from a seed and nothing else."""

    def __init__(
        self,
        crew: Crew,
        greetings: Mapping[Target, Greeting],
        losses: Mapping[str, Loss],
        chosen: Sequence[str],
        dtypes: Sequence[str],
        seed: int,
        wanted: Callable[[Implementation], bool],
    ) -> None:
        """Hold what every round needs; `wanted` narrows the implementations down."""
        self.losses, self.seed, self.bag = losses, seed, Bag()
        self.tables = {t: [i for i in g.implementations if wanted(i)] for t, g in greetings.items()}
        self.scout = Prober(crew, greetings, Answers(None), losses, proving=False, in_detail=True)
        self.prover = Prober(crew, greetings, Answers(None), losses, proving=True, in_detail=False)
        self.grounds: list[Explorer] = []
        for name in chosen:
            for dtype in dtypes:
                mine = [i for table in self.tables.values() for i in table if i.loss == name and dtype in i.dtypes]
                if mine:
                    self.grounds.append(Explorer(losses[name], dtype, mine))

    def round(self) -> None:
        """One round: probe, pick out the worst terms, try them alone, keep those that stand."""
        self.scout.in_detail = True
        ground = self.grounds[self.bag.rounds % len(self.grounds)]
        turn = self.bag.rounds // len(self.grounds)
        probes = self._probes(ground, turn)
        sightings = self._put(self.scout, [(literal, place) for literal, place in probes])
        literals = [literal for literal, _ in probes]
        for seen in sightings:
            if seen.verdict.status in DEATHS:  # kept as it is: who has died too often is not asked again
                self._keep(seen.place, seen.verdict, literals[seen.number])
        alive = [seen for seen in sightings if seen.verdict.status not in DEATHS]
        trials = [trial for seen in alive for trial in self._suspects(seen, literals[seen.number], turn)]
        self._try(trials)
        self.bag.rounds += 1

    def _generator(self, *words: object) -> np.random.Generator:
        return np.random.default_rng([self.seed & 0xFFFFFFFF, zlib.crc32(repr(words).encode())])

    def _probes(self, ground: Explorer, turn: int) -> list[tuple[Literal, Place | None]]:
        name, dtype = ground.loss.name, ground.dtype
        generator = self._generator(name, dtype, turn)
        made = [ground.fresh(turn * FRESH + number, generator) for number in range(FRESH)]
        probes: list[tuple[Literal, Place | None]] = [(literal, None) for literal in made if literal is not None]
        for target, table in self.tables.items():
            for implementation in (i for i in table if i.loss == name):
                place = (target, implementation.key)
                for objective, reach in itertools.product(OBJECTIVES, REACHES):
                    catches = self.bag.catches.get((place, name, dtype, objective, reach), [])
                    if catches and self.bag.deaths.get(place, 0) < MOST_DEATHS:
                        # of its own name, so that a hunt goes the same way whoever else is there
                        own = self._generator(name, dtype, turn, str(target), implementation.key, objective, reach)
                        catch = catches[int(own.integers(len(catches)))]
                        probes.append((ground.near(catch.literal, implementation, own.random() < 0.3, own), place))
        return probes

    def _put(self, prober: Prober, probes: Sequence[tuple[Literal, Place | None]]) -> list[Sighting]:
        """Ask each of its place, or of all that have not died too often; numbers are places in `probes`."""
        by_case: dict[Case, list[Place | None]] = {}
        numbers: dict[Case, int] = {}
        kinds: dict[Case, str] = {}
        for number, (literal, place) in enumerate(probes):
            case = SHELF.remember(literal)
            kinds[case] = literal.slug
            by_case.setdefault(case, []).append(place)
            numbers.setdefault(case, number)
        meant = {case: self._meant(places, kinds[case]) for case, places in by_case.items()}
        cases = list(by_case)
        try:
            found = prober.probe(cases, meant)
        finally:
            for case in cases:
                SHELF.forget(case.regime.removeprefix(PREFIX))
        by_name = {str(case): number for case, number in numbers.items()}
        for seen in found:
            seen.number = by_name[seen.verdict.case]  # those that may do harm were asked again, at the end
            self.bag.asked += seen.verdict.compared
            if seen.verdict.status in DEATHS:
                self.bag.deaths[seen.place] = self.bag.deaths.get(seen.place, 0) + 1
                self.bag.deadly.setdefault(seen.place, set()).add(probes[seen.number][0].slug)
        return found

    def _meant(self, places: Sequence[Place | None], kind: str) -> Callable[[Target, Implementation], bool]:
        everybody = None in places
        keys = {target: {i.key for i in table} for target, table in self.tables.items()}

        def meant(target: Target, implementation: Implementation) -> bool:
            place = (target, implementation.key)
            alive = self.bag.deaths.get(place, 0) < MOST_DEATHS and kind not in self.bag.deadly.get(place, ())
            return alive and implementation.key in keys[target] and (everybody or place in places)

        return meant

    def _suspects(self, seen: Sighting, literal: Literal, turn: int) -> list[tuple[Literal, Sighting, Literal, int]]:
        """What is to be tried alone: (term, where it was seen, its whole batch, how grave it looked)."""
        loss, verdict = self.losses[literal.loss], seen.verdict
        picked: dict[int, int] = {}
        whole, reason = 0, reason_of(verdict)
        for objective, reach in itertools.product(OBJECTIVES, REACHES):
            key = (seen.place, literal.loss, literal.dtype, objective, reach)
            if not seen.terms:
                found = rank(verdict, objective)
                if self.bag.wants(key, found, reason):
                    whole = max(whole, found[0], 1)
                continue
            errors = seen.terms[objective].reshape(-1)
            if reach == REACHES[0]:
                errors = np.where(_ordinary_terms(literal, errors.size), errors, 0.0)
            for flat in self._worst(errors, verdict, turn):
                grave = gravity(verdict, objective, float(errors[flat]))
                if self.bag.wants(key, (grave, float(errors[flat])), reason):
                    picked[flat] = max(picked.get(flat, 0), grave)
        found_terms: list[tuple[Literal, Sighting, Literal, int]] = []
        for flat, grave in picked.items():
            shape = next(iter(seen.terms.values())).shape
            one = term_of(literal, loss, [int(i) for i in np.unravel_index(flat, shape)])
            if one is None:
                whole = max(whole, grave, 1)
            else:
                found_terms.append((one, seen, literal, grave))
        if whole:
            found_terms.append((literal, seen, literal, whole))
        return found_terms

    def _worst(self, errors: np.ndarray, verdict: Verdict, turn: int) -> list[int]:
        """The terms with the largest errors; and where declarations may hide others, some more beyond the limit."""
        count = min(TRIED, errors.size)
        top = np.argsort(-errors, kind="stable")[:count].tolist()
        if verdict.status in (*KNOWN, Status.DIFFERS):
            beyond = np.flatnonzero(errors > Limits.of(verdict.dtype, None, {}).scale)
            if beyond.size:
                generator = self._generator(verdict.case, verdict.via, turn)
                top += generator.choice(beyond, min(TRIED, beyond.size), replace=False).tolist()
        return [int(flat) for flat in dict.fromkeys(top) if errors[flat] > 0]

    def _try(self, trials: Sequence[tuple[Literal, Sighting, Literal, int]]) -> None:
        """Ask the suspects alone, judged by the definition where they are small, and keep what stands."""
        alone = {(one.digest, seen.place): (one, seen, whole, grave) for one, seen, whole, grave in trials}
        batches: list[tuple[Literal, Sighting]] = []
        for prober, small in ((self.prover, True), (self.scout, False)):
            mine = [entry for entry in alone.values() if (entry[0].size <= PROVEN_SIZE) == small]
            if not mine:
                continue
            where = {(one.digest, seen.place): (one, seen, whole, grave) for one, seen, whole, grave in mine}
            order = {number: one.digest for number, (one, *_) in enumerate(mine)}
            for found in self._put(prober, [(one, seen.place) for one, seen, _, _ in mine]):
                one, seen, whole, grave = where[order[found.number], found.place]
                reached = self._keep(found.place, found.verdict, one)
                if grave >= 2 and reached < 2 and seen.verdict.status not in KNOWN and whole.size <= WHOLE_SIZE:
                    batches.append((whole, seen))
        for whole, seen in batches:  # no term shows it alone: the batch does
            self._keep(seen.place, seen.verdict, whole)

    def shrunk(
        self, place: Place, catch: Catch, objective: str, enough: Callable[[], bool]
    ) -> tuple[Literal, Verdict] | None:
        """The smallest case that shows a catch, and the verdict of the definition; None where it does not stand."""
        if catch.verdict.status in DEATHS and enough():  # seen to die, and each further death costs seconds
            return catch.literal, catch.verdict
        loss = self.losses[catch.literal.loss]
        ask = self._asker(place)
        found = ask([catch.literal])[0]
        if found is None or found.status is not catch.verdict.status:
            return None
        if catch.rank[0] == 0:
            return catch.literal, found
        defect = Defect.of(found, objective)
        one = Shrinker(catch.literal, loss, defect, ask, enough).shrunk()
        for small in (one, catch.literal):
            self._forgive(place)
            seen = self._put(self.prover, [(small, place)])
            if seen and defect.shown_by(seen[0].verdict):
                return small, seen[0].verdict
        return None

    def _forgive(self, place: Place) -> None:
        """Forget the deaths of an implementation: shrinking counts them by itself."""
        self.bag.deaths.pop(place, None)
        self.bag.deadly.pop(place, None)

    def _asker(self, place: Place) -> Ask:
        def ask(literals: Sequence[Literal]) -> list[Verdict | None]:
            verdicts: list[Verdict | None] = [None] * len(literals)
            self.scout.in_detail = False
            for prober, small in ((self.prover, True), (self.scout, False)):
                mine = [n for n, one in enumerate(literals) if (one.size <= PROVEN_SIZE) == small]
                if mine:
                    self._forgive(place)
                    for seen in self._put(prober, [(literals[n], place) for n in mine]):
                        digest = literals[mine[seen.number]].digest
                        for n in mine:
                            if literals[n].digest == digest:
                                verdicts[n] = seen.verdict
            return verdicts

        return ask

    def _keep(self, place: Place, verdict: Verdict, literal: Literal) -> int:
        """Offer a verdict in all respects; how grave the gravest is."""
        gravest = 0
        for objective in OBJECTIVES:
            found = rank(verdict, objective)
            gravest = max(gravest, found[0])
            for reach in REACHES[0 if is_ordinary(literal) else 1 :]:
                self.bag.keep((place, literal.loss, literal.dtype, objective, reach), Catch(found, verdict, literal))
        return gravest
