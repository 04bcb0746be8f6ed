"""The certified answers already worked out, kept in the user's cache folder.

The key is a hash of the definition, the arithmetic under it and the inputs, so that an answer can be stale only if
a hash collides. Each answer is kept with a digest of its own, and one that has been damaged is worked out again: a
cache that cannot be read or written costs time, never a result.
"""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path
from types import TracebackType

import numpy as np
import platformdirs

SEAL = 16  # bytes of digest behind each answer
UNSAVED = 200  # answers kept in memory until they are written together


class Answers:
    """A file of certified answers: float64 vectors by key."""

    def __init__(self, path: Path | None) -> None:
        """Open the file at `path`; None keeps nothing."""
        self.hits = self.misses = 0
        self.spared = self.spent = 0.0  # CPU seconds of proofs that were found here, and of those worked out anew
        self.problem = ""
        self.connection: sqlite3.Connection | None = None
        self.unsaved: list[tuple[bytes, bytes, float]] = []
        self.path = path
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.connection = sqlite3.connect(path, timeout=1.0)
            self.connection.execute("PRAGMA journal_mode=WAL")
            self.connection.execute("PRAGMA synchronous=OFF")
            self.connection.execute(
                "CREATE TABLE IF NOT EXISTS sealed_proofs (key BLOB PRIMARY KEY, numbers BLOB, seconds REAL)"
            )
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)

    def find(self, key: bytes) -> np.ndarray | None:
        """The vector kept under `key`."""
        row = self._run("SELECT numbers, seconds FROM sealed_proofs WHERE key = ?", (key,))
        if row is None:
            self.misses += 1
            return None
        numbers, seconds = row
        if not isinstance(numbers, bytes) or _sealed(key, numbers[:-SEAL]) != numbers or not isinstance(seconds, float):
            self.misses += 1
            self.problem = f"a damaged certified answer in {self.path} was worked out again"
            return None
        self.hits += 1
        self.spared += seconds
        return np.frombuffer(numbers[:-SEAL], dtype=np.float64)

    def keep(self, key: bytes, numbers: np.ndarray, seconds: float) -> None:
        """Keep a vector that took so many CPU seconds under `key`."""
        self.spent += seconds
        self.unsaved.append((key, _sealed(key, numbers.astype(np.float64).tobytes()), seconds))
        if len(self.unsaved) >= UNSAVED:
            self.save()

    def save(self) -> None:
        """Write out what was kept since the last time."""
        rows, self.unsaved = self.unsaved, []
        if self.connection is None or not rows:
            return
        try:
            with self.connection:
                self.connection.executemany("INSERT OR REPLACE INTO sealed_proofs VALUES (?, ?, ?)", rows)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):  # where another run is writing, these are worked out again some day
                self._give_up(error)
        except sqlite3.Error as error:
            self._give_up(error)

    def __enter__(self) -> Answers:
        """Use as a context; leaving it saves and closes."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Save and close."""
        self.save()
        if self.connection is not None:
            self.connection.close()

    def _run(self, statement: str, values: tuple[object, ...] = ()) -> tuple[bytes, float] | None:
        if self.connection is None:
            return None
        try:
            found: tuple[bytes, float] | None = self.connection.execute(statement, values).fetchone()
        except sqlite3.Error as error:
            self._give_up(error)
            return None
        return found

    def _give_up(self, error: Exception) -> None:
        self.problem = f"certified answers are not kept, which costs time only: {error}; {self.path} may be deleted"
        self.connection = None


def _sealed(key: bytes, numbers: bytes) -> bytes:
    """The numbers followed by a digest that says they belong to this key."""
    return numbers + hashlib.blake2b(key + numbers, digest_size=SEAL).digest()


def default_path() -> Path:
    """Where the certified answers of this user live."""
    return Path(platformdirs.user_cache_dir("lossbench")) / "answers.sqlite"
