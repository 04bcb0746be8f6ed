"""What travels between the stages: small frozen records, made of the standard library alone.

The columns of every CSV file, the columns of the tables and the messages to the workers are derived from the fields
of these classes; nothing lists them a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

Option = bool | int | float | str | None


class Status(StrEnum):
    """The possible ends of one case in one implementation; there are no others."""

    AGREES = "agrees"
    IMPRECISE = "imprecise"
    BY_CONTRACT = "by-contract"
    DEVIATES = "deviates"
    DIFFERS = "differs"
    REJECTS = "rejects"
    ACCEPTS = "accepts"
    REFUSES = "refuses"
    CRASHES = "crashes"
    HANGS = "hangs"
    ABSENT = "absent"
    SKIPPED = "skipped"


class Symptom(StrEnum):
    """What is wrong with an answer though no value shows it; each stands in the note of a verdict by this word."""

    WROTE_INTO_INPUT = "wrote-into-input"
    OTHER_DTYPE = "other-dtype"
    OTHER_SHAPE = "other-shape"
    NONDETERMINISTIC = "nondeterministic"
    NO_GRADIENT = "no-gradient"


CORRUPTS = "corrupts-memory"  # in the note of a crash or a hang that a declaration foresees, by chance or not
INTEGERS = ("int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64")
LAYOUTS = ("strided", "transposed", "unaligned")
CONTIGUOUS = "contiguous"  # as usual, where otherwise one case in four would be strided
HOW = (*LAYOUTS, CONTIGUOUS, *INTEGERS[1:])  # what a case may say of how its arrays are handed over


@dataclass(frozen=True, slots=True, order=True)
class Case:
    """A recipe from which the same inputs are built on any machine.

    It prints as ``huber/delta=0.1/mean/float32/64x10/kink/2`` and `lossbench.cases.suite.parse_case` reads that back;
    how the arrays are handed over stands among the options: ``nll/@int32/none/float32/6x5/normal/0``.
    """

    loss: str
    given: tuple[str, ...]  # optional array arguments that are passed, such as class weights
    parameters: tuple[tuple[str, Option], ...]  # those that differ from the loss's own defaults, sorted by name
    reduction: str
    dtype: str
    shape: tuple[int, ...]
    regime: str
    seed: int
    how: tuple[str, ...] = ()  # in what form the same numbers are handed over, see `HOW`

    @property
    def shape_text(self) -> str:
        """The shape as written in case names and tables: ``64x10``; a scalar is ``1``."""
        return "x".join(map(str, self.shape)) or "1"

    def __str__(self) -> str:
        """The printed name, which parses back."""
        named = (f"{name}={option_text(value)}" for name, value in self.parameters)
        options = ",".join([*self.given, *named, *(f"@{word}" for word in self.how)])
        middle = (self.reduction, self.dtype, self.shape_text, self.regime, str(self.seed))
        return "/".join([self.loss, *([options] if options else []), *middle])


def option_text(value: Option) -> str:
    """A parameter's value as written in a case name; `option_value` reads it back."""
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def option_value(text: str) -> Option:
    """Read back what `option_text` wrote."""
    if text in ("true", "false", "none"):
        return {"true": True, "false": False, "none": None}[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


@dataclass(frozen=True, slots=True)
class Known:
    """A deviation of one implementation that is understood: why, and how it can be recognized.

    An answer that differs from the true definition is `deviates` if it fits this declaration at the normal limits,
    and still `differs` if it does not.
    """

    reason: str
    definition: str = ""  # the loss or variant (lossbench/losses/variants) whose formula it follows instead
    renames: tuple[tuple[str, str], ...] = ()  # (parameter of that variant, parameter of the loss)
    sets: tuple[tuple[str, Option], ...] = ()  # parameters it fixes in that formula
    computes_in: str = ""  # the format it computes in, whatever the input's
    no_gradient: tuple[str, ...] = ()  # arguments it gives no gradient to though the definition has one
    notes: tuple[Symptom, ...] = ()  # symptoms it is expected to show
    raises: bool = False  # it refuses such input
    dtypes: tuple[str, ...] = ()  # empty: in every format
    regimes: tuple[str, ...] = ()  # empty: in every regime
    options: tuple[str, ...] = ()  # only when one of these parameters or optional arrays is set
    reductions: tuple[str, ...] = ()  # empty: whatever the reduction
    error: float | None = None  # band: up to this many eps by scale, where no formula describes it
    corrupts: bool = False  # it writes outside of its memory: asked last, so that nobody else pays for it
    contract: bool = False  # a documented choice (a clip, another mean), as opposed to lost accuracy or a defect


@dataclass(frozen=True, slots=True)
class Spelled:
    """What becomes of one of a loss's arguments in the call that an adapter makes."""

    name: str  # the loss's own name for it; empty: something that the adapter sets whatever the case
    function: str  # the public name of what is called; "(...)" behind it: the object it has made is called;
    # empty: this is what is done to the result, which stands as _ in `given`
    argument: str  # the framework's own name
    given: str  # the expression that is handed over, as written
    default: str = ""  # the framework's own default; empty: it has none
    help: str = ""  # what helpers of the adapter's own do to it, in their own words


@dataclass(frozen=True, slots=True)
class Implementation:
    """One way a framework offers a loss, as its worker describes it."""

    loss: str
    via: str  # the public name a user would call
    arrays: tuple[str, ...]
    required: tuple[str, ...]  # those of `arrays` it cannot be called without
    parameters: tuple[str, ...]
    reductions: tuple[str, ...]
    dtypes: tuple[str, ...]
    integers: tuple[str, ...] = ("int64",)  # the formats it takes class indices and lengths in
    known: tuple[Known, ...] = ()
    devices: tuple[str, ...] = ("cpu", "cuda")  # those it runs on
    recipe: bool = False  # written from primitives, because the framework has no such loss
    call: str = ""  # the adapter's source: the exact call
    home: tuple[str, str] = ("", "")  # the file the adapter is written in, and its name there
    words: tuple[tuple[str, str | None], ...] = ()  # the framework's own words for the reductions, where it has such
    spelled: tuple[Spelled, ...] = ()  # argument by argument; only a worker that is to explain itself says it
    defaults: tuple[tuple[str, Option], ...] = ()  # a guest's own, where they are not the loss's
    told: str = ""  # how a guest is called and what it was found to return, in words
    package: str = ""  # name and version of what it comes from, where that is not the framework itself
    lacks: str = ""  # what keeps it from running here at all, such as a package that is not installed

    @property
    def key(self) -> str:
        """Unique within a framework."""
        return f"{self.loss}:{self.via}"


USUAL_MODES = {"jax": "compiled"}  # how a framework is run unless something else is asked; elsewhere it is eager


@dataclass(frozen=True, slots=True)
class Target:
    """Where losses are run: a framework under an interpreter, on a device, in a mode."""

    framework: str
    interpreter: str = ""  # empty: the one lossbench runs under
    device: str = "cpu"
    mode: str = ""  # empty becomes the framework's usual one

    name: str = ""  # what its user calls it
    guest: str = ""  # a user's own function that it runs instead of the framework's, see `lossbench.guest`

    def __post_init__(self) -> None:
        """Say the usual mode by its name."""
        object.__setattr__(self, "mode", self.mode or self.usual_mode)

    @property
    def usual_mode(self) -> str:
        """The mode the framework is run in unless another is asked for."""
        return USUAL_MODES.get(self.framework, "eager")

    def __str__(self) -> str:
        """The short name used in tables: ``torch``, ``torch@cuda``, ``torch:compiled``, ``torch under /bin/python``.

        Or the one that it was given.
        """
        if self.name:
            return self.name
        device = "" if self.device == "cpu" else f"@{self.device}"
        mode = "" if self.mode == self.usual_mode else f":{self.mode}"
        interpreter = f" under {self.interpreter}" if self.interpreter else ""
        return f"{self.framework}{device}{mode}{interpreter}"


@dataclass(frozen=True, slots=True)
class Greeting:
    """The first thing a worker says: what it is and what it offers."""

    framework: str
    version: str
    python: str
    interpreter: str
    devices: tuple[str, ...]
    device_name: str
    threads: int
    flushes_subnormals: bool
    import_seconds: float  # CPU seconds spent importing the framework
    implementations: tuple[Implementation, ...]
    modes: tuple[str, ...] = ("eager",)
    missing: tuple[Implementation, ...] = ()  # those that lack something


@dataclass(frozen=True, slots=True)
class Question:
    """One case put to some implementations of one framework; the arrays travel beside it."""

    identity: int
    implementations: tuple[str, ...]  # keys
    arrays: tuple[str, ...]  # names of the arguments, in the order of the arrays that travel along
    differentiable: tuple[str, ...]
    parameters: tuple[tuple[str, Option], ...]  # all of the loss's; an adapter is passed those that it offers
    reduction: str
    cotangents: int  # so many arrays at the end are cotangents of the output; the first is asked again if `repeat`
    fingerprint: str
    repeat: bool = False  # ask the first cotangent a second time and compare bit by bit
    layout: str = ""  # "strided", "transposed" or "unaligned": hand over inputs that lie otherwise in memory


class Ended(StrEnum):
    """How an implementation took a question."""

    ANSWERED = "answered"
    RAISED = "raised"
    DIED = "died"
    HUNG = "hung"
    LACKED = "lacked"  # what it needs is not installed, or cannot be imported


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one implementation made of one question; the arrays travel beside it.

    The arrays are, for each cotangent, the value followed by one gradient for every differentiable argument whose
    name is in `gradients`.
    """

    identity: int
    implementation: str
    ended: Ended
    message: str = ""  # the exception, the signal, or what the framework printed last
    fingerprint: str = ""
    gradients: tuple[str, ...] = ()  # arguments that received one
    notes: tuple[str, ...] = ()  # symptoms only the worker can see
    seconds: float = 0.0  # CPU seconds inside the framework's calls
    calls: int = 0
    against_ones: bool = False  # the cotangents did not fit the value, so gradients were taken against ones


@dataclass(frozen=True, slots=True)
class Trial:
    """A request to time one implementation on given inputs; the arrays travel beside it."""

    identity: int
    implementation: str  # empty: the empty call that shows the harness's own cost, or copying, see `copied`
    arrays: tuple[str, ...]
    differentiable: tuple[str, ...]
    parameters: tuple[tuple[str, Option], ...]
    reduction: str
    backward: bool
    seconds: float  # of measuring at most, the first call apart
    fingerprint: str
    sets: int = 1  # copies of the inputs that calls take in turn, where one alone would lie in a cache
    inspect: bool = False  # measure the memory of one call, too, and send the last timed call's answer along
    copied: int = 0  # bytes: time copying so many instead of a call


@dataclass(frozen=True, slots=True)
class Measurement:
    """Raw samples of one trial in one process: seconds for each call, as the worker's clock saw them.

    Where the trial asked to inspect it, the answer's arrays travel beside it: the value, then one gradient for every
    name in `gradients`.
    """

    identity: int
    ended: Ended
    samples: tuple[float, ...] = ()  # seconds per call, one sample per loop of `loops` calls
    loops: int = 0
    first_call: float | None = None  # seconds; compile or trace included
    message: str = ""
    spent: float = 0.0  # seconds of measuring, warm-up and calibration included, the first call apart
    memory: int | None = None  # bytes that one call needed beside its inputs at its peak
    gradients: tuple[str, ...] = ()
    busy: tuple[float, ...] = ()  # processor seconds per call, one for each sample; empty where nothing told


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row of the results: a case, an implementation, and what came of it.

    Errors by scale are in units of eps of the tested format, the others in units in the last place; empty means
    unknown, never zero.
    """

    SCHEMA: ClassVar[int] = 2  # 1 ended at `note`

    case: str  # its name, from which `lossbench compare --case` rebuilds the same inputs
    loss: str
    framework: str
    version: str  # the framework's own
    via: str  # the public name of what was called
    device: str
    mode: str
    dtype: str
    reduction: str
    shape: str
    regime: str  # the kind of input; `lossbench list --regimes` explains each
    status: Status
    compared: int  # how many numbers were judged
    value_error: float | None = None  # the worst by scale, in eps of the tested format
    gradient_error: float | None = None  # the same of all gradients
    value_ulps: float | None = None  # the worst, in units in the last place
    gradient_ulps: float | None = None
    reference: str = ""  # certified, or float64 where the definition is too slow for the size
    worst: str = ""  # where the worst error is: argument, index, got, want
    note: str = ""  # symptoms, reasons of declared deviations, messages
    value_ulps_p99: float | None = None  # the 99th percentile over the numbers of this case
    value_ulps_median: float | None = None
    gradient_ulps_p99: float | None = None
    gradient_ulps_median: float | None = None
    value_worst: str = ""  # where the value is worst; `worst` is the worse of this and the next
    gradient_worst: str = ""
    value_spread: tuple[str, ...] = ()  # how many numbers lie where, as step:count, see `lossbench.spreads`
    gradient_spread: tuple[str, ...] = ()
    target: str = ""  # the target's name, which tells two versions of a framework apart
    package: str = ""  # name and version of the package that it comes from; empty: the framework itself

    def __post_init__(self) -> None:
        """Refuse to be built as an agreement over nothing."""
        judged = (Status.AGREES, Status.IMPRECISE, Status.BY_CONTRACT, Status.DEVIATES)
        if self.status in judged and self.compared == 0:
            raise ValueError(f"{self.case} by {self.via}: {self.status} over zero compared numbers")


@dataclass(frozen=True, slots=True)
class Finding:
    """What the gate says of one key: worse, better, new or gone, with the figures behind it."""

    kind: str
    key: str
    accepted: str
    found: str
    case: str
    reason: str
    loss: str = ""
    framework: str = ""
    via: str = ""
    device: str = "cpu"
    mode: str = "eager"
    again: str = ""  # the command that measures it again, where that is not `compare --case`
    named: tuple[str, ...] = ()  # the options that name a user's own implementation, or a target of theirs
