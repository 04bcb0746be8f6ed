"""The command `check`: planted defects are found by their names, honest functions pass, bad input is told."""

from pathlib import Path

import pytest
from running import InProcess, read

HEAD = "import torch\nimport torch.nn.functional as F\n\n"
BCE = "F.binary_cross_entropy_with_logits"
HONEST = {
    "plain": f"def plain(logits, target):\n    return {BCE}(logits, target)\n",
    "rows": "def rows(logits, labels):\n    return F.cross_entropy(logits, labels, reduction='none')\n",
    "squares": "def squares(pred, target):\n    return ((pred - target) ** 2).mean()\n",
    "hinge": "def hinge(scores, y):\n    return torch.relu(1 - y * scores).mean()\n",
    "told": f"def told(logits, target):\n    return {{'loss': {BCE}(logits, target), 'extra': 3}}\n",
    "Focal": (
        "class Focal(torch.nn.Module):\n"
        "    def __init__(self, gamma=2.0):\n        super().__init__()\n        self.gamma = gamma\n"
        "    def forward(self, logits, target):\n"
        f"        ce = {BCE}(logits, target, reduction='none')\n"
        "        return ((1 - torch.exp(-ce)) ** self.gamma * ce).mean()\n"
    ),
}
PLANTED = {
    "no_guard": ("p = torch.sigmoid(x)\n    return -(y * torch.log(p)).mean()", "finite", "log without a guard"),
    "twice": (f"return {BCE}(torch.sigmoid(x), y)", "squashed once", "applied twice"),
    "small_guard": (
        "p = torch.sigmoid(x)\n    return -(y * torch.log(p + 1e-12) + (1 - y) * torch.log(1 - p + 1e-12)).mean()",
        "finite",
        "a guard that vanishes in float16",
    ),
    "wrong_axis": ("return ((x - y) ** 2).sum(0).mean()", "mean over the right axis", "mean over the classes"),
    "kept_classes": ("return ((x - y) ** 2).mean(0)", "shape", "the wrong axis"),
    "batch_norm": (
        "p = torch.softmax(x, dim=0)\n    return -(y * torch.log(p + 1e-3)).mean()",
        "mean over the right axis",
        "depends on the others",
    ),
    "cut_off": ("return ((x.detach() - y) * (x - y)).mean()", "gradient is the slope", "cut off in"),
    "no_flow": ("return torch.tensor(float(((x - y) ** 2).mean()))", "gradient flows", "no gradient to x"),
    "cast": ("return ((x - y) ** 2).float().mean()", "formats", "float32 out"),
    "writes": ("x.data.mul_(0.5)\n    return ((x - y) ** 2).mean()", "inputs untouched", "wrote-into-input"),
    "dice": ("return ((x - y) ** 2 * torch.rand_like(x)).mean()", "deterministic", "nondeterministic"),
    "spreads": ("z = (x - y) ** 2\n    return z + 0 * z.sum()", "poison stays", "NaN in row 0"),
    "swallows": ("return torch.nan_to_num((x - y) ** 2).mean()", "poison stays", "it is swallowed"),
    "cancels": ("return (torch.log(1 + torch.exp(x)) - x * y).mean()", "finite", "value is inf"),
    "loses": ("return ((x + 1e4 - 1e4 - y) ** 2).mean()", "float32 as float64", "eps apart"),
    "dies": ("import os\n    os._exit(3)", "runs", "exited with code 3"),
}


def asked(
    lossbench: InProcess, folder: Path, text: str, name: str, *more: str
) -> tuple[int, dict[str, list[dict[str, str]]]]:
    (folder / "mine.py").write_text(HEAD + text)
    done = lossbench("check", f"mine.py:{name}", "--no-compiled", "--csv", "rows.csv", *more)
    found: dict[str, list[dict[str, str]]] = {}
    for row in read(folder / "rows.csv"):
        found.setdefault(row["check"], []).append(row)
    return done.code, found


@pytest.fixture(scope="module")
def torch_is_there() -> None:
    from importlib.util import find_spec

    if find_spec("torch") is None:
        pytest.skip("torch is not installed")


@pytest.mark.usefixtures("torch_is_there")
@pytest.mark.parametrize("name", HONEST)
def test_honest_functions_pass(lossbench: InProcess, folder: Path, name: str) -> None:
    code, found = asked(lossbench, folder, HONEST[name], name)
    wrong = [row for rows in found.values() for row in rows if row["result"] not in ("ok", "not asked")]
    assert (code, wrong) == (0, [])


@pytest.mark.usefixtures("torch_is_there")
@pytest.mark.parametrize("name", PLANTED)
def test_planted_defects_are_found(lossbench: InProcess, folder: Path, name: str) -> None:
    body, check, says = PLANTED[name]
    code, found = asked(lossbench, folder, f"def {name}(x, y):\n    {body}\n", name)
    assert code == 1
    told = [row["detail"] for row in found[check] if row["result"] == "found"]
    assert any(says in detail for detail in told), found[check]


@pytest.mark.usefixtures("torch_is_there")
def test_relations_that_are_named(lossbench: InProcess, folder: Path) -> None:
    text = "def lopsided(pred, target):\n    d = pred - target\n    return torch.where(d > 0, d, -2 * d).mean()\n"
    _, found = asked(lossbench, folder, text, "lopsided", "--relation", "symmetric,moved-together,not-negative,convex")
    assert [found[name][0]["result"] for name in ("symmetric", "moved-together", "not-negative", "convex")] == [
        "found",
        "ok",
        "ok",
        "ok",
    ]


@pytest.mark.usefixtures("torch_is_there")
def test_an_exception_shows_the_users_own_line(lossbench: InProcess, folder: Path) -> None:
    (folder / "mine.py").write_text(HEAD + "def bad(x, y):\n    return x @ y\n")
    done = lossbench("check", "mine.py:bad")
    assert done.code == 2
    assert "mine.py, line 5, in bad: return x @ y" in done.err


@pytest.mark.parametrize(
    ("text", "spec", "more", "says"),
    [
        (HEAD, "mine.py:f", (), "has no 'f'"),
        (HEAD, "nowhere.py:f", (), "there is no file 'nowhere.py'"),
        (HEAD, "no.such.module:f", (), "there is no module"),
        ("def f(x, y): pass\n", "mine.py:f", (), "imports no framework"),
        ("import torch, jax\ndef f(x, y): pass\n", "mine.py:f", (), "say whose tensors"),
        ("def f(:\n", "mine.py:f", (), "line 1"),
        (HEAD + "def f(x): pass\ndef g(x): pass\n", "mine.py", (), "say which function"),
        (HEAD + "def f(x): pass\n", "mine.py:f", ("--relation", "symetric"), "did you mean symmetric"),
        (HEAD + "def f(x): pass\n", "mine.py:f", ("--input", "x"), "should read like target=classes"),
        (HEAD + "def f(x): pass\n", "mine.py:f", ("--shape", "1x3"), "at least two rows"),
        (HEAD + "def f(x): pass\n", "mine.py:f", ("--framework", "tourch"), "did you mean torch"),
    ],
)
def test_what_cannot_be_meant(
    lossbench: InProcess, folder: Path, text: str, spec: str, more: tuple[str, ...], says: str
) -> None:
    (folder / "mine.py").write_text(text)
    done = lossbench("check", spec, *more)
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err


@pytest.mark.usefixtures("no_frameworks")
def test_a_framework_that_is_not_there(lossbench: InProcess, folder: Path) -> None:
    (folder / "mine.py").write_text(HEAD + "def f(x, y): return x\n")
    done = lossbench("check", "mine.py:f")
    assert done.code == 3
    assert "pip install 'lossbench[torch]'" in done.err
