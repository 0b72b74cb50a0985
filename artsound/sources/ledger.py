"""What could not be fetched, why, and when it is due again; survives a crash at any moment."""

import sqlite3
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from artsound.errors import Reason, StoreError
from artsound.store import disk_errors

_CREATE = (
    "CREATE TABLE IF NOT EXISTS failed "
    "(name TEXT PRIMARY KEY, reason TEXT, cause TEXT, tries INTEGER, due REAL)"
)


@dataclass(frozen=True)
class Entry:
    """One failure."""

    reason: Reason
    cause: str
    tries: int
    due: float | None  # seconds since the epoch; None: never again

    def is_due(self, now: float) -> bool:
        """Say whether it may be asked for again."""
        return self.due is not None and self.due <= now


class Ledger:
    """Failures by item, in one SQLite file. Safe in threads.

    Raises:
        StoreError: it cannot be written, or is another file.
    """

    def __init__(self, path: Path) -> None:
        with disk_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = threading.Lock()
        self._change(_CREATE)

    def read(self) -> dict[str, Entry]:
        """List all failures."""
        with self._lock, closing(sqlite3.connect(self._path)) as db:
            found = db.execute("SELECT name, reason, cause, tries, due FROM failed").fetchall()
        return {name: Entry(Reason(reason), cause, tries, due) for name, reason, cause, tries, due in found}

    def add(self, name: str, entry: Entry) -> None:
        """Note a failure; a later one replaces it."""
        self._change(
            "INSERT OR REPLACE INTO failed VALUES (?, ?, ?, ?, ?)",
            (name, entry.reason.value, entry.cause, entry.tries, entry.due),
        )

    def remove(self, name: str) -> None:
        """Forget a failure: the item came."""
        self._change("DELETE FROM failed WHERE name = ?", (name,))

    def _change(self, statement: str, values: tuple[object, ...] = ()) -> None:
        try:
            with self._lock, closing(sqlite3.connect(self._path)) as db, db:
                db.execute(statement, values)
        except sqlite3.Error as error:
            raise StoreError(f"cannot write to {self._path}: {error}; what was finished is kept") from error
