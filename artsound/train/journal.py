"""The numbers of a run, one JSON object a line, and the batch that broke it."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from artsound.errors import TrainingError
from artsound.store import disk_errors, write_whole

Forward = Callable[[Mapping[str, float], int], None]


class Journal:
    """`journal.jsonl` of a run; what a killed run wrote after its last checkpoint is taken back."""

    def __init__(
        self, folder: Path, seen: int, forward: Forward | None = None, *, silent: bool = False
    ) -> None:
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._silent = silent  # another process of the run writes
        self.path = folder / "journal.jsonl"
        self._broken = folder / "not-finite.json"
        self._forward = forward
        if silent:
            return
        lines = read_journal(self.path)
        kept = "".join(json.dumps(line) + "\n" for line in lines if line["seen"] <= seen)
        with disk_errors(self.path):
            write_whole(self.path, lambda part: part.write_text(kept))

    def write(self, seen: int, numbers: Mapping[str, float]) -> None:
        """Add a line."""
        if self._silent:
            return
        with disk_errors(self.path), self.path.open("a") as file:
            file.write(json.dumps({"seen": seen, **numbers}) + "\n")
        if self._forward:
            self._forward(numbers, seen)

    def not_finite(self, seen: int, ids: list[str]) -> TrainingError:
        """Keep the ids of a batch whose loss or gradient was not finite; returns the error to raise."""
        listed = json.dumps({"seen": seen, "pair_ids": ids}, indent=2) + "\n"
        try:
            write_whole(self._broken, lambda part: part.write_text(listed))
            where = f"is listed in {self._broken}"
        except OSError as error:
            where = f"cannot be listed in {self._broken} ({error.strerror or error}), it is {', '.join(ids)}"
        return TrainingError(
            f"a loss or a weight was not finite after {seen} samples: the batch {where}; "
            "the last checkpoint is from before; lower the learning rate or look at these pairs"
        )


def read_journal(path: Path) -> list[dict[str, float]]:
    """Read the lines; a last line that was cut off by a kill is left out."""
    if not path.exists():
        return []
    text = path.read_text()
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
