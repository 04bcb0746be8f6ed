"""What is the matter with another interpreter, found out by asking it, and what to type to mend it."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Sequence
from functools import cache
from typing import Any

LEAST = (3, 11)  # what a worker is written for
PATIENCE = 30.0  # seconds
# what pip is asked for, by framework: modules that a worker imports, and the requirements that bring them
NEEDED = {
    "torch": {"torch": "torch"},
    "paddle": {"paddle": "paddlepaddle"},
    "tensorflow": {"tensorflow": "tensorflow", "keras": "keras"},
    "jax": {"jax": "jax", "optax": "optax"},
}
# for any Python since 2.6
QUESTION = """
import json, pkgutil, sys
def there(name):
    try:
        return pkgutil.find_loader(name) is not None
    except AttributeError:
        import importlib.util
        return importlib.util.find_spec(name) is not None
    except Exception:
        return False
print("\\n" + json.dumps({"version": list(sys.version_info[:2]), "lacks": [n for n in sys.argv[1:] if not there(n)]}))
"""


def mended(interpreter: str, framework: str) -> str:
    """What to type so that a worker of this framework can run there; empty where nothing is missing."""
    modules = {"numpy": "numpy", **NEEDED.get(framework, {})}
    found = _asked(interpreter, ("pip", *modules))
    if found is None:
        return f"{interpreter} is no Python interpreter; give the path of one, or of a virtual environment's folder"
    version, lacks = tuple(found["version"]), list(found["lacks"])
    if version < LEAST:
        return (
            f"{interpreter} is Python {'.'.join(map(str, version))}, and a worker needs {'.'.join(map(str, LEAST))} or "
            "later; make an environment with a newer one by `python3 -m venv FOLDER`"
        )
    wanted = [requirement for module, requirement in modules.items() if module in lacks]
    if not wanted:
        return ""
    first = f"{shlex.quote(interpreter)} -m ensurepip && " if "pip" in lacks else ""
    return f"{first}{shlex.quote(interpreter)} -m pip install {' '.join(wanted)}"


@cache
def _asked(interpreter: str, modules: Sequence[str]) -> dict[str, Any] | None:
    """The interpreter's own version, and which modules it cannot find; None where it does not answer like Python."""
    try:
        done = subprocess.run(
            [interpreter, "-c", QUESTION, *modules],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        answer = json.loads(done.stdout.strip().splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        return None
    return answer if isinstance(answer, dict) and {"version", "lacks"} <= answer.keys() else None
