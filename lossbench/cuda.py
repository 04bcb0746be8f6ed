"""Why a worker has no CUDA device to run on: the build of its framework, the machine, or both."""

from __future__ import annotations

import ctypes

DRIVER = "libcuda.so.1"


def lacks(framework: str, built_for_cuda: bool) -> str:
    """What is missing for ``cuda``, in words."""
    reasons = [] if built_for_cuda else [f"this build of {framework} was made without CUDA"]
    machine = machine_lacks()
    if machine:
        reasons.append(machine)
    return ", and ".join(reasons) or f"build and device are there, but {framework} does not accept the device"


def machine_lacks() -> str:
    """What the machine lacks for CUDA, whatever the framework; empty where it has a device and its driver."""
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError:
        return f"this machine has no CUDA device (no driver: {DRIVER} is not found)"
    count = ctypes.c_int(0)
    failed = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    if failed or count.value == 0:
        return f"this machine has no CUDA device (its driver answers {failed} and counts {count.value} devices)"
    return ""
