"""Which files of a release are wanted: by split, and by what they hold."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from artsound.errors import ConfigError, ReleaseError
from artsound.release.manifest import NOTE, FileRecord, ReleaseManifest


@dataclass(frozen=True)
class Selection:
    """A part of a release; empty means all."""

    splits: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()  # roles of files: parquet, webdataset, captions, scores, items, …

    def takes(self, record: FileRecord) -> bool:
        """Say whether a file is part of it; what describes the release always is."""
        if record.role == "document":
            return True
        wanted = not self.holds or record.role in self.holds
        return wanted and (not self.splits or record.split is None or record.split in self.splits)

    def of(self, made: ReleaseManifest) -> ReleaseManifest:
        """Cut a manifest down to the part.

        Raises:
            ConfigError: the release has no such split, or nothing of the kind.
        """
        roles = {record.role for record in made.files}
        for wanted, there in ((self.splits, set(made.splits)), (self.holds, roles)):
            if unknown := sorted(set(wanted) - there):
                raise ConfigError(
                    f"{made.name} {made.version} has no {', '.join(unknown)}, only {', '.join(sorted(there))}"
                )
        splits = {split: n for split, n in made.splits.items() if not self.splits or split in self.splits}
        files = tuple(record for record in made.files if self.takes(record))
        return replace(made, splits=splits, pairs=sum(splits.values()), files=files)

    def joined(self, other: "Selection") -> "Selection":
        """Take what either takes, and what it takes to keep that a selection."""
        return Selection(_either(self.splits, other.splits), _either(self.holds, other.holds))


@dataclass(frozen=True)
class Note:
    """What a pulled folder knows of itself."""

    source: str
    part: Selection
    cut: Mapping[str, Any] | None = None  # what it was cut down to, where files do not tell it apart

    def text(self) -> str:
        """Write as JSON."""
        told = asdict(self)
        if self.cut is None:
            del told["cut"]
        return json.dumps(told, indent=2) + "\n"


def read_note(folder: Path) -> Note | None:
    """Read where a folder was pulled from; None when it was not pulled.

    Raises:
        ReleaseError: the note is damaged.
    """
    path = folder / NOTE
    if path.is_symlink() or not path.is_file():
        return None
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        part = Selection(*(_texts(given["part"][name]) for name in ("splits", "holds")))
        cut = given.get("cut")
        return Note(str(given["source"]), part, dict(cut) if cut is not None else None)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ReleaseError(f"{path} is damaged ({error}): delete it and pull again") from error


def _texts(given: Sequence[object]) -> tuple[str, ...]:
    return tuple(str(one) for one in given)


def _either(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({*one, *other})) if one and other else ()
