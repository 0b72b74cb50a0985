"""FMA: the metadata zip as raw tracks, the audio zip or folder as their media.

Quirks that are minded: genres are lists of ids, tags lists of words, both as Python literals; licence links
stand in raw_tracks.csv only; audio lies at `<root>/000/000002.mp3`. Those of the CSVs: `fma_metadata`.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from artsound import tables
from artsound.errors import ConfigError, Outcome, Reason, Reject, SourceError
from artsound.media.audio import decode_audio
from artsound.media.files import Media, MediaError
from artsound.progress import track
from artsound.sources.base import Remote, Source
from artsound.sources.download import sound
from artsound.sources.fma_metadata import Line, Metadata, Subset, extras, labels, literal

BASE = "https://os.unil.cloud.switch.ch/fma/"
SOURCE = Source(
    name="fma",
    side="music",
    about="FMA, 106,574 tracks of the Free Music Archive with metadata; release rc1 of 2017-05-09.",
    homepage="https://github.com/mdeff/fma",
    licence="metadata CC-BY-4.0; each recording under its artist's licence",
    citation="Defferrard, Benzi, Vandergheynst, Bresson 2017, arXiv:1612.01840",
    version="rc1, 2017-05-09",
    remotes=(
        Remote(
            "fma_metadata.zip", BASE + "fma_metadata.zip", "sha1:f0df49ffe5f2a6008d7dc83c6915b31835dfe733"
        ),
        Remote("fma_small.zip", BASE + "fma_small.zip", "sha1:ade154f733639d52e35e32f5593efe5be76c6d70"),
        Remote("fma_medium.zip", BASE + "fma_medium.zip", "sha1:c67b69ea232021025fca9231fc1c7c1a063ab50b"),
        Remote(
            "fma_large.zip",
            BASE + "fma_large.zip",
            "sha1:497109f4dd721066b5ce5e5f250ec604dc78939e",
            100_306_112_191,
        ),
        Remote("fma_full.zip", BASE + "fma_full.zip", "sha1:0f0ace23fbe9ba30ecb7e95f763e435ea802b8ab"),
    ),
)
TEXTS = {  # our column → that of tracks.csv
    "track_id": "track_id",
    "title": "track.title",
    "artist": "artist.name",
    "artist_key": "artist.id",
    "album": "album.title",
    "album_key": "album.id",
    "licence": "track.license",
    "description": "track.information",
    "language": "track.language_code",
    "album_type": "album.type",
    "producer": "album.producer",
    "engineer": "album.engineer",
    "composer": "track.composer",
    "lyricist": "track.lyricist",
}
DATES = ("track.date_recorded", "album.date_released")  # the first that is known
COLUMNS = {  # of tracks.csv that become columns of ours; the others go to `extra`
    *TEXTS.values(),
    *("track.genres", "track.tags", "artist.associated_labels", "track.publisher"),
}
Size = Literal["metadata", "small", "medium", "large", "full"]
KNOWN_COUNTS = {  # subset → clips that are kept, fail to decode, are under 10.0 s
    "large": (105_884, 162, 528),
    "medium": (24_980, 15, 5),
}
PIECE = 1_000  # files that wait for a thread at a time
Result = TypeVar("Result")
MIN_FRAMES, RATE = 480_000, 48_000  # 10.0 s, counted after the decoder of the known counts resampled


def check_metadata(metadata: Path) -> None:
    """See whether the metadata can serve, by its first lines; raises as `read_tracks`."""
    with Metadata(metadata) as given:
        given.check()


def read_tracks(metadata: Path, media: Media, *, subset: Subset = "large") -> Outcome:
    """List the tracks of a subset, by id; tracks without file and files without track are refused.

    Raises:
        ConfigError: the metadata is not there, or lacks a file or column; says which.
    """
    with Metadata(metadata) as given:
        places = {PurePosixPath(name).stem: name for name in media.names() if name.lower().endswith(".mp3")}
        lines = given.tracks(subset)
        found = [places.pop(f"{int(key):06d}", None) for key in lines["track_id"].to_pylist()]
        there = pa.array([place is not None for place in found], pa.bool_())
        lacking = lines["track_id"].filter(pc.invert(there)).to_pylist()
        lines = lines.filter(there)
        links = given.links({*lines["track_id"].to_pylist()})
        genres = given.genres()
    rejects = [Reject(key, Reason.MISSING_FILE, f"no {int(key):06d}.mp3") for key in lacking]
    rejects += [Reject(name, Reason.NOT_LISTED, "no track has this id") for name in sorted(places.values())]
    return Outcome(_rows(lines, [place for place in found if place], links, genres), rejects)


def _rows(
    lines: pa.Table, places: list[str], links: Mapping[str, Line], genres: Mapping[str, str]
) -> pa.Table:
    """Turn lines into rows, column by column; what has no column goes to `extra`."""
    text = {name: lines[name].to_pylist() for name in lines.column_names}
    none = [""] * len(lines)
    linked = [links.get(key, {}) for key in text["track_id"]]
    styles = lru_cache(None)(partial(_genres, genres))
    tagged, labelled = lru_cache(None)(_tags), lru_cache(None)(labels)
    makers = (text.get("artist.associated_labels", none), text.get("track.publisher", none))
    columns = {
        **{ours: _known(text.get(theirs, none)) for ours, theirs in TEXTS.items()},
        "audio_path": places,
        "date": [a or b or None for a, b in zip(*(text[name] for name in DATES), strict=True)],
        "licence_url": [line.get("license_url") or None for line in linked],
        "source_url": [line.get("track_url") or None for line in linked],
        "genres": list(map(styles, text["track.genre_top"], text["track.genres"])),
        "tags": list(map(tagged, text["track.tags"])),
        "labels": list(map(labelled, *makers)),
        "extra": extras({name: values for name, values in text.items() if name not in COLUMNS}),
    }
    schema = tables.TABLES["raw_tracks"]
    return pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema)


def _known(texts: Sequence[str]) -> list[str | None]:
    return [text or None for text in texts]


def _genres(titles: Mapping[str, str], top: str, ids: str) -> list[str]:
    named = [titles.get(str(number), str(number)) for number in literal(ids)]
    return list(dict.fromkeys([*([top] if top else []), *named]))


def _tags(text: str) -> list[str]:
    return [str(tag) for tag in literal(text)]


class Tally(NamedTuple):
    """What became of the clips of a subset."""

    kept: int
    failed: tuple[str, ...]
    short: tuple[str, ...]


def check_audio(media: Media, *, workers: int) -> Tally:
    """Decode every mp3 as the known counts were made: 48 kHz mono; failed, or under 480,000 samples.

    Raises:
        ConfigError: there is none.
    """
    names = [name for name in media.names() if name.lower().endswith(".mp3")]
    if not names:
        raise ConfigError("there is no .mp3 in it: name an archive of FMA's audio, or its folder")
    results = _in_threads(partial(_frames, media), names, "decoding", workers)
    ends = dict(zip(names, results, strict=True))
    failed = tuple(name for name, frames in ends.items() if not frames)
    short = tuple(name for name, frames in ends.items() if 0 < frames < MIN_FRAMES)
    return Tally(len(names) - len(failed) - len(short), failed, short)


def _in_threads(
    work: Callable[[str], Result], names: list[str], label: str, workers: int
) -> Iterator[Result]:
    """Work on names in threads, in order; a piece at a time, since what waits takes 2 kB each."""
    pieces = (names[start : start + PIECE] for start in range(0, len(names), PIECE))
    with ThreadPoolExecutor(workers) as pool:
        yield from track(chain.from_iterable(pool.map(work, piece) for piece in pieces), label, len(names))


def _frames(media: Media, name: str) -> int:
    try:
        return len(decode_audio(media.read(name), rate=RATE).samples)
    except MediaError:
        return 0


def check_members(media: Media, *, workers: int) -> list[str]:
    """Hold the files against the `checksums` list of the archive; returns all that differ.

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
    inside = {name for name in media.names() if name.endswith(".mp3")}
    return sorted({*wrong, *(inside - set(expected))})


def _sha1(media: Media, name: str) -> str:
    try:
        return hashlib.sha1(media.read(name), usedforsecurity=False).hexdigest()
    except MediaError as error:
        return hashlib.sha1(usedforsecurity=False).hexdigest() if error.reason == Reason.EMPTY_FILE else ""


def check_archive(path: Path) -> bool | None:
    """Hold a downloaded archive against its published SHA-1; None when its name is not one of FMA's."""
    remote = next((remote for remote in SOURCE.remotes if remote.name == path.name), None)
    return None if remote is None else sound(path, remote)


def archives(size: Size) -> list[Remote]:
    """Name the archives that a size of FMA consists of: its metadata, and its audio."""
    names = ["fma_metadata.zip", *([] if size == "metadata" else [f"fma_{size}.zip"])]
    return [remote for name in names for remote in SOURCE.remotes if remote.name == name]
