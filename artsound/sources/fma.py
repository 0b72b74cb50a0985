"""FMA: the metadata zip as raw tracks, the audio zip or folder as their media.

Quirks that are minded: genres are lists of ids, tags lists of words, both as Python literals; licence links
stand in raw_tracks.csv only; audio lies at `<root>/000/000002.mp3`. Those of the CSVs: `fma_metadata`.
"""

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple

from artsound import tables
from artsound.errors import Outcome, Reason, Reject, SourceError
from artsound.media.audio import decode_audio
from artsound.media.files import Media, MediaError
from artsound.progress import track
from artsound.sources.base import Remote, Source
from artsound.sources.download import sound
from artsound.sources.fma_metadata import NEEDED, Line, Metadata, Subset, labels, literal

BASE = "https://os.unil.cloud.switch.ch/fma/"
SOURCE = Source(
    name="fma",
    side="music",
    about="FMA, 106,574 tracks of the Free Music Archive with metadata; release rc1 of 2017-05-09.",
    homepage="https://github.com/mdeff/fma",
    licence="metadata CC-BY-4.0; each recording under its artist's licence",
    citation="Defferrard, Benzi, Vandergheynst, Bresson 2017, arXiv:1612.01840",
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
COLUMNS = NEEDED - {"set.subset", "track.genre_top", "track.date_recorded", "album.date_released"} | {
    *("album.type", "album.producer", "album.engineer", "artist.associated_labels"),
    *("track.publisher", "track.composer", "track.lyricist"),
}  # of tracks.csv that become columns of ours; the others go to `extra`
Size = Literal["metadata", "small", "medium", "large", "full"]
KNOWN_COUNTS = {  # subset → clips that are kept, fail to decode, are under 10.0 s
    "large": (105_884, 162, 528),
    "medium": (24_980, 15, 5),
}
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
    rows, rejects = [], []
    with Metadata(metadata) as given:
        places = {PurePosixPath(name).stem: name for name in media.names() if name.lower().endswith(".mp3")}
        lines = given.tracks(subset)
        links = given.links({line["track_id"] for line in lines})
        genres = given.genres()
    for line in track(lines, "tracks of FMA"):
        key = line["track_id"]
        place = places.pop(f"{int(key):06d}", None)
        if place is None:
            rejects.append(Reject(key, Reason.MISSING_FILE, f"no {int(key):06d}.mp3"))
        else:
            rows.append(_row(line, place, links.get(key, {}), genres))
    rejects += [Reject(name, Reason.NOT_LISTED, "no track has this id") for name in sorted(places.values())]
    return Outcome(tables.rows_of("raw_tracks", rows), rejects)


def _row(line: Line, place: str, links: Mapping[str, str], genres: Mapping[str, str]) -> dict[str, Any]:
    """Turn a line into a row; what has no column goes to `extra`."""
    named = [genres.get(str(number), str(number)) for number in literal(line["track.genres"])]
    top = line["track.genre_top"]
    rest = {name: value for name, value in line.items() if value and value != "[]" and name not in COLUMNS}
    return {
        "track_id": line["track_id"],
        "audio_path": place,
        "title": line["track.title"] or None,
        "artist": line["artist.name"] or None,
        "artist_key": line["artist.id"] or None,
        "album": line["album.title"] or None,
        "album_key": line["album.id"] or None,
        "date": line["track.date_recorded"] or line["album.date_released"] or None,
        "licence": line["track.license"] or None,
        "licence_url": links.get("license_url") or None,
        "source_url": links.get("track_url") or None,
        "genres": list(dict.fromkeys([*([top] if top else []), *named])),
        "tags": [str(tag) for tag in literal(line["track.tags"])],
        "description": line["track.information"] or None,
        "language": line["track.language_code"] or None,
        "album_type": line.get("album.type") or None,
        "producer": line.get("album.producer") or None,
        "engineer": line.get("album.engineer") or None,
        "composer": line.get("track.composer") or None,
        "lyricist": line.get("track.lyricist") or None,
        "labels": labels(line.get("artist.associated_labels", ""), line.get("track.publisher", "")),
        "extra": json.dumps(rest, sort_keys=True, ensure_ascii=False),
    }


class Tally(NamedTuple):
    """What became of the clips of a subset."""

    kept: int
    failed: tuple[str, ...]
    short: tuple[str, ...]


def check_audio(media: Media, *, workers: int) -> Tally:
    """Decode every mp3 as the known counts were made: 48 kHz mono; failed, or under 480,000 samples."""
    names = [name for name in media.names() if name.lower().endswith(".mp3")]
    with ThreadPoolExecutor(workers) as pool:
        results = list(track(pool.map(lambda name: _frames(media, name), names), "decoding", len(names)))
    ends = dict(zip(names, results, strict=True))
    failed = tuple(name for name, frames in ends.items() if not frames)
    short = tuple(name for name, frames in ends.items() if 0 < frames < MIN_FRAMES)
    return Tally(len(names) - len(failed) - len(short), failed, short)


def _frames(media: Media, name: str) -> int:
    try:
        return len(decode_audio(media.read(name), rate=RATE).samples)
    except MediaError:
        return 0


def check_members(media: Media, *, workers: int) -> list[str]:
    """Hold the files against the `checksums` list of the archive; returns all that differ.

    Raises:
        SourceError: there is no such list.
    """
    lists = [name for name in media.names() if PurePosixPath(name).name == "checksums"]
    if not lists:
        raise SourceError("the archive holds no `checksums`: it is not one of FMA's, or incomplete")
    root = PurePosixPath(lists[0]).parent
    lines = (line.partition("  ") for line in media.read(lists[0]).decode().splitlines() if line)
    expected = {str(root / path): sha1 for sha1, _, path in lines}
    with ThreadPoolExecutor(workers) as pool:
        found = track(pool.map(lambda name: _sha1(media, name), expected), "checksums", len(expected))
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
