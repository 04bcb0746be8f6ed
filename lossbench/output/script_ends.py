"""What scripts end with: how they print, and what they do about what no number shows."""

from __future__ import annotations

# Numbers that stand alone as they are, arrays element by element, the farthest off first.
SHOW = """
def places(nested, place=()):
    if not isinstance(nested, list):
        return {place: nested}
    return {key: number for n, part in enumerate(nested) for key, number in places(part, (*place, n)).items()}


def show(title, got, want, other="want", also=None):
    print(title)
    if got is None:
        return print("  got  None")
    found = places(got)
    wanted = want if isinstance(want, dict) else places(want)
    if len(found) <= $plain:
        print("  got ", got)
        print(f"  {other}", want)
    else:
        print(f"  {len(found)} numbers")
    if len(found) == len(wanted):
        wanted = dict(zip(found, wanted.values()))
    off, least = {}, $tiny  # results below it may be flushed to zero
    for place, b in wanted.items():
        a = found.get(place, nan)
        if b is None or (abs(b) < least and abs(a) <= 2 * least):
            continue
        if a != b and (a == a or b == b):
            off[place] = abs(a - b) / (abs(b) or 1.0) if abs(a - b) < inf else inf
    some = isinstance(want, dict)
    for place in wanted if some else dict.fromkeys([*sorted(off, key=off.get, reverse=True)[:$most], also]):
        points = ">>> " if off.get(place, 0.0) > $slack else ""
        if some or (place == also and place in wanted) or (points and len(found) > 1):
            print(f"  {points}{list(place)}: got {found.get(place)}, {other} {wanted[place]}")
"""
MOST_SHOWN = 5

# Of the first of two answers, the numbers that a relation says the second has.
MOVED = """
def moved(got, order=None, times=1.0, plus=0.0, summed=False):
    if got is None:
        return None
    flat = list(places(got).values())
    flat = flat if order is None else [flat[n] if n >= 0 else 0.0 for n in order]
    flat = [a * b + plus for a, b in zip(flat, times if isinstance(times, list) else [times] * len(flat))]
    return sum(flat) if summed else flat
"""

# By symptom.
SYMPTOMS = {
    "other-": """
for name, one in {"value": value, **gradients}.items():
    if one is not None:
        print(f"{name}: {one.dtype} of shape {tuple(one.shape)}")
print("$asked")
""",
    "nondeterministic": """
for _ in range(10):
    again, gradients_again = $way(call, given(), wanted$cotangent)
    show("value, asked again", numbers(again), numbers(value), "was ")
    for name in wanted:
        show(f"gradient of {name}, asked again", numbers(gradients_again[name]), numbers(gradients[name]), "was ")
""",
    "wrote-into-input": """
for name, one in given().items():
    show(f"{name}, after the call", numbers(inputs[name]), numbers(one), "was ")
""",
}
