"""What ends a command early, each with the exit code that `cli` gives it."""


class UsageError(Exception):
    """Something was asked for that cannot be meant; the message says what would be accepted (exit code 2)."""


class EnvironmentLacks(Exception):
    """Something asked for by name is not installed or not present on this machine (exit code 3)."""


class ResultsNotWritten(Exception):
    """The file of results cannot be written; what was measured is still in memory (exit code 4)."""
