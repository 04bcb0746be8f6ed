"""Scripts for a target in a mode: the line that has the call compiled."""

from lossbench.output.script import COMPILED, _compiled
from lossbench.records import Target


def test_each_compiled_mode_has_its_line_and_the_usual_ones_none() -> None:
    assert _compiled(Target("torch", mode="compiled"), "huber") == [
        "huber = torch.compile(huber, fullgraph=True, dynamic=False)"
    ]
    assert _compiled(Target("tensorflow", mode="xla"), "huber") == ["huber = tf.function(huber, jit_compile=True)"]
    for name in ("torch", "paddle", "tensorflow", "jax"):
        assert _compiled(Target(name), "huber") == []


def test_every_line_is_python() -> None:
    for line in COMPILED.values():
        compile(line.format(name="huber"), "script.py", "exec")
