"""A weighted mean as somebody writes it who has used huber_loss, whose mean counts the elements."""

import torch.nn.functional as F  # noqa: N812  (the name all of torch's users know it by)


def weighted_mean(prediction, target, weight=None, reduction="mean"):
    """The mean of what is weighted; mse_loss divides by the sum of the weights, huber_loss by their number."""
    return F.mse_loss(prediction, target, weight=weight, reduction=reduction)
