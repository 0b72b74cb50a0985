"""The answer log: every answer of a model on disk as soon as it is there, so that nothing is asked twice."""

import json
import sqlite3
import threading
from dataclasses import asdict
from pathlib import Path

from artsound.captions.backends import Reply
from artsound.errors import StoreError


class AnswerLog:
    """Answers by question, in one SQLite file; safe in threads and between processes.

    A question's key says all that the answer depends on; see `asked.Asked`.
    """

    def __init__(self, path: Path) -> None:
        """Open the log, or begin it.

        Raises:
            StoreError: the file is damaged, or cannot be written.
        """
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(path, timeout=60, check_same_thread=False, isolation_level=None)
            self._file.execute("PRAGMA journal_mode=WAL")
            self._file.execute("CREATE TABLE IF NOT EXISTS answers (question TEXT PRIMARY KEY, reply TEXT)")
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"cannot use the answer log {path}: {error}; move it away to begin anew"
            ) from error

    def get(self, question: str) -> Reply | None:
        """Look an answer up."""
        with self._lock:
            found = self._file.execute("SELECT reply FROM answers WHERE question = ?", [question]).fetchone()
        return Reply(**json.loads(found[0])) if found else None

    def put(self, question: str, reply: Reply) -> None:
        """Keep an answer; the first one stays."""
        text = json.dumps(asdict(reply), ensure_ascii=False)
        with self._lock:
            self._file.execute("INSERT OR IGNORE INTO answers VALUES (?, ?)", [question, text])

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._file.close()
