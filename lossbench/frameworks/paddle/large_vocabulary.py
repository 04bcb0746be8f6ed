"""Losses that hold the layer before them; the layers' weights are arguments, so that gradients by them are seen."""

from __future__ import annotations

import paddle.nn.functional as F  # noqa: N812  (the name all of Paddle's users know it by)
from paddle import Tensor

from lossbench.frameworks.paddle.engine import DTYPES, framework
from lossbench.records import Known, Symptom

# With few rows some clusters go without one.
EMPTY_CLUSTERS = Known(
    "gives no gradient to the weights of a cluster that no row falls in",
    no_gradient=("head", "first_projection", "first_output", "second_projection", "second_output"),
    notes=(Symptom.NO_GRADIENT,),
    regimes=("empty", "one_row", "last_class"),
    contract=True,
)
CLIPS = "log_softmax clips scores at 64 below the largest"
PADDED = "adds log 2 for each level that a path does not reach, and clips scores at ±40"
FASTEMIT = float.fromhex("0x1.0624dep-10")  # 0.001 as float32 holds it
EMPTY_BATCH = Known("refuses a batch of no samples", raises=True, regimes=("empty",))


def called(
    features: Tensor,
    target: Tensor,
    head: Tensor,
    tails: tuple[Tensor, Tensor, Tensor, Tensor],
    head_bias: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Output and loss; Paddle's layers hold their weights with the inputs first."""
    first = head.shape[0] - 2
    second = first + tails[1].shape[0]
    pairs = [[tails[0].T, tails[1].T], [tails[2].T, tails[3].T]]
    cutoffs = [first, second, second + tails[3].shape[0]]
    output, loss = F.adaptive_log_softmax_with_loss(features, target, head.T, pairs, cutoffs, head_bias)
    return output, loss


@framework.implements(
    via="paddle.nn.functional.adaptive_log_softmax_with_loss",
    reductions=("mean",),
    dtypes=DTYPES,
    known=[Known(CLIPS, definition="adaptive_log_softmax_clipped_at_64"), EMPTY_CLUSTERS],
)
def adaptive_log_softmax(
    features: Tensor,
    target: Tensor,
    head: Tensor,
    first_projection: Tensor,
    first_output: Tensor,
    second_projection: Tensor,
    second_output: Tensor,
    head_bias: Tensor | None = None,
) -> Tensor:
    tails = (first_projection, first_output, second_projection, second_output)
    return called(features, target, head, tails, head_bias)[1]


@framework.implements(
    "adaptive_log_softmax",
    via="paddle.nn.functional.adaptive_log_softmax_with_loss(...)[0]",
    reductions=("none",),
    dtypes=DTYPES,
    known=[
        Known("is the log likelihood, not its negative", definition="adaptive_log_likelihood", contract=True),
        Known(
            f"is the log likelihood, not its negative; {CLIPS}",
            definition="adaptive_log_likelihood",
            sets=(("clipped", True),),
        ),
        EMPTY_CLUSTERS,
    ],
)
def adaptive_log_likelihood(
    features: Tensor,
    target: Tensor,
    head: Tensor,
    first_projection: Tensor,
    first_output: Tensor,
    second_projection: Tensor,
    second_output: Tensor,
    head_bias: Tensor | None = None,
) -> Tensor:
    tails = (first_projection, first_output, second_projection, second_output)
    return called(features, target, head, tails, head_bias)[0]


@framework.implements(
    via="paddle.nn.functional.hsigmoid_loss",
    reductions=("none",),
    dtypes=DTYPES,
    known=[Known(PADDED, definition="hierarchical_sigmoid_padded")],
)
def hierarchical_sigmoid(features: Tensor, target: Tensor, weights: Tensor, bias: Tensor | None = None) -> Tensor:
    column = None if bias is None else bias.unsqueeze(-1)
    return F.hsigmoid_loss(features, target.unsqueeze(-1), weights.shape[0] + 1, weights, column).squeeze(-1)


@framework.implements(
    via="paddle.nn.functional.hsigmoid_loss(path_table=, path_code=)",
    reductions=("none",),
    dtypes=DTYPES,
    known=[Known(PADDED, definition="hierarchical_sigmoid_by_path_padded")],
)
def hierarchical_sigmoid_by_path(
    features: Tensor, target: Tensor, nodes: Tensor, decisions: Tensor, weights: Tensor, bias: Tensor | None = None
) -> Tensor:
    column = None if bias is None else bias.unsqueeze(-1)
    return F.hsigmoid_loss(
        features, target.unsqueeze(-1), weights.shape[0], weights, column, path_table=nodes, path_code=decisions
    ).squeeze(-1)


def transduced(
    scores: Tensor,
    labels: Tensor,
    input_lengths: Tensor,
    label_lengths: Tensor,
    blank: int,
    reduction: str,
    **options: float,
) -> Tensor:
    """The transducer's loss; labels and lengths have to be int32."""
    integers = (array.astype("int32") for array in (labels, input_lengths, label_lengths))
    return F.rnnt_loss(scores, *integers, blank=blank, reduction=reduction, **options)


# RNNTLoss takes log probabilities and does not normalize them on the processor.
@framework.implements(
    via="paddle.nn.functional.log_softmax + paddle.nn.RNNTLoss(fastemit_lambda=0)",
    dtypes=DTYPES,
    known=[Known(CLIPS, definition="rnnt_fastemit", sets=(("clipped", True),)), EMPTY_BATCH],
)
def rnnt(
    logits: Tensor, labels: Tensor, input_lengths: Tensor, label_lengths: Tensor, *, blank: int = 0, reduction: str
) -> Tensor:
    scores = F.log_softmax(logits, axis=-1)
    return transduced(scores, labels, input_lengths, label_lengths, blank, reduction, fastemit_lambda=0.0)


@framework.implements(
    "rnnt",
    via="paddle.nn.functional.log_softmax + paddle.nn.RNNTLoss",
    dtypes=DTYPES,
    known=[
        Known(
            "fastemit_lambda is 0.001 by default: the gradient counts each emitted label 1.001 times",
            definition="rnnt_fastemit",
            sets=(("fastemit", FASTEMIT),),
            contract=True,
        ),
        Known(
            f"fastemit_lambda is 0.001 by default; {CLIPS}",
            definition="rnnt_fastemit",
            sets=(("fastemit", FASTEMIT), ("clipped", True)),
        ),
        EMPTY_BATCH,
    ],
)
def rnnt_by_default(
    logits: Tensor, labels: Tensor, input_lengths: Tensor, label_lengths: Tensor, *, blank: int = 0, reduction: str
) -> Tensor:
    scores = F.log_softmax(logits, axis=-1)
    return transduced(scores, labels, input_lengths, label_lengths, blank, reduction)


@framework.implements(
    "rnnt",
    via="paddle.nn.RNNTLoss(fastemit_lambda=0)",
    dtypes=DTYPES,
    known=[
        Known(
            "takes its input as log-probabilities, and no softmax of it",
            definition="rnnt_of_scores_as_they_are",
            contract=True,
        ),
        EMPTY_BATCH,
    ],
)
def rnnt_of_scores(
    logits: Tensor, labels: Tensor, input_lengths: Tensor, label_lengths: Tensor, *, blank: int = 0, reduction: str
) -> Tensor:
    return transduced(logits, labels, input_lengths, label_lengths, blank, reduction, fastemit_lambda=0.0)
