"""The parts of a script that is about two answers: two ways to run one call, or the two sides of a relation."""

from __future__ import annotations

import re

import numpy as np

from lossbench.floats import FORMATS
from lossbench.judging.linear import Linear
from lossbench.judging.witness import Call, Subject
from lossbench.output.script_ends import MOVED
from lossbench.output.written_arrays import PLAIN, written
from lossbench.records import Target


def mode_of(target: Target) -> str:
    """The mode that a target runs in."""
    return target.mode or target.usual_mode


def above(call: Call, behind: str) -> str:
    """The last argument of a question: what gradients are taken against, unless it is ones."""
    return "" if call.cotangent is None else f", cotangent{behind}"


def worst_place(subject: Subject, title: str) -> tuple[int, ...]:
    """Where the worst number of the verdict is, if it is one of these."""
    match = re.match(rf"{re.escape(title)}\[([\d,]+)\]: got", subject.verdict.worst)
    return tuple(int(number) for number in match[1].split(",")) if match else ()


def both_ways(subject: Subject, ways: list[str]) -> list[str]:
    """The lines that ask in both ways, each by itself where one of them does not answer."""
    cotangent = above(subject.calls[0], "")
    if not subject.silent:
        return [
            f"value, gradients = {ways[0]}(call, given(), wanted{cotangent})",
            f"value_of_second, gradients_of_second = {ways[1]}(call, given(), wanted{cotangent})",
        ]
    lines = []
    for way, target in zip(ways, (subject.beside, subject.target), strict=True):
        assert target is not None
        lines += [
            "try:",
            f"    value, gradients = {way}(call, given(), wanted{cotangent})",
            f'    print("{mode_of(target)} answers", numbers(value))',
            "except Exception as error:",
            f'    print(f"{mode_of(target)} raises {{type(error).__name__}}: {{error}}")',
        ]
    return lines


def second(subject: Subject) -> str:
    """The second of two answers beside what the first makes of it."""
    held = subject.held
    if held is None:
        assert subject.beside is not None
        other = mode_of(subject.beside)
        value, gradients = "numbers(value)", {n: f"numbers(gradients[{n!r}])" for n in subject.calls[0].wanted}
    elif held.alone:
        return _alone(subject)
    else:
        other = "want"
        value = moved("numbers(value)", held.value)
        gradients = {n: moved(f"numbers(gradients[{source!r}])", m) for n, (source, m) in held.gradients.items()}
    titles = []
    for title, got, text in [
        ("value", "value_of_second", value),
        *((f"gradient of {name}", f"gradients_of_second[{name!r}]", text) for name, text in gradients.items()),
    ]:
        place = worst_place(subject, title)
        also = f", {place}" if place and any(a.size > PLAIN for a in subject.calls[-1].arrays.values()) else ""
        titles.append(f'show("{title}", numbers({got}), {text}, "{other}"{also})')
    helper = f"\n{MOVED}" if any("moved(" in line for line in titles) else ""
    return helper + "\n\n" + "\n".join(titles)


def moved(text: str, change: Linear) -> str:
    """What a relation makes of the first answer, as an expression."""
    if change.is_same:
        return text
    words = []
    if change.order is not None:
        words.append(f"order={written(np.array(change.order), None)}")
    if change.times != 1.0:
        times = change.times
        several = isinstance(times, tuple)
        words.append(f"times={written(np.array(times), FORMATS['float64']) if several else repr(times)}")
    words += [f"plus={change.plus!r}"] if change.plus else []
    words += ["summed=True"] if change.summed else []
    return f"moved({', '.join([text, *words])})"


def _alone(subject: Subject) -> str:
    """What is known of one answer without any other."""
    assert subject.held is not None
    if subject.held.alone == "not negative":
        return (
            "\n\nlow = [min(number, 0.0) for number in places(numbers(value)).values()]\n"
            'show("value below zero", low, [0.0] * len(low))'
        )
    lines = [
        "def sums(rows):",
        "    return [sums(row) for row in rows] if isinstance(rows[0], list) else sum(rows)",
        "",
        "",
    ]
    for name in subject.held.gradients or subject.calls[0].wanted:
        lines += [
            f"summed = sums(numbers(gradients[{name!r}]))",
            f'show("sum of the gradient of {name}", summed, [0.0] * len(places(summed)))',
        ]
    return "\n\n" + "\n".join(lines)
