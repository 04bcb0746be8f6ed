"""Rows made up for tests of what reads results."""

import csv
import random
from dataclasses import fields, replace
from pathlib import Path

from lossbench.records import Status, Verdict
from lossbench.results import Writer
from lossbench.timings import Timing

VERDICT = Verdict(
    case="huber/none/float32/6x5/normal/0",
    loss="huber",
    framework="torch",
    version="2.0",
    via="torch.nn.HuberLoss",
    device="cpu",
    mode="eager",
    dtype="float32",
    reduction="none",
    shape="6x5",
    regime="normal",
    status=Status.AGREES,
    compared=90,
    value_error=0.5,
    gradient_error=0.25,
    value_ulps=1.0,
    gradient_ulps=0.5,
    reference="certified",
    worst="value[2,1]: got 0.1, want 0.1",
    value_ulps_p99=1.0,
    value_ulps_median=0.0,
    gradient_ulps_p99=0.5,
    gradient_ulps_median=0.0,
    value_worst="value[2,1]: got 0.1, want 0.1",
    gradient_worst="gradient of prediction[1,1]: got 1, want 1",
    value_spread=("=:20", "-4:9", "0:1"),
    gradient_spread=("=:58", "-4:2"),
)
TIMING = {
    "loss": "huber",
    "framework": "torch",
    "version": "2.0",
    "device": "cpu",
    "device_name": "cpu",
    "mode": "eager",
    "dtype": "float32",
    "reduction": "mean",
    "processor": "A processor",
    "python": "3.12.1",
    "threads": "1",
}


def write(name: str, *rows: Verdict) -> Path:
    """A file of verdicts."""
    writer = Writer(Path(name), Verdict)
    for row in rows:
        writer.write(row)
    writer.close()
    return Path(name)


def many(count: int) -> list[Verdict]:
    """Rows of several losses, as different from each other as real ones are, for any verdict, framework and format."""
    generator = random.Random(0)
    losses = ("huber", "cross_entropy", "smooth_l1", "nll", "kl_divergence", "gaussian_nll", "ctc", "triplet")
    owners = [
        (loss, framework, f"{framework}.losses.{loss}_{number}")
        for loss in losses
        for framework in ("torch", "paddle", "tensorflow", "jax")
        for number in range(8)
    ]
    rows: list[Verdict] = []
    kinds = [Status.AGREES] * 12 + [Status.IMPRECISE] * 3 + [Status.DEVIATES] * 3 + [Status.DIFFERS, Status.REFUSES]
    formats = ("float32", "float64", "bfloat16", "float16")
    regimes = ("normal", "tie", "kink", "boundary", "confident", "poison", "scaled", "near")
    for number in range(count):
        loss, framework, via = owners[number % len(owners)]
        turn = number // len(owners)
        dtype, regime = formats[turn % 4], regimes[turn // 4 % 8]
        reduction = ("none", "mean", "sum")[turn // 32 % 3]
        error = generator.lognormvariate(0, 8)
        where = (
            f"gradient of logits[{turn % 6},{number % 5}]: got {generator.random():.6g}, want {generator.random():.6g}"
        )
        steps = sorted(generator.sample(range(-12, 30), 6))
        rows.append(
            replace(
                VERDICT,
                case=f"{loss}/delta={turn % 7}/{reduction}/{dtype}/6x5/{regime}/{turn}",
                loss=loss,
                framework=framework,
                mode="compiled" if framework == "jax" else "eager",  # its usual one
                via=via,
                dtype=dtype,
                regime=regime,
                reduction=reduction,
                status=kinds[generator.randrange(len(kinds))],
                value_error=generator.lognormvariate(0, 2),
                gradient_error=error,
                value_ulps=generator.lognormvariate(0, 4),
                gradient_ulps=2 * error,
                worst=where,
                note="a reason that somebody has written down" if number % 3 else "",
                gradient_worst=where,
                value_spread=("=:7", *(f"{step}:{generator.randrange(1, 9)}" for step in steps)),
                gradient_spread=("=:30", *(f"{step}:{generator.randrange(1, 30)}" for step in steps)),
            )
        )
    return rows


def timings(name: str) -> Path:
    """A file of timings: two implementations at two sizes, in two processes, and copying."""
    names = [field.name for field in fields(Timing)]
    names += [extra for extra in ("elements", "least_bytes") if extra not in names]
    rows = []
    sizes = {"64x64": (1e6, 4096), "256x64": (4e6, 16384)}
    times = {
        ("torch.fast", "64x64"): 1,
        ("torch.slow", "64x64"): 3,
        ("torch.fast", "256x64"): 4,
        ("torch.slow", "256x64"): 9,
    }
    for (via, shape), factor in times.items():
        size, elements = sizes[shape]
        about = {"case": f"huber/mean/float32/{shape}/normal/0", "via": via, "shape": shape, "elements": elements}
        for process, noise in ((1, 1.0), (2, 1.1)):
            for direction, share in (("forward", 0.4), ("forward+backward", 1.0)):
                seconds = 1e-3 * factor * noise * share
                measured = {"p25": seconds, "minimum": seconds, "first_call": 0.1, "least_bytes": size}
                which = {"direction": direction, "process": process, "gigabytes_per_second": size / seconds / 1e9}
                rows.append(TIMING | about | measured | which)
    for size, rate in ((1e6, 9e9), (1e6, 10e9), (1e7, 8e9)):
        rows.append(TIMING | {"loss": "(copy)", "direction": "forward", "least_bytes": size, "minimum": size / rate})
    with open(name, "w", newline="") as file:
        table = csv.DictWriter(file, names, restval="")
        table.writeheader()
        table.writerows(rows)
    return Path(name)
