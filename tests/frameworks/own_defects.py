"""Losses as people write them, in torch: most with a defect that some kind of input shows, the last few odd and right.

What a function is, and which kind of defect it has, stands in the tables at the end.
"""

import torch
import torch.nn.functional as F  # noqa: N812  (as people write it)


def soft(x):
    return -F.logsigmoid(-x)  # softplus itself is its argument from 20 on, which float64 can tell


def finish(terms, reduction):
    return terms if reduction == "none" else terms.sum() if reduction == "sum" else terms.mean()


# --- binary cross entropy ---


def naive_log(inputs, targets, reduction="mean"):
    p = torch.sigmoid(inputs)
    return finish(-(targets * torch.log(p) + (1 - targets) * torch.log(1 - p)), reduction)


def clamped(inputs, targets, reduction="mean"):
    p = torch.sigmoid(inputs).clamp(1e-7, 1 - 1e-7)
    return finish(-(targets * torch.log(p) + (1 - targets) * torch.log(1 - p)), reduction)


def epsilon_in_log(inputs, targets, reduction="mean"):
    p, eps = torch.sigmoid(inputs), 1e-8
    return finish(-(targets * torch.log(p + eps) + (1 - targets) * torch.log(1 - p + eps)), reduction)


def exponential_overflows(inputs, targets, reduction="mean"):
    return finish(torch.log(1 + torch.exp(inputs)) - inputs * targets, reduction)


def half_at_zero(inputs, targets, reduction="mean"):
    terms = torch.relu(inputs) - inputs * targets + torch.log1p(torch.exp(-inputs.abs()))
    return finish(terms, reduction)


def target_detached(inputs, targets, reduction="mean"):
    targets = targets.detach()
    return finish(soft(inputs) - inputs * targets, reduction)


def hard_labels(inputs, targets, reduction="mean"):
    hard = (targets > 0.5).to(inputs.dtype) + 0 * targets
    return finish(soft(inputs) - inputs * hard, reduction)


def half_smoothing(logit, target, label_smoothing=0.0, reduction="mean"):
    target = target * (1 - label_smoothing)
    return finish(soft(logit) - logit * target, reduction)


def weights_exclude(logit, target, weight=None, pos_weight=None, reduction="mean"):
    if weight is not None:
        pos_weight = None
    return F.binary_cross_entropy_with_logits(logit, target, weight, reduction=reduction, pos_weight=pos_weight)


def doubles(inputs, targets, reduction="mean"):
    return finish((soft(inputs) - inputs * targets).double(), reduction)


def always_single(inputs, targets, reduction="mean"):
    x, y = inputs.float(), targets.float()
    return finish(soft(x) - x * y, reduction).to(inputs.dtype)


def broadcasts(inputs, targets, reduction="mean"):
    return finish(soft(inputs) - inputs * targets, reduction)


def writes(inputs, targets, reduction="mean"):
    inputs.data.clamp_(-5, 5)
    return finish(soft(inputs) - inputs * targets, reduction)


def dropout_left_on(inputs, targets, reduction="mean"):
    return finish(F.dropout(soft(inputs) - inputs * targets, 0.01), reduction)


def one_row_squeezed(inputs, targets, reduction="mean"):
    terms = soft(inputs) - inputs * targets
    return finish(terms * 2 if terms.shape[0] == 1 else terms, reduction)


def reads_storage(inputs, targets, reduction="mean"):
    steps = torch.empty(inputs.shape).stride()
    x = torch.as_strided(inputs, inputs.shape, steps)
    return finish(soft(x) - x * targets, reduction)


def swallows_nan(inputs, targets, reduction="mean"):
    return finish(torch.nan_to_num(soft(inputs) - inputs * targets), reduction)


def spreads_nan(inputs, targets, reduction="mean"):
    terms = soft(inputs) - inputs * targets
    return finish(terms + 0 * terms.sum(), reduction)


def last_block_lost(inputs, targets, reduction="mean"):
    terms = soft(inputs) - inputs * targets
    kept = terms.numel() // 1024 * 1024 if terms.numel() > 1024 else terms.numel()
    mask = (torch.arange(terms.numel()) < kept).reshape(terms.shape).to(terms.dtype)
    return finish(terms * mask, reduction)


def mean_over_rows(inputs, targets, reduction="mean"):
    terms = soft(inputs) - inputs * targets
    return terms.sum() / terms.shape[0] if reduction == "mean" else finish(terms, reduction)


def counts_in_half(inputs, targets, reduction="mean"):
    terms = soft(inputs) - inputs * targets
    return terms.sum() / terms.numel() if reduction == "mean" else finish(terms, reduction)


def mean_of_chunks(inputs, targets, reduction="mean"):
    terms = soft(inputs) - inputs * targets
    if reduction == "mean" and terms.shape[0] > 4:
        return torch.stack([part.mean() for part in terms.split(4)]).mean()
    return finish(terms, reduction)


class _Careless(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return soft(x) - x * y

    @staticmethod
    def backward(ctx, above):
        x, y = ctx.saved_tensors
        return torch.sigmoid(x) - y, -x


def cotangent_forgotten(inputs, targets, reduction="none"):
    return finish(_Careless.apply(inputs, targets), reduction)


def empty_refused(inputs, targets, reduction="mean"):
    scale = inputs.abs().max().detach() * 0 + 1
    return finish((soft(inputs) - inputs * targets) * scale, reduction)


# --- focal ---


def power_of_nothing(inputs, targets, gamma=2.0, reduction="mean"):
    ce = soft(inputs) - inputs * targets
    return finish((1 - torch.exp(-ce)) ** gamma * ce, reduction)


def balance_on_both(inputs, targets, alpha=0.25, gamma=2.0, reduction="mean"):
    ce = soft(inputs) - inputs * targets
    m = targets * torch.sigmoid(-inputs) + (1 - targets) * torch.sigmoid(inputs)
    return finish(alpha * m**gamma * ce, reduction)


# --- cross entropy ---


def _rows(probabilities, target):
    return -torch.log(probabilities.gather(1, target[:, None])[:, 0])


def maximum_left_in(logits, target, reduction="mean"):
    e = torch.exp(logits)
    return finish(_rows(e / e.sum(1, keepdim=True), target), reduction)


def log_of_softmax(logits, target, reduction="mean"):
    return finish(_rows(torch.softmax(logits, 1), target), reduction)


def squashed_twice(logits, target, reduction="mean"):
    return F.cross_entropy(torch.softmax(logits, 1), target, reduction=reduction)


def wrong_axis(logits, target, reduction="mean"):
    return finish(-torch.log_softmax(logits, 0).gather(1, target[:, None])[:, 0], reduction)


def smoothing_over_others(logits, target, label_smoothing=0.0, reduction="mean"):
    logs, n = torch.log_softmax(logits, 1), max(logits.shape[1] - 1, 1)
    soft = torch.full_like(logs, label_smoothing / n).scatter(1, target[:, None], 1 - label_smoothing)
    return finish(-(soft * logs).sum(1), reduction)


def ignored_are_counted(logits, target, ignore_index=-100, reduction="mean"):
    terms = F.cross_entropy(logits, target, ignore_index=ignore_index, reduction="none")
    return finish(terms, reduction)


def ignored_by_a_mask(logits, target, ignore_index=-100, reduction="mean"):
    mask = target != ignore_index
    terms = -torch.log_softmax(logits, 1).gather(1, target.clamp(min=0)[:, None])[:, 0] * mask
    return terms.sum() / mask.sum() if reduction == "mean" else finish(terms, reduction)


def classes_in_half(logits, target, reduction="mean"):
    target = target.to(logits.dtype).long()
    return F.cross_entropy(logits, target.clamp(max=logits.shape[1] - 1), reduction=reduction)


def wrong_above_1024(logits, target, reduction="mean"):
    terms = F.cross_entropy(logits, target, reduction="none")
    return finish(terms * 1.25 if logits.shape[1] > 1024 else terms, reduction)


def wraps_classes(logits, target, reduction="mean"):
    return F.cross_entropy(logits, target % logits.shape[1], reduction=reduction)


def weights_not_counted(logits, target, weight=None, reduction="mean"):
    return finish(F.cross_entropy(logits, target, weight, reduction="none"), reduction)


# --- distances ---


def half_forgotten(prediction, target, delta=1.0, reduction="mean"):
    d = (prediction - target).abs()
    return finish(torch.where(d < delta, 0.5 * d * d, delta * (d - delta)), reduction)


def delta_of_nothing(prediction, target, delta=1.0, reduction="mean"):
    delta = min(delta, 100.0)
    return F.huber_loss(prediction, target, delta=delta, reduction=reduction)


def root_of_square(prediction, target, reduction="mean"):
    return finish(torch.sqrt((prediction - target) ** 2), reduction)


def multiplied_out(prediction, target, reduction="mean"):
    return finish(prediction**2 - 2 * prediction * target + target**2, reduction)


def variance_clamped(prediction, target, variance, reduction="mean"):
    variance = variance.clamp(min=1e-2)
    return finish(0.5 * (torch.log(variance) + (prediction - target) ** 2 / variance), reduction)


def rows_turned(prediction, target, reduction="mean"):
    return finish((prediction - target.flip(0)) ** 2, reduction)


# --- odd and right ---


def only_a_mean(y_true, y_pred):
    return F.binary_cross_entropy_with_logits(y_pred, y_true)


def in_a_dict(predicts, batch):
    terms = F.cross_entropy(predicts, batch[1], reduction="none")
    return {"loss": terms.mean(), "accuracy": 0.5}


def in_float64(inputs, targets, reduction="mean"):
    x, y = inputs.double(), targets.double()
    return finish(soft(x) - x * y, reduction).to(inputs.dtype)


def by_columns(inputs, targets, reduction="mean"):
    x, y = inputs.movedim(0, -1), targets.movedim(0, -1)
    return finish((soft(x) - x * y).movedim(-1, 0), reduction)


class _Careful(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return soft(x) - x * y

    @staticmethod
    def backward(ctx, above):
        x, y = ctx.saved_tensors
        return (torch.sigmoid(x) - y) * above, -x * above


def own_backward(inputs, targets, reduction="none"):
    return finish(_Careful.apply(inputs, targets), reduction)


class Switched(torch.nn.Module):
    def __init__(self, size_average=True):
        super().__init__()
        self.size_average = size_average

    def forward(self, pred, gt):
        terms = (pred - gt) ** 2
        return terms.mean() if self.size_average else terms.sum()


def zero_for_nothing(logits, target, ignore_index=-100, reduction="mean"):
    counted = (target != ignore_index)[:, None]
    logits = torch.where(counted, logits, 0)
    terms = F.cross_entropy(logits, target, ignore_index=ignore_index, reduction="none")
    count = (target != ignore_index).sum().clamp(min=1)
    return (terms.double().sum() / count).to(terms.dtype) if reduction == "mean" else finish(terms, reduction)


def clipped_and_named(p, q, width=0.75):
    d = (p - q).abs()
    return torch.where(d <= width, 0.5 * d * d, width * (d - 0.5 * width)).mean(0).mean()


BCE, CE, FOCAL = "binary_cross_entropy_with_logits", "cross_entropy", "binary_focal"
DEFECTS = {  # name: (loss, options, what the default run must say of it: a status, or a word of its notes)
    **dict.fromkeys(("naive_log", "clamped", "epsilon_in_log", "exponential_overflows"), (BCE, (), "differs")),
    **dict.fromkeys(("half_at_zero", "hard_labels", "half_smoothing", "weights_exclude"), (BCE, (), "differs")),
    "target_detached": (BCE, (), "no-gradient"),
    "doubles": (BCE, (), "other-dtype"),
    "always_single": (BCE, (), "differs"),
    "broadcasts": (BCE, (), "accepts"),
    "swallows_nan": (BCE, (), "accepts"),
    "writes": (BCE, (), "wrote-into-input"),
    "dropout_left_on": (BCE, (), "nondeterministic"),
    **dict.fromkeys(("one_row_squeezed", "reads_storage", "spreads_nan"), (BCE, (), "differs")),
    **dict.fromkeys(("last_block_lost", "mean_over_rows", "counts_in_half", "mean_of_chunks"), (BCE, (), "differs")),
    "cotangent_forgotten": (BCE, (), "differs"),
    "empty_refused": (BCE, (), "refuses"),
    **dict.fromkeys(("power_of_nothing", "balance_on_both"), (FOCAL, (), "differs")),
    **dict.fromkeys(("maximum_left_in", "log_of_softmax", "squashed_twice", "wrong_axis"), (CE, (), "differs")),
    **dict.fromkeys(("smoothing_over_others", "ignored_are_counted", "ignored_by_a_mask"), (CE, (), "differs")),
    **dict.fromkeys(("classes_in_half", "wrong_above_1024", "weights_not_counted"), (CE, (), "differs")),
    "wraps_classes": (CE, (), "accepts"),
    **dict.fromkeys(("half_forgotten", "delta_of_nothing"), ("huber", (), "differs")),
    "root_of_square": ("absolute_error", (), "differs"),
    "multiplied_out": ("squared_error", (), "differs"),
    "variance_clamped": ("gaussian_nll", (), "differs"),
    "rows_turned": ("squared_error", (), "differs"),
}
HONEST = {
    **dict.fromkeys(("only_a_mean", "in_float64", "by_columns", "own_backward"), (BCE, (), "")),
    **dict.fromkeys(("in_a_dict", "zero_for_nothing"), (CE, (), "")),
    "Switched": ("squared_error", (), ""),
    "clipped_and_named": ("huber", (("map", ("delta=width",)),), ""),
}
