"""Holds FMA's audio against what is known of it: checksums, how many clips decode, how many are copies."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeVar

from artsound.errors import ConfigError, Reason, SourceError
from artsound.media.audio import decode_audio
from artsound.media.files import Media, MediaError
from artsound.media.surplus import proper
from artsound.progress import track
from artsound.sources.download import sound
from artsound.sources.fma import SOURCE
from artsound.sources.fma_metadata import SUBSETS, Subset

CLIPS = {"small": 8_000, "medium": 25_000, "large": 106_574, "full": 106_574}  # published
# Subset → clips that are kept, fail to decode, are under 10.0 s. Of small and full nobody has told.
KNOWN_COUNTS = {"large": (105_884, 162, 528), "medium": (24_980, 15, 5)}
KNOWN_COPIES = {"full": 937}  # files with the bytes of another, beside one of each
PIECE = 1_000  # files that wait for a thread at a time
Result = TypeVar("Result")
MIN_FRAMES, RATE = 480_000, 48_000  # 10.0 s, counted after the decoder of the known counts resampled


class Count(NamedTuple):
    """One count of an archive, beside what is known."""

    what: str
    found: int
    known: int | None  # None: nobody has told

    @property
    def differs(self) -> bool:
        """Say whether another count is known."""
        return self.known not in (None, self.found)


class Tally(NamedTuple):
    """What became of the clips of a subset."""

    kept: int
    failed: Mapping[str, str]  # file → reason and cause, which differ from one decoder to the next
    short: Mapping[str, float]  # file → its length, s


class Members(NamedTuple):
    """How the files agree with the `checksums` list of their archive."""

    wrong: list[str]  # all that differ, are missing, or not listed
    copies: int  # files with the bytes of another, beside one of each, as the list has it


def subset_of(audio: Path) -> Subset:
    """Guess the subset by the archive's published name; large where it has another."""
    return next((name for name in SUBSETS if audio.stem == f"fma_{name}"), "large")


def compare(subset: Subset, tally: Tally, members: Members | None = None) -> list[Count]:
    """Hold what was counted against what is known of a subset."""
    known: tuple[int | None, ...] = KNOWN_COUNTS.get(subset, (None, None, None))
    found = (tally.kept, len(tally.failed), len(tally.short))
    counts = [Count(*one) for one in zip(("kept", "failed", "short"), found, known, strict=True)]
    copies = [Count("copies", members.copies, KNOWN_COPIES.get(subset))] if members else []
    return [*counts, Count("clips", sum(found), CLIPS[subset]), *copies]


def check_audio(media: Media, *, workers: int) -> Tally:
    """Decode every mp3 as the known counts were made: 48 kHz mono; failed, or under 480,000 samples.

    Raises:
        ConfigError: there is none.
    """
    names = [name for name in proper(media.names()).names if name.lower().endswith(".mp3")]
    if not names:
        raise ConfigError("there is no .mp3 in it: name an archive of FMA's audio, or its folder")
    results = _in_threads(partial(_frames, media), names, "decoding", workers)
    ends = dict(zip(names, results, strict=True))
    failed = {name: why for name, why in ends.items() if isinstance(why, str)}
    frames = {name: count for name, count in ends.items() if isinstance(count, int)}
    short = {name: round(count / RATE, 3) for name, count in frames.items() if count < MIN_FRAMES}
    return Tally(len(frames) - len(short), failed, short)


def _in_threads(
    work: Callable[[str], Result], names: list[str], label: str, workers: int
) -> Iterator[Result]:
    """Work on names in threads, in order; a piece at a time, since what waits takes 2 kB each."""
    pieces = (names[start : start + PIECE] for start in range(0, len(names), PIECE))
    with ThreadPoolExecutor(workers) as pool:
        yield from track(chain.from_iterable(pool.map(work, piece) for piece in pieces), label, len(names))


def _frames(media: Media, name: str) -> int | str:
    """Count the samples of a recording at `RATE`, or say why it fails."""
    try:
        return len(decode_audio(media.read(name), rate=RATE).samples)
    except MediaError as error:
        return f"{error.reason}: {error.detail.replace(name, 'the file')}"


def check_members(media: Media, *, workers: int) -> Members:
    """Hold the files against the `checksums` list of the archive.

    Raises:
        SourceError: there is no such list, or it cannot be read.
    """
    lists = [name for name in media.names() if PurePosixPath(name).name == "checksums"]
    if not lists:
        raise SourceError("the archive holds no `checksums`: it is not one of FMA's, or incomplete")
    root = PurePosixPath(lists[0]).parent
    try:
        told = media.read(lists[0]).decode()
    except (MediaError, UnicodeDecodeError) as error:
        why = error.detail if isinstance(error, MediaError) else "it is no text"
        raise SourceError(f"cannot read {lists[0]} ({why}): download the archive again") from error
    lines = (line.partition("  ") for line in told.splitlines() if line)
    expected = {str(root / path): sha1 for sha1, _, path in lines}
    found = _in_threads(partial(_sha1, media), [*expected], "checksums", workers)
    wrong = [name for (name, sha1), is_ in zip(expected.items(), found, strict=True) if sha1 != is_]
    inside = {name for name in proper(media.names()).names if name.endswith(".mp3")}
    copies = len(expected) - len({*expected.values()})
    return Members(sorted({*wrong, *(inside - set(expected))}), copies)


def _sha1(media: Media, name: str) -> str:
    try:
        return hashlib.sha1(media.read(name), usedforsecurity=False).hexdigest()
    except MediaError as error:
        return hashlib.sha1(usedforsecurity=False).hexdigest() if error.reason == Reason.EMPTY_FILE else ""


def check_archive(path: Path) -> bool | None:
    """Hold a downloaded archive against its published SHA-1; None when its name is not one of FMA's."""
    remote = next((remote for remote in SOURCE.remotes if remote.name == path.name), None)
    return None if remote is None else sound(path, remote)
