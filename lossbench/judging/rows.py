"""Judgements as rows of the file of results."""

from __future__ import annotations

from collections.abc import Sequence

from lossbench.judging import paths
from lossbench.judging.judge import Judgement
from lossbench.judging.relating import RULER
from lossbench.records import Case, Status, Target, Verdict
from lossbench.spreads import written
from lossbench.wire import Absence


def row(case: Case, target: Target, version: str, via: str, found: Judgement, ruler: str, package: str = "") -> Verdict:
    """The row of one judgement; `ruler` is what the answer was held against."""
    compared = found.compared
    measured = compared > 0 and found.status is not Status.REFUSES
    value = found.value if measured and found.value.compared else None
    gradient = found.gradient if measured and found.gradient.compared else None
    return Verdict(
        case=str(case),
        loss=case.loss,
        framework=target.framework,
        version=version,
        via=via,
        device=target.device,
        mode=target.mode,
        dtype=case.dtype,
        reduction=case.reduction,
        shape=case.shape_text,
        regime=case.regime,
        status=found.status,
        compared=compared,
        value_error=value.scale if value else None,
        gradient_error=gradient.scale if gradient else None,
        value_ulps=value.ulps if value and ruler not in (RULER, paths.RULER) else None,
        gradient_ulps=gradient.ulps if gradient and ruler not in (RULER, paths.RULER) else None,
        reference=ruler if measured else "",
        worst=found.worst,
        note="; ".join(found.notes),
        value_ulps_p99=value.ulps_p99 if value else None,
        value_ulps_median=value.ulps_median if value else None,
        gradient_ulps_p99=gradient.ulps_p99 if gradient else None,
        gradient_ulps_median=gradient.ulps_median if gradient else None,
        value_worst=value.worst if value else "",
        gradient_worst=gradient.worst if gradient else "",
        value_spread=written(value.spread) if value else (),
        gradient_spread=written(gradient.spread) if gradient else (),
        target=str(target),
        package=package,
    )


def skipped(target: Target, absence: Absence, losses: Sequence[str]) -> list[Verdict]:
    """One row for each loss that could not be asked of a target that is not there."""
    return [
        Verdict(
            case="",
            loss=loss,
            framework=target.framework,
            version="",
            via="",
            device=target.device,
            mode=target.mode,
            dtype="",
            reduction="",
            shape="",
            regime="",
            status=Status.SKIPPED,
            compared=0,
            note=absence.message,
            target=str(target),
        )
        for loss in losses
    ]
