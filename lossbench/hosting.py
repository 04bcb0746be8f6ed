"""In the worker of a guest: somebody's own function or class, loaded and entered as the only implementation.

Nothing of the user's runs anywhere else. What cannot be loaded becomes an implementation that raises, so that it ends
as a verdict; what cannot be matched with the loss's arguments is told before anything is asked.
"""

from __future__ import annotations

import functools
from typing import Any

from lossbench import tampering
from lossbench.complaints import UserFileError, complaint
from lossbench.framework import FLOATS, Framework, Tensor
from lossbench.guest import Guest
from lossbench.hosted import Hosted
from lossbench.loading import load, own_places
from lossbench.readings import Trial
from lossbench.records import Implementation
from lossbench.testimony import LOADING, TRYING, Testimony


def enter(framework: Framework, guest: Guest, testimony: Testimony) -> None:
    """Make the guest the framework's only implementation.

    Raises:
        MatchingError: its signature does not say how it is to be called.
    """
    framework.table.clear()
    before = tampering.snapshot(framework.name)
    framework.own = own_places(guest.place)
    try:
        with testimony.limited(LOADING):
            found = load(guest.place, guest.name)
        framework.own = own_places(guest.place, found)
        hosted = Hosted(framework, guest, found)
    except (UserFileError, ImportError, SyntaxError) as error:
        _broken(framework, guest, error)
        return
    framework.remark = functools.partial(tampering.replaced, before)
    with testimony.limited(TRYING):
        trial = Trial(hosted)
        for reading in trial.readings():
            implementation, adapter = trial.entry(reading)
            framework.table[implementation.key] = (implementation, adapter)


def _broken(framework: Framework, guest: Guest, error: BaseException) -> None:
    """Enter an implementation that raises what kept the guest from being one."""
    told = complaint(error, framework.own)

    def adapter(*, reduction: str, **given: Any) -> Tensor:
        raise UserFileError(told)

    names = tuple(name for name, _ in guest.parameters)
    arrays = (*guest.required, *guest.optional)
    one = Implementation(guest.loss, guest.via, arrays, guest.required, names, guest.reductions, FLOATS, told=told)
    framework.table[one.key] = (one, adapter)
