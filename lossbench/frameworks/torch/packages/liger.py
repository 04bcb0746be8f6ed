"""liger_kernel: Triton kernels of losses over large vocabularies; they run on a graphics card alone.

No deviation is declared, as nobody has measured them on a card yet.
"""

from __future__ import annotations

from torch import Tensor

from lossbench.frameworks.torch.engine import framework
from lossbench.frameworks.torch.packages import package

LIGER = package("liger-kernel", "liger_kernel", measured="0.8.5")
functional = LIGER.module("liger_kernel.transformers.functional")
CARD = ("cuda",)


@framework.implements(via="liger_kernel.transformers.functional.liger_cross_entropy", devices=CARD, package=LIGER)
def cross_entropy(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str,
) -> Tensor:
    loss = functional.liger_cross_entropy(
        logits.reshape(-1, logits.shape[-1]),
        target.reshape(-1),
        weight=weight,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )
    return loss.reshape(target.shape) if reduction == "none" else loss


@framework.implements(
    via="liger_kernel.transformers.functional.liger_fused_linear_cross_entropy",
    reductions=("mean", "sum"),
    devices=CARD,
    package=LIGER,
)
def linear_cross_entropy(
    features: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str,
) -> Tensor:
    return functional.liger_fused_linear_cross_entropy(
        features,
        linear_weight,
        target,
        bias=linear_bias,
        ce_weight=weight,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )


@framework.implements(
    via="liger_kernel.transformers.functional.liger_kl_div",
    reductions=("none", "mean", "sum", "batchmean"),
    devices=CARD,
    package=LIGER,
)
def kl_div(log_prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    return functional.liger_kl_div(log_prediction, target, reduction=reduction)
