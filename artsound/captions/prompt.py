"""Prompts: one file each, never changed once used; a better wording is a new file with the next number."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from artsound.errors import ConfigError

FOLDER = Path(__file__).parent / "prompts"
REASONING = (
    "\nBefore the other fields, fill in `reasoning`: the steps, one short line each, by which you come from "
    "what you perceive to what you answer.\n"
)


@dataclass(frozen=True)
class Prompt:
    """What a model is told, and what identifies it."""

    name: str
    text: str

    @property
    def identity(self) -> str:
        """Name@hash of the words."""
        return f"{self.name}@{hashlib.sha256(self.text.encode()).hexdigest()[:12]}"


NEWEST = {"art": "artwork-1", "music": "clip-1"}


def load(side: str, *, name: str = "", file: Path | None = None, reasoning: bool = False) -> Prompt:
    """Read a packaged prompt by name, or one of your own from a file; without either, the newest of the side.

    Raises:
        ConfigError: no such prompt; lists those there are.
    """
    path = file or FOLDER / f"{name or NEWEST[side]}.md"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(sorted(packaged.stem for packaged in FOLDER.glob("*.md")))
        raise ConfigError(
            f"cannot read the prompt {file or name!r}; name a .md file, or one of: {known}"
        ) from error
    return Prompt(path.stem, text + REASONING if reasoning else text)
