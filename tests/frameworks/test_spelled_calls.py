"""The calls that `show` prints are calls: each is evaluated as printed and gives what its adapter gives."""

import json

import pytest
from alone import alone
from installed import each_of

SCRIPT = """
import inspect, json, math, sys
import numpy as np
from importlib import import_module
name = sys.argv[1]
framework = import_module(f"lossbench.frameworks.{name}").framework
from lossbench.cases.inputs import build
from lossbench.floats import FORMATS, encode
from lossbench.losses import catalogue
from lossbench.output.spelled import call_text, source_needed
from lossbench.records import Case
from lossbench.spelling import spell
from dataclasses import replace

ROOTS = {"torch": ["torch"], "paddle": ["paddle"], "tensorflow": ["tensorflow", "keras"], "jax": ["jax", "optax"]}
SHAPES = {"elements": (3, 4), "rows": (3, 4), "samples": (3, 12), "batch": (3, 4)}
found = {}
for key, (one, adapter) in framework.table.items():
    loss = catalogue()[one.loss]
    one = replace(one, spelled=spell(one.via, adapter))
    if source_needed(one):
        continue
    given = tuple(n for n in one.required if loss.arguments[n].optional)
    dtype = "float32" if "float32" in one.dtypes else one.dtypes[0]
    case = Case(loss.name, given, (), one.reductions[0], dtype, loss.small or SHAPES[loss.over], "normal", 0)
    arrays = {n: a for n, a in build(case, loss).arrays.items() if n in one.arrays}
    integer = "int64" if "int64" in one.integers else one.integers[0]
    tensors = {
        n: framework.tensor(a.astype(integer), integer, False)
        if loss.arguments[n].domain.integer
        else framework.tensor(encode(a, FORMATS[dtype]), dtype, False)
        for n, a in arrays.items()
    }
    options = {n: loss.parameters[n].default for n in one.parameters}
    raw = inspect.unwrap(adapter)
    takes = "reduction" in inspect.signature(raw).parameters
    try:
        want = adapter(**tensors, **options, **({"reduction": case.reduction} if takes else {}))
    except Exception:
        continue  # what it refuses is the judge's business
    defaults = {n: p.default for n, p in inspect.signature(raw).parameters.items() if p.default is not p.empty}
    modules = {root: import_module(root) for root in ROOTS[name]}
    modules |= {"tf": modules["tensorflow"]} if name == "tensorflow" else {}
    words = dict(one.words)
    reduction = words.get(case.reduction, case.reduction)
    scope = {**raw.__globals__, **modules, **defaults, **tensors, **options}
    scope["reduction"] = None if reduction == "None" else reduction
    try:
        got = eval(call_text(one), scope)
    except Exception as error:
        found[key] = f"{call_text(one)}: {type(error).__name__}: {error}"[:600]
        continue
    got, want = (np.asarray(framework.array(t)[1], float) for t in (got, want))
    close = got.shape == want.shape and np.allclose(got, want, rtol=1e-5, atol=0)
    found[key] = "" if close else f"{call_text(one)}: {got.ravel()[:3]} instead of {want.ravel()[:3]}"
print(json.dumps(found))
"""


@pytest.mark.parametrize("framework", each_of("torch", "paddle", "tensorflow", "jax"))
def test_every_printed_call_gives_what_its_adapter_gives(framework: str) -> None:
    found = json.loads(alone("-c", SCRIPT, framework).splitlines()[-1])
    assert len(found) >= 2
    wrong = {key: text for key, text in found.items() if text}
    assert not wrong, "\n".join(f"{key}: {text}" for key, text in wrong.items())
