"""A defect as a script that anyone can paste and run, and as a report in Markdown: without lossbench in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

import numpy as np

from lossbench.errors import UsageError
from lossbench.floats import FORMATS, Format, round_to
from lossbench.loss import Loss
from lossbench.output.excerpt import PACKAGE, Excerpt, excerpt
from lossbench.records import Case, Implementation, Option, Target

TAIL = """
print("value")
print("  got ", got)
print("  want", want)
for name, slope in slopes.items():
    print("gradient of", name)
    print("  got ", gradient_of(name))
    print("  want", slope)
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a script is about: the call, its inputs, what came back and what should have."""

    case: Case
    loss: Loss
    target: Target
    version: str
    implementation: Implementation
    parameters: Mapping[str, Option]
    arrays: Mapping[str, np.ndarray]
    cotangent: np.ndarray
    want: np.ndarray
    slopes: Mapping[str, np.ndarray]
    status: str
    worst: str
    note: str
    reference: str


def script(subject: Subject) -> str:
    """Python source that runs in an environment with the framework alone, and prints got beside want.

    Raises:
        UsageError: the framework has no template for scripts.
    """
    template = PACKAGE / "frameworks" / subject.target.framework / "script.txt"
    if not template.is_file():
        raise UsageError(f"{subject.target.framework} has no template for scripts ({template.name} beside its engine)")
    path, name = subject.implementation.home
    if subject.target.guest:
        name, cut = subject.case.loss, _own(path, subject.implementation.call)
    else:
        cut = excerpt(Path(path), name)
    form = FORMATS[subject.case.dtype]
    body = Template(template.read_text(encoding="utf-8")).substitute(
        imports="\n".join(cut.imports),
        definitions="\n\n\n".join(cut.definitions),
        inputs=_inputs(subject, form),
        differentiable=tuple(subject.slopes),
        call=_call(subject, name),
        cotangent=f'tensor({literal(subject.cotangent, form)}, "{subject.case.dtype}")',
    )
    wanted = f"want = {literal(subject.want, FORMATS['float64'])}\nslopes = {_slopes(subject)}\n"
    return f"{_head(subject)}\n{body}{wanted}{TAIL}"


def _own(place: str, call: str) -> Excerpt:
    """What a script needs to call a user's own function where it stands."""
    path = Path(place)
    folder, module = (path.parent, path.stem) if place.endswith(".py") else (Path.cwd(), place)
    lines = ["import importlib", "import sys", f"sys.path.insert(0, {str(folder)!r})"]
    return Excerpt([*lines, f"own = importlib.import_module({module!r})"], [call])


def report(subject: Subject, source: str, printed: str) -> str:
    """The same as a bug report: what was done, what came back, what should have, where."""
    call = subject.implementation.via
    lines = [
        f"# {call}: {subject.worst or subject.note or subject.status}",
        "",
        f"`{call}` on {subject.case.dtype} {subject.target.device} answers something else than its definition says.",
        "",
        f"- {subject.target.framework} {subject.version}",
        f"- worst: {subject.worst}" if subject.worst else "",
        f"- {subject.note}" if subject.note else "",
        f"- the wanted numbers are {_ruler(subject)}",
        "",
        "```python",
        source.rstrip(),
        "```",
        "",
        "It prints:",
        "",
        "```text",
        printed.rstrip(),
        "```",
    ]
    return "\n".join(line for line, before in zip(lines, ["x", *lines], strict=False) if line or before) + "\n"


def _ruler(subject: Subject) -> str:
    if subject.reference == "certified":
        return "those of the definition in ball arithmetic, proven to the last digit shown"
    return "those of a float64 closed form"


def _head(subject: Subject) -> str:
    lines = [
        f"{subject.implementation.via}: {subject.status}.",
        *([subject.worst] if subject.worst else []),
        *([subject.note] if subject.note else []),
        f"Seen with {subject.target.framework} {subject.version}; the wanted numbers are {_ruler(subject)}.",
        f"lossbench case: {subject.case}",
    ]
    return "".join(f"# {line}\n" for text in lines for line in _wrapped(text))


def _wrapped(text: str, width: int = 110) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]


def _call(subject: Subject, name: str) -> str:
    taken = {n: v for n, v in subject.parameters.items() if n in subject.implementation.parameters}
    words = dict(subject.implementation.words)
    options = [f"{n}={_option(value)}" for n, value in taken.items()]
    if _takes_reduction(subject, name):
        reduction = words.get(subject.case.reduction, subject.case.reduction)
        options.append(f"reduction={reduction!r}")
    return f"{name}({', '.join(['**inputs', *options])})"


def _takes_reduction(subject: Subject, name: str) -> bool:
    path, _ = subject.implementation.home
    if subject.target.guest:
        return True
    import ast

    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    return any(argument.arg == "reduction" for argument in function.args.kwonlyargs)


def _option(value: Option) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def _inputs(subject: Subject, form: Format) -> str:
    lines = []
    for name, array in subject.arrays.items():
        if subject.loss.arguments[name].domain.integer:
            kind = next((word for word in subject.case.how if "int" in word), "int64")
            lines.append(f'    "{name}": tensor({array.tolist()}, "{kind}"),')
        else:
            gradient = ", gradient=True" if name in subject.slopes else ""
            lines.append(f'    "{name}": tensor({literal(array, form)}, "{subject.case.dtype}"{gradient}),')
    return "\n".join(["{", *lines, "}"])


def _slopes(subject: Subject) -> str:
    lines = [f'    "{n}": {literal(slope, FORMATS["float64"])},' for n, slope in subject.slopes.items()]
    return "\n".join(["{", *lines, "}"])


def literal(array: np.ndarray, form: Format) -> str:
    """The array as nested lists of the shortest decimals that round to its numbers."""
    if np.ndim(array) == 0:
        return number(float(array), form)
    return f"[{', '.join(literal(part, form) for part in array)}]"


def number(value: float, form: Format) -> str:
    """The shortest decimal that rounds to this number of the format, directly and by way of float32."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else ("-inf" if value < 0 else "inf")
    if value == 0:
        return "-0.0" if math.copysign(1.0, value) < 0 else "0.0"
    for digits in range(1, 18):
        text = f"{value:.{digits}g}"
        if _means(text, value, form):
            return text if any(c in text for c in ".en") else f"{text}.0"
    return repr(value)


def _means(text: str, value: float, form: Format) -> bool:
    read = float(text)
    steps: Sequence[float] = [read]
    if form.bits < FORMATS["float32"].bits:
        with np.errstate(all="ignore"):
            steps = [read, float(np.float32(read))]
    return all(float(round_to(np.array(step), form)) == value for step in steps)
