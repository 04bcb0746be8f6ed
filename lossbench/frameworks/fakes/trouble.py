"""Implementations of the squared error that die, hang, raise or misbehave in ways no value shows."""

from __future__ import annotations

import itertools
import os
import signal
import time

import numpy as np

from lossbench.frameworks.fakes.engine import Answer, Tensor, framework, numbers
from lossbench.frameworks.fakes.honest import squared_error

_calls = itertools.count()


@framework.implements("squared_error", via="fakes.trouble.exits")
def exits(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """End the process with code 3."""
    os._exit(3)


@framework.implements("squared_error", via="fakes.trouble.segfaults")
def segfaults(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """End the process with a segmentation fault, after some last words."""
    os.write(2, b"about to touch a wild pointer\n")
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError("survived SIGSEGV")


@framework.implements("squared_error", via="fakes.trouble.sleeps")
def sleeps(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Never answer."""
    while True:
        time.sleep(3600)


@framework.implements("squared_error", via="fakes.trouble.raises")
def raises(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Refuse, in many words."""
    raise ValueError("this input is not to my taste\n" + "because " * 1000)


@framework.implements("squared_error", via="fakes.trouble.shouts")
def shouts(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Print a megabyte by way of Python and another straight to the descriptor."""
    print("LB01" * (1 << 18))
    rest = b"LB01" * (1 << 18)
    while rest:
        rest = rest[os.write(1, rest) :]
    answer: Answer = squared_error(prediction, target, reduction=reduction)
    return answer


@framework.implements("squared_error", via="fakes.trouble.writes_into_input")
def writes_into_input(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Answer rightly, having overwritten the target with the residual."""
    answer: Answer = squared_error(prediction, target, reduction=reduction)
    if target.dtype == "bfloat16":
        target.data[...] ^= 1
    else:
        target.data[...] = target.data - prediction.data
    return answer


@framework.implements("squared_error", via="fakes.trouble.wavers")
def wavers(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Answer a little differently each time."""
    answer: Answer = squared_error(prediction, target, reduction=reduction)
    unsteady = np.asarray(answer.value * np.asarray(1 + next(_calls) % 2 / 64, dtype=numbers(prediction).dtype))
    return Answer(unsteady, answer.pull, answer.dtype)


@framework.implements("squared_error", via="fakes.trouble.closes_pipes")
def closes_pipes(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Close every descriptor above standard error, the worker's own pipes among them."""
    os.closerange(3, 4096)
    answer: Answer = squared_error(prediction, target, reduction=reduction)
    return answer
