"""The command `show`: a loss in full, in every framework's words, and from one framework to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lossbench.cases.names import find_losses
from lossbench.cases.suite import Selection, load
from lossbench.cases.unfolding import unfold
from lossbench.commands.listing import offered, say_absent
from lossbench.commands.targets import choose, installed_only
from lossbench.crew import Crew
from lossbench.errors import UsageError
from lossbench.judging.comparison import Comparison, open_answers
from lossbench.judging.judge import applies
from lossbench.loss import Loss
from lossbench.losses import catalogue
from lossbench.output import guide, spelled, tables
from lossbench.output.forms import checked_form
from lossbench.records import Case, Greeting, Implementation, Target, Verdict
from lossbench.wire import Absence

SUITE = "show"
EXPLAIN = {"LOSSBENCH_EXPLAIN": "1"}
Words = dict[Target, Greeting | Absence]


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for; empty means everything."""

    losses: tuple[str, ...]
    frameworks: tuple[str, ...] = ()
    source: str = ""
    target: str = ""
    run: bool = True
    form: str = "table"  # one of `FORMS`


@dataclass(frozen=True, slots=True)
class Heard:
    """What the frameworks say of themselves, which losses are meant, and what was measured of them."""

    words: Words
    losses: tuple[Loss, ...]
    verdicts: tuple[Verdict, ...] = ()


def main(request: Request) -> int:
    """Print what was asked for.

    Raises:
        UsageError: a name stands for no loss, or options that cannot be meant together.
        EnvironmentLacks: a framework that was asked for by name is not there.
    """
    checked_form(request.form)
    if bool(request.source) != bool(request.target):
        raise UsageError("--from and --to go together: from which framework to which")
    if request.source and request.frameworks:
        raise UsageError("--from and --to name the frameworks; leave out --framework")
    ends = [choose([word], "cpu")[0] for word in (request.source, request.target) if word]
    if len(ends) == 2 and ends[0] == ends[1]:
        raise UsageError(f"--from and --to are both {ends[0]}; name two frameworks")
    heard = hear(request, ends)
    by_framework, out = offered(heard.words), tables.console()
    losses = portable(heard.losses, ends[0].framework, by_framework) if ends else heard.losses
    if request.form != "table":
        family = [form for loss in losses for form in (loss, *(forms(loss) if ends else ()))]
        tables.put(request.form, spelled.Passed, list(spelled.passed(family, by_framework)), lambda out: ())
        say_absent(heard.words)
        return 0
    for loss in losses:
        if ends:
            parts = from_to(loss, ends[0].framework, ends[1].framework, by_framework, heard.verdicts)
        else:
            parts = list(guide.whole(loss, by_framework, heard.verdicts))
        for part in parts:
            out.print(part)
    say_absent(heard.words)
    return 0


def hear(request: Request, ends: Sequence[Target]) -> Heard:
    """Start the frameworks, take their calls apart, and measure the losses that are meant."""
    targets = list(ends) or choose(request.frameworks, "cpu")
    with Crew(targets, variables=EXPLAIN) as crew:
        words = crew.greet()
        if request.frameworks:
            installed_only(words, asked_by_name=True)
        if ends:  # whoever ports has the target; what they come from may be gone
            installed_only({ends[1]: words[ends[1]]}, asked_by_name=True)
        implementations = [one for some in offered(words).values() for one in some]
        names = find_losses(request.losses, catalogue(), implementations)
        losses = tuple(loss for name, loss in catalogue().items() if name in names)
        verdicts = measure(crew, words, names) if request.run else []
    return Heard(words, losses, tuple(verdicts))


def measure(crew: Crew, words: Mapping[Target, Greeting | Absence], names: frozenset[str]) -> list[Verdict]:
    """Put the ordinary cases of these losses, and of their other forms, to everyone who is there."""
    greetings = {target: word for target, word in words.items() if isinstance(word, Greeting)}
    forms = {catalogue()[name].form_of for name in names}
    family = frozenset(loss.name for loss in catalogue().values() if loss.form_of in forms and not loss.variant)
    everyone = [one for greeting in greetings.values() for one in greeting.implementations]
    cases = unfold(load(SUITE), catalogue(), Selection(family))
    found: list[Verdict] = []
    if greetings:
        comparison = Comparison(crew, greetings, open_answers(), found.append, {})
        comparison.run([case for case in cases if not corrupts(case, everyone)])
    return found


def corrupts(case: Case, implementations: Sequence[Implementation]) -> bool:
    """Whether some framework is known to write outside of its memory on a case, which is no way to show a loss."""
    return any(
        known.corrupts and applies(known, case)
        for one in implementations
        if one.loss == case.loss
        for known in one.known
    )


def portable(losses: Sequence[Loss], source: str, offers: Mapping[str, Sequence[Implementation]]) -> list[Loss]:
    """Of several losses that a name stands for, those that the framework one comes from has; all where it has none."""
    theirs = {one.loss for one in offers.get(source, ()) if not one.recipe}
    return [loss for loss in losses if loss.name in theirs] or list(losses)


def from_to(
    loss: Loss, source: str, target: str, offers: Mapping[str, Sequence[Implementation]], verdicts: Sequence[Verdict]
) -> list[object]:
    """The way from one framework to another, by way of another form of the loss where the target has only that."""
    theirs = offers.get(target, ())
    mine = spelled.best(offers.get(source, ()), loss)
    for form in (loss, *forms(loss)):
        found = spelled.best(theirs, form)
        if found is not None:
            return list(guide.pair(loss, form, (source, target), (mine, found), verdicts))
    related = [name for name in catalogue() if f"`{name}`" in loss.doc and spelled.best(theirs, catalogue()[name])]
    hint = f"; it has {' and '.join(related)}, see `lossbench show {related[0]}`" if related else ""
    lines = "".join(f"\n  {text}" for text in guide.identities(loss))
    return [f"{loss.name}: {target} has no such loss{hint}{lines}\n"]


def forms(loss: Loss) -> list[Loss]:
    """The other losses of the catalogue that are forms of the same."""
    return [
        other
        for other in catalogue().values()
        if other.form_of == loss.form_of and other is not loss and not other.variant
    ]
