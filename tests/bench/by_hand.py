"""What lossbench adds to a call that it times, beside the same call written by hand: python by_hand.py FRAMEWORK."""

from __future__ import annotations

import functools
import gc
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from lossbench import clock
from lossbench.wire import Absence
from lossbench.worker import load

TURNS = 300  # of either, one after the other; the median of their differences counts
LONG = 2e-3  # seconds that a turn lasts about
SHAPE = (6, 5)


def by_hand(name: str, forward: Callable[..., Any], learned: bool) -> Callable[..., Any]:
    """The call and, where it is learned, its gradient by the first argument, as one writes it in this framework."""
    if name == "torch":
        import torch

        ones = torch.ones(SHAPE)
        return lambda x, y: torch.autograd.grad(forward(x, y), [x], ones) if learned else forward(x, y)
    if name == "paddle":

        def step(x: Any, y: Any) -> Any:
            x.clear_gradient(False)
            value = forward(x, y)
            value.backward()
            return value, x.grad

        return step if learned else forward
    if name == "tensorflow":
        import tensorflow as tf

        def taped(x: Any, y: Any) -> Any:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(x)
                value = forward(x, y)
            return value, tape.gradient(value, [x])

        return taped if learned else forward
    import jax

    def pulled(x: Any, y: Any) -> Any:
        value, back = jax.vjp(lambda x: forward(x, y), x)
        return value, back(jax.numpy.ones_like(value))

    return jax.jit(pulled if learned else forward.func)  # type: ignore[attr-defined]


def difference(prediction: Any, target: Any) -> Any:
    """As quick a call as there is, so that what is added to it shows."""
    return prediction - target


def main(name: str) -> None:
    """Print the difference for forward alone and with the gradient."""
    mode = "compiled" if name == "jax" else "eager"
    framework = load(name, "cpu", mode)
    if isinstance(framework, Absence):
        sys.exit(framework.message)
    gc.disable()
    for learned in (False, True):
        wanted = ("prediction",) if learned else ()
        arrays = {n: np.full(SHAPE, k, np.float32) for k, n in enumerate(("prediction", "target"))}
        tensors = {n: framework.tensor(array, "float32", n in wanted) for n, array in arrays.items()}
        call = functools.partial(difference)
        timed = framework.timed(call, tensors, wanted)
        hand = functools.partial(by_hand(name, call, learned), *tensors.values())
        watch = clock.wall(framework.wait, time.process_time)
        for each in (timed, hand):
            watch([each], 20)
        loops = max(1, int(LONG * 100 / watch([timed], 100)))
        turns = [[1e6 * watch([each], loops) / loops for each in (timed, hand)] for _ in range(TURNS)]
        more = statistics.median(ours - theirs for ours, theirs in turns)
        theirs = statistics.median(theirs for _, theirs in turns)
        direction = "forward+backward" if learned else "forward"
        print(f"{name} {direction}: {theirs:.2f} us by hand, {more:+.2f} us for being timed (bar: 1 us)")


if __name__ == "__main__":
    main(sys.argv[1])
