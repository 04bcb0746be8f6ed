"""A verdict as a script that anyone can paste and run: without lossbench in it."""

from __future__ import annotations

import math
import re
from pathlib import Path
from string import Template

import numpy as np

from lossbench.errors import UsageError
from lossbench.floats import FORMATS
from lossbench.judging.judge import SCALE_LIMITS
from lossbench.judging.witness import Call, Subject
from lossbench.loading import package_root
from lossbench.output.excerpt import PACKAGE, Excerpt, excerpt, takes_reduction
from lossbench.output.script_ends import MOST_SHOWN, SHOW, SYMPTOMS
from lossbench.output.script_head import head
from lossbench.output.two_answers import above, both_ways, mode_of, second, worst_place
from lossbench.output.written_arrays import PLAIN, needed, picked, written
from lossbench.records import Option, Status

ATTEMPTS = 1000  # calls of which one ends the process, where that happens by chance
SECTION = re.compile(r"^#: (\w+)\n", re.MULTILINE)  # of a template


def script(subject: Subject) -> str:
    """Python source that runs in an environment with the framework alone, and prints got beside want.

    Raises:
        UsageError: the framework has no template for scripts.
    """
    template = PACKAGE / "frameworks" / subject.target.framework / "script.txt"
    if not template.is_file():
        raise UsageError(f"{subject.target.framework} has no template for scripts ({template.name} beside its engine)")
    given = sections(template)
    path, name = subject.implementation.home
    if subject.target.guest:
        name, cut = subject.case.loss, _own(path, subject.implementation.call)
    else:
        cut = excerpt(Path(path), name)
    body = [*_calls(subject, name, given), _end(subject), *_and_on(subject, given)]
    imports, functions = needed("\n".join(body))
    layouts = [given[layout] for layout in _layouts(subject) if layout in given]
    ways = [given[way] for way in _ways(subject, given) if way != "answer"]
    settings = given.get(subject.target.device, "")
    if subject.corrupts or subject.verdict.status is Status.CRASHES:
        settings += "\n" + given.get("deadly", "")
    imported = "\n".join(dict.fromkeys([*given["imports"].splitlines(), *cut.imports, *imports]))
    top = (
        "\n\n".join(part for part in (imported, settings.strip()) if part) + '\n\nnan, inf = float("nan"), float("inf")'
    )
    defined = [given["tensor"], *layouts, *cut.definitions, given["answer"], *ways, *functions]
    return f"{head(subject)}\n{top}\n\n\n" + "\n\n\n".join(defined) + "\n\n\n" + "\n".join(body).strip() + "\n"


def sections(template: Path) -> dict[str, str]:
    """The pieces of a framework's template, by what they are for."""
    _, *pieces = SECTION.split(template.read_text(encoding="utf-8"))
    return {name: text.strip("\n") for name, text in zip(pieces[::2], pieces[1::2], strict=True)}


def _layouts(subject: Subject) -> list[str]:
    return list(dict.fromkeys(call.layout for call in subject.calls if call.layout))


def _ways(subject: Subject, given: dict[str, str]) -> list[str]:
    """The functions that ask, in the order of the answers: by mode, or plainly where a mode has none."""
    targets = [target for target in (subject.beside, subject.target) if target]
    return [mode if (mode := mode_of(target)) in given else "answer" for target in targets]


def _own(place: str, call: str) -> Excerpt:
    """What a script needs to call a user's own function where it stands."""
    path = Path(place)
    folder, module = Path.cwd(), place
    if place.endswith(".py"):
        folder = package_root(path)
        module = ".".join(path.relative_to(folder).with_suffix("").parts)
    lines = ["import importlib", "import sys", f"sys.path.insert(0, {str(folder)!r})"]
    return Excerpt([*lines, f"own = importlib.import_module({module!r})"], [call])


def _calls(subject: Subject, name: str, given: dict[str, str]) -> list[str]:
    """The call, its inputs, and the line that asks for the answer; two of them where the verdict is about two."""
    ways, form = _ways(subject, given), subject.case.dtype
    twice = bool(subject.beside) or _repeats(subject)
    lines = []
    for number, call in enumerate(subject.calls):
        behind = "_of_second" if number else ""
        inputs = _inputs(call, given)
        lines += [
            f"def call{behind}(**inputs):",
            f"    return {_call(subject, name, call)}",
            "",
            "",
            *([f"def given():\n    return {_indented(inputs)}\n\n"] if twice else []),
            "inputs = given()" if twice else f"inputs{behind} = {inputs}",
        ]
    wanted = subject.calls[0].wanted
    lines.append(f"wanted = {wanted!r}")
    lines += [
        f"cotangent{'_of_second' if number else ''} = tensor({written(call.cotangent, FORMATS[form])}, {form!r})"
        for number, call in enumerate(subject.calls)
        if call.cotangent is not None
    ]
    if subject.beside:
        return [*lines, *both_ways(subject, ways)]
    for number, call in enumerate(subject.calls):
        behind = "_of_second" if number else ""
        asked = f"{ways[-1]}(call{behind}, inputs{behind}, wanted{above(call, behind)})"
        lines.append(f"value{behind}, gradients{behind} = {asked}")
    return lines


def _repeats(subject: Subject) -> bool:
    return bool(subject.corrupts) or any(
        word in subject.verdict.note for word in ("nondeterministic", "wrote-into-input")
    )


def _call(subject: Subject, name: str, call: Call) -> str:
    implementation = subject.implementation
    taken = {n: v for n, v in call.parameters.items() if n in implementation.parameters}
    words = dict(implementation.words)
    options = [f"{n}={_option(value)}" for n, value in taken.items()]
    if subject.target.guest or takes_reduction(Path(implementation.home[0]), name):
        options.append(f"reduction={words.get(call.reduction, call.reduction)!r}")
    return f"{name}({', '.join(['**inputs', *options])})"


def _option(value: Option) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def _inputs(call: Call, given: dict[str, str]) -> str:
    lines = ["{"]
    for name, array in call.arrays.items():
        dtype = call.formats[name]
        if array.size == 0 and array.ndim > 1:
            text = given["nothing"].format(shape=list(array.shape), dtype=dtype)
        else:
            text = f'tensor({written(array, FORMATS.get(dtype))}, "{dtype}")'
        lines.append(f'    "{name}": {f"{call.layout}({text})" if call.layout in given else text},')
    return "\n".join([*lines, "}"])


def _indented(text: str) -> str:
    return text.replace("\n", "\n    ")


def _end(subject: Subject) -> str:
    """What should have come back, and the lines that show both."""
    if subject.silent:
        return ""
    form = FORMATS[subject.case.dtype]
    slack = SCALE_LIMITS[form.name] * form.eps
    show = Template(SHOW).substitute(most=MOST_SHOWN, slack=slack, tiny=form.smallest_normal, plain=PLAIN)
    if subject.invalid:
        return f'\nprint("value")\nprint("  got ", numbers(value))\nprint("  want an error:", {subject.invalid!r})'
    if subject.held or subject.beside:
        return f"\n{show}{second(subject)}"
    assert subject.want is not None
    assert subject.slopes is not None
    wants = [f'    "{name}": {_wanted(subject, name, slope)},' for name, slope in subject.slopes.items()]
    lines = [
        f"want = {_wanted(subject, 'value', subject.want)}",
        "\n".join(["slopes = {", *wants, "}"]),
        f"\n{show}\n",
        'show("value", numbers(value), want)',
        "for name, slope in slopes.items():",
        '    show(f"gradient of {name}", numbers(gradients[name]), slope)',
        *_symptoms(subject),
    ]
    return "\n".join(lines)


def _and_on(subject: Subject, given: dict[str, str]) -> list[str]:
    """What ends a process that one call harms, and may survive."""
    if not subject.corrupts:
        return []
    way = _ways(subject, given)[-1]
    return [
        f'print("and so on, {ATTEMPTS} times", flush=True)',
        f"for _ in range({ATTEMPTS}):  # {subject.corrupts}",
        f"    {way}(call, given(), wanted{above(subject.calls[0], '')})",
    ]


def _wanted(subject: Subject, name: str, want: np.ndarray) -> str:
    """The wanted numbers; of many the places alone where the answer is farthest off, and the first."""
    unasked = None if subject.unasked is None else subject.unasked.get(name)
    got = subject.got.get(name)
    place = worst_place(subject, "value" if name == "value" else f"gradient of {name}")
    return picked(np.asarray(want), got, unasked, place)


def _symptoms(subject: Subject) -> list[str]:
    """What shows the symptoms that the verdict speaks of."""
    call = subject.calls[0]
    shape = "" if subject.want is None else f" of shape {subject.want.shape}"
    words = {
        "asked": f"the inputs are {subject.case.dtype}, and the value should be so{shape}",
        "way": mode_of(subject.target) if mode_of(subject.target) != "eager" else "answer",
        "cotangent": above(call, ""),
    }
    return [
        Template(text).substitute(words).rstrip() for word, text in SYMPTOMS.items() if word in subject.verdict.note
    ]
