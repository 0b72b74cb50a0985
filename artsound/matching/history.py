"""How the present matching came about: its settings, its exact passes, what it changed of the one before.

Kept in the store beside the tables, for the quality report and `artsound match check`. No table and no
product depends on it: a build from nothing and one that goes on from older prices take other passes and give
the same bytes.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from artsound.errors import MatchingError
from artsound.matching.changes import Changes
from artsound.matching.optimal import Round
from artsound.store import disk_errors, write_whole

FILE = "history/matching.json"


class History(NamedTuple):
    """Exact passes of each split, the engine that made them, and the changes; None for a first matching."""

    engine: str
    rounds: Mapping[str, Sequence[Round]]
    changes: Changes | None = None


def write_history(root: Path, history: History, settings: Mapping[str, Any] | None = None) -> None:
    """Keep the history of the matching in a store, with the settings that it was made by, by name."""
    told = {
        "settings": settings or {},
        "engine": history.engine,
        "rounds": {
            split: [_told(number, one) for number, one in enumerate(made)]
            for split, made in history.rounds.items()
        },
        "changes": history.changes._asdict() if history.changes else None,
    }
    with disk_errors(root):
        (root / FILE).parent.mkdir(parents=True, exist_ok=True)
        write_whole(root / FILE, lambda part: _write(part, json.dumps(told, indent=2) + "\n"))


def _told(number: int, made: Round) -> dict[str, Any]:
    """Name the pass over all pairs: the first one only finds candidates and proves nothing."""
    gap = (made.bound - made.primal) / max(abs(made.primal), 1e-6)
    return {"pass": number + 2, **made._asdict(), "gap": gap}


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def read_history(root: Path) -> dict[str, Any]:
    """Read what is known of the present matching; nothing where an older version made it.

    Raises:
        MatchingError: the file is damaged.
    """
    path = root / FILE
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        found = {name: told[name] for name in ("engine", "rounds", "changes")}
        return found | {"settings": told.get("settings", {})}
    except FileNotFoundError:
        return {"engine": "", "rounds": {}, "changes": None, "settings": {}}
    except (ValueError, KeyError, TypeError) as error:
        raise MatchingError(f"{path} is damaged ({error}): delete it, and build `matching` again") from error
