"""Verdicts, accepted rows of them, and what the gate finds between the two, for tests to vary."""

from dataclasses import replace

from lossbench.judging.accepted import Accepted, fold, rounded_up
from lossbench.judging.baseline import weigh
from lossbench.records import Finding, Status, Target, Verdict

VIA = "torch.nn.HuberLoss"
BASE = Verdict(
    "huber/none/float32/6x5/kink/0", "huber", "torch", "2.13.0", VIA, "cpu", "eager", "float32", "none", "6x5", "kink",
    Status.AGREES, 60, 1.25, 0.5, 2.0, 1.0, "certified",
)  # fmt: skip
TORCH = Target("torch")


def verdict(seed: int = 0, **others: object) -> Verdict:
    return replace(BASE, case=f"huber/none/float32/6x5/kink/{seed}", **others)  # type: ignore[arg-type]


def accepted(**others: object) -> Accepted:
    (one,) = fold([verdict(**others)]).values()
    row = one.row
    return replace(row, value_error=rounded_up(row.value_error), gradient_error=rounded_up(row.gradient_error))


def finding(then: dict[str, object], now: dict[str, object]) -> Finding | None:
    (found,) = fold([verdict(**now)]).values()
    return weigh(accepted(**then), found)
