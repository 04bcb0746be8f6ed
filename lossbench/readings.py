"""In the worker: what a user's own function returns, found out by trying it: a term for each, a sum or a mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossbench.floats import FORMATS, encode
from lossbench.framework import FLOATS, Adapter, Tensor
from lossbench.guest_matching import Slot
from lossbench.hosted import Hosted
from lossbench.records import Implementation, Option

WORDS: Mapping[str, tuple[str | None, ...]] = {  # how a reduction is called
    "none": ("none", None),
    "mean": ("mean", "sum_over_batch_size"),
    "sum": ("sum",),
}
CLOSE = 1e-3  # twice a sum in float32 is no worse than this


@dataclass(frozen=True, slots=True)
class Reading:
    """A way to understand what comes back: for each reduction offered, what to set; and how that was found."""

    settings: Mapping[str, Mapping[str, object]]
    how: str
    suffix: str = ""


class Trial:
    """A guest, tried on the ordinary inputs that came with its description."""

    def __init__(self, hosted: Hosted) -> None:
        """Nothing is called yet."""
        self.hosted, self.guest, self.matching = hosted, hosted.guest, hosted.matching

    def readings(self) -> list[Reading]:
        """The ways to understand its reductions, found by trying; more than one where trying does not tell."""
        slot, offered = self.matching.reduction, self.guest.reductions
        if slot is None:
            return self._read_fixed({}, "")
        if slot.name == "reduction":
            words = self._words(slot, offered)
            if words:
                how = ", ".join(f"{ours}={next(iter(s.values()))!r}" for ours, s in words.items())
                return [Reading(words, f"its reduction tried: {how}")]
            plain = {ours: {slot.name: ours} for ours in offered if ours in WORDS}
            return [Reading(plain, "its reduction could not be tried")]
        found: dict[str, Mapping[str, object]] = {}
        for value in (False, True):
            for reading in self._read_fixed({slot.name: value}, "")[:1]:
                found |= {ours: settings for ours, settings in reading.settings.items() if ours not in found}
        return [Reading(found, ", ".join(f"{slot.name}={next(iter(s.values()))} is {n}" for n, s in found.items()))]

    def entry(self, reading: Reading) -> tuple[Implementation, Adapter]:
        """The table's entry."""
        guest, matching = self.guest, self.matching
        settings = dict(reading.settings)
        ours = dict(guest.parameters)
        defaults = {
            name: slot.default
            for name, slot in matching.parameters.items()
            if not slot.needed and isinstance(slot.default, Option) and slot.default != ours[name]
        }
        some = next(iter(settings.values()), {})
        nothing = defaults.get("ignore_index")
        if isinstance(nothing, int) and self._tried(some) is not None and self._tried(some, first=nothing) is None:
            del defaults["ignore_index"]  # one that it takes for none: no row is ignored
        usual = {n: s.default for n, s in matching.parameters.items() if not s.needed}
        refused = [
            name
            for name in defaults
            if self._tried(some, parameters=usual) is not None
            and self._tried(some, parameters={**usual, name: ours[name]}) is None
        ]
        hosted = self.hosted

        def adapter(*, reduction: str, **given: Any) -> Tensor:
            arrays = {name: value for name, value in given.items() if name not in matching.parameters}
            parameters = {name: value for name, value in given.items() if name in matching.parameters}
            return hosted.call(arrays, parameters, settings.get(reduction, {}))

        dtypes = ("float32",) if self.hosted.is_keras and not hosted.takes_dtype else self._dtypes(some)
        lacking = "; takes no " + ", ".join(d for d in FLOATS if d not in dtypes) if len(dtypes) < len(FLOATS) else ""
        taken = matching.given()
        optional = [name for name in guest.optional if name in taken]
        kept = f"; {reading.how}" if reading.how else ""
        one = Implementation(
            loss=guest.loss,
            via=guest.via + reading.suffix,
            arrays=(*guest.required, *optional),
            required=(*guest.required, *refused),
            parameters=tuple(matching.parameters),
            reductions=tuple(settings),
            dtypes=dtypes,
            call=hosted.source(settings, optional),
            told=f"{matching}{kept}" + (", classes second" if hosted.second and guest.classed else "") + lacking,
            home=(guest.place, guest.name),
            defaults=tuple(defaults.items()),
        )
        return one, adapter

    def _dtypes(self, settings: Mapping[str, object]) -> tuple[str, ...]:
        """The formats it takes: all, but for those of 16 bits that it raises on."""
        if self._tried(settings) is None:
            return FLOATS
        taken = [d for d in FLOATS if d in ("float64", "float32") or self._tried(settings, dtype=d) is not None]
        return tuple(taken)

    def _words(self, slot: Slot, offered: Sequence[str]) -> dict[str, Mapping[str, object]]:
        found: dict[str, Mapping[str, object]] = {}
        for ours in WORDS:
            for word in WORDS[ours]:
                settings = {slot.name: word}
                back = self._tried(settings)
                name = "" if back is None else self._meant(ours, back, settings)
                if name in offered:
                    found[name] = settings
                    break
        return found

    def _meant(self, word: str, back: np.ndarray, settings: Mapping[str, object]) -> str:
        """The reduction that goes by this word; empty where it is none of ours."""
        terms = self.guest.terms
        if not terms:
            return word
        if word == "none" and len(terms) > 1 and back.shape == terms[:-1]:  # Keras takes a mean along the last axis
            return "sum_last" if self._growth(settings, -1) == 2 else "mean_last"
        if word == "sum" and self.hosted.is_keras and len(terms) > 1 and self._growth(settings, -1) == 1:
            return ""  # the sum of such means
        return word if (back.shape == terms) == (word == "none") else ""

    def _read_fixed(self, settings: Mapping[str, object], suffix: str) -> list[Reading]:
        """What it returns under fixed settings: one number for each term, or a sum or mean of them."""
        terms, offered = self.guest.terms, self.guest.reductions
        back = self._tried(settings)
        scalars: list[str] = [name for name in ("mean", "sum") if name in offered]
        if back is None:
            every = [name for name in ("none", *scalars) if name in offered] or list(offered)
            return [Reading(dict.fromkeys(every, settings), "what it returns could not be tried")]
        if terms and back.shape == terms:
            return [Reading({"none": settings}, "returns one number for each term")]
        if back.shape == terms[:-1] and len(terms) > 1 and {"mean_last", "sum_last"} & set(offered):
            grown = self._growth(settings, -1)
            name = "sum_last" if grown == 2 else "mean_last"
            return [Reading({name: settings}, f"returns one number for each row: {name}")]
        if back.size != 1:
            return [Reading({"none": settings}, f"returns shape {back.shape} where the terms have {terms}")]
        if not terms:
            return [Reading(dict.fromkeys(offered, settings), "returns one number")]
        rows, last = self._growth(settings, 0), self._growth(settings, -1) if len(terms) > 1 else None
        name = {1: "mean", 2: "sum"}.get(rows or 0, "")
        if last is not None and last != rows:
            name = "batchmean" if (rows, last) == (1, 2) else ""
        if name in offered:
            times = "the same" if rows == 1 else "twice as much"
            return [Reading({name: settings}, f"returns one number, {times} for a batch given twice: read as {name}")]
        return [
            Reading({each: settings}, f"returns one number; read as {each}", f" (read as {each})")
            for each in (*scalars, *(offered if not scalars else ()))
        ]

    def _growth(self, settings: Mapping[str, object], axis: int) -> int | None:
        """How many times as much comes back when every array is given twice along an axis: 1, 2 or neither."""
        once, twice = self._tried(settings), self._tried(settings, axis)
        if once is None or twice is None or (once.size != 1 and axis == 0):
            return None
        first, second = float(np.sum(once)), float(np.sum(twice))
        if not (math.isfinite(first) and math.isfinite(second) and first):
            return None
        return next((n for n in (1, 2) if abs(second / first - n) < CLOSE), None)

    def _tried(
        self,
        settings: Mapping[str, object],
        twice: int | None = None,
        parameters: Mapping[str, object] | None = None,
        dtype: str = "",
        first: int = 0,
    ) -> np.ndarray | None:
        """What it makes of the inputs to try, as float64; None where it raises.

        `twice` gives every array twice along that axis, `dtype` the numbers in another format, and `first` is put in
        the place of the first class.
        """
        given = {}
        for name, kind, shape, numbers in self.guest.trial:
            array = np.array(numbers, kind).reshape(shape)
            grows = name not in self.guest.whole and (twice is None or twice == 0 or len(shape) > 1)
            if twice is not None and grows:
                array = np.concatenate([array, array], axis=twice)
            if first and name in self.guest.targets and kind not in FORMATS:
                array.flat[0] = first
            wanted = dtype if dtype and kind in FORMATS else kind
            array = encode(array.astype(float), FORMATS[dtype]) if wanted != kind else array
            given[name] = self.hosted.framework.tensor(array, wanted, False)
        if parameters is None:
            parameters = {n: s.default for n, s in self.matching.parameters.items() if not s.needed}
            ours = dict(self.guest.parameters)
            parameters |= {n: ours[n] for n, s in self.matching.parameters.items() if s.needed}
        try:
            found, data = self.hosted.framework.array(self.hosted.call(given, parameters, settings))
        except Exception:
            return None
        return data.astype(float) if dtype or found in ("float64", "float32") else None
