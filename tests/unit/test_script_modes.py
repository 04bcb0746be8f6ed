"""The templates that scripts are made of: each framework's modes and layouts, as Python."""

import ast
from pathlib import Path

import pytest

import lossbench
from lossbench.output.script import sections

FRAMEWORKS = {
    "torch": {"compiled", "strided", "transposed", "unaligned", "cuda"},
    "paddle": {"compiled", "strided", "transposed", "cpu", "cuda", "deadly"},
    "tensorflow": {"compiled", "xla", "cpu"},
    "jax": {"compiled", "cpu", "cuda"},
}


def template(framework: str) -> dict[str, str]:
    return sections(Path(lossbench.__file__).parent / "frameworks" / framework / "script.txt")


@pytest.mark.parametrize(("framework", "also"), FRAMEWORKS.items())
def test_a_template_has_all_that_a_script_may_need(framework: str, also: set[str]) -> None:
    found = template(framework)
    assert {"imports", "tensor", "nothing", "answer", *also} == set(found)
    for name, text in found.items():
        tree = ast.parse(text.format(shape=[0, 5], dtype="float32") if name == "nothing" else text)
        defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)} | {
            target.id
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        if name not in ("imports", "cpu", "cuda", "deadly", "nothing"):
            assert name in defined
