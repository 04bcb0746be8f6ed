"""Python as it would be if the modules named in HIDDEN_MODULES were not installed; found by way of PYTHONPATH."""

import os
import sys


class Hidden:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in os.environ.get("HIDDEN_MODULES", "").split():
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Hidden)
