"""What every source declares: its files with checksums, its licence, whom to cite."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Remote:
    """One published file; a checksum or a size that its publisher does not state is left empty."""

    name: str  # file name, as published
    url: str = ""
    checksum: str = ""  # such as sha1:0123…
    bytes: int | None = None  # exact size


@dataclass(frozen=True)
class Source:
    """Where data comes from."""

    name: str
    side: Literal["art", "music", "both"]
    about: str  # one sentence
    homepage: str
    licence: str  # SPDX id, or what is known in words
    citation: str  # arXiv id, DOI, or whom to name
    version: str = ""  # of what is published; empty where it has none
    remotes: tuple[Remote, ...] = ()
