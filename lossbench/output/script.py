"""A defect as a script that anyone can paste and run, and as a report in Markdown: without lossbench in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

import numpy as np

from lossbench.decimals import literal
from lossbench.errors import UsageError
from lossbench.floats import FORMATS, Format
from lossbench.judging.judge import SCALE_LIMITS
from lossbench.loading import package_root
from lossbench.loss import Loss
from lossbench.output.excerpt import PACKAGE, Excerpt, excerpt
from lossbench.records import Case, Implementation, Option, Target

# How the script prints: numbers that stand alone as they are, arrays element by element, the farthest off first.
TAIL = """

def numbers_of(nested, place=()):
    if not isinstance(nested, list):
        return [(place, nested)]
    return [one for n, part in enumerate(nested) for one in numbers_of(part, (*place, n))]


def show(title, got, want):
    print(title)
    print("  got ", got)
    print("  want", want)
    if not isinstance(want, list) or got is None:
        return
    wanted = numbers_of(want)
    pairs = [(place, a, b) for (place, a), (_, b) in zip(numbers_of(got), wanted)]
    off = {place: 0.0 if a == b or a != a and b != b else abs(a - b) / (abs(b) or 1.0) for place, a, b in pairs}
    off = {place: inf if error != error else error for place, error in off.items()}
    tiny = $tiny  # results below may be flushed to zero
    off.update({place: 0.0 for place, a, b in pairs if abs(b) < tiny and abs(a) <= 2 * tiny})
    first = sorted(pairs, key=lambda pair: -off[pair[0]])[:$most]
    for place, a, b in first:
        if len(pairs) > 1 and off[place] > $slack:
            print(f"  >>> {list(place)}: got {a}, want {b}")


show("value", got, want)
for name, slope in slopes.items():
    show(f"gradient of {name}", gradient_of(name), slope)
"""
MOST_SHOWN = 5
COMPILED = {
    ("torch", "compiled"): "{name} = torch.compile({name}, fullgraph=True, dynamic=False)",
    ("paddle", "compiled"): "{name} = paddle.jit.to_static({name}, full_graph=True)",
    ("tensorflow", "compiled"): "{name} = tf.function({name})",
    ("tensorflow", "xla"): "{name} = tf.function({name}, jit_compile=True)",
}


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
        definitions="\n\n\n".join([*cut.definitions, *_compiled(subject.target, name)]),
        inputs=_inputs(subject, form),
        differentiable=tuple(subject.slopes),
        call=_call(subject, name),
        cotangent=f'tensor({literal(subject.cotangent, form)}, "{subject.case.dtype}")',
    )
    if (subject.target.framework, subject.target.mode) == ("jax", "eager"):
        body = body.replace("@jax.jit\n", "")
    wanted = f"want = {literal(subject.want, FORMATS['float64'])}\nslopes = {_slopes(subject)}\n"
    slack = SCALE_LIMITS[form.name] * form.eps
    tail = Template(TAIL).substitute(most=MOST_SHOWN, slack=slack, tiny=form.smallest_normal)
    return f"{_head(subject)}\n{body}{wanted}{tail}"


def _compiled(target: Target, name: str) -> list[str]:
    """The line that has the call compiled, where the target is run so."""
    line = COMPILED.get((target.framework, target.mode))
    return [line.format(name=name)] if line else []


def _own(place: str, call: str) -> Excerpt:
    """What a script needs to call a user's own function where it stands."""
    path = Path(place)
    folder, module = Path.cwd(), place
    if place.endswith(".py"):
        folder = package_root(path)
        module = ".".join(path.relative_to(folder).with_suffix("").parts)
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
        f"- {_where(subject)}",
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


def _where(subject: Subject) -> str:
    target = subject.target
    mode = "" if target.mode == target.usual_mode else f", {target.mode}"
    return f"{target.framework} {subject.version}{mode}"


def _head(subject: Subject) -> str:
    lines = [
        f"{subject.implementation.via}: {subject.status}.",
        *([subject.worst] if subject.worst else []),
        *([subject.note] if subject.note else []),
        f"Seen with {_where(subject)}; the wanted numbers are {_ruler(subject)}.",
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
