"""FMA: the metadata zip as raw tracks, the audio zip or folder as their media.

Quirks that are minded: tracks.csv has two header rows and a third that names the index; genres are lists of
ids, tags lists of words, both as Python literals; licence links stand in raw_tracks.csv only; audio lies at
`<root>/000/000002.mp3`. Pickles in the zip are never loaded.
"""

import ast
import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple

import pyarrow as pa
from pyarrow import csv as arrow_csv

from artsound import tables
from artsound.errors import ConfigError, Outcome, Reason, Reject, SourceError
from artsound.media.audio import decode_audio
from artsound.media.files import Media, MediaError
from artsound.progress import track
from artsound.sources.base import Remote, Source

BASE = "https://os.unil.cloud.switch.ch/fma/"
SOURCE = Source(
    name="fma",
    side="music",
    about="FMA, 106,574 tracks of the Free Music Archive with metadata; release rc1 of 2017-05-09.",
    homepage="https://github.com/mdeff/fma",
    licence="metadata CC-BY-4.0; each recording under its artist's licence",
    citation="Defferrard, Benzi, Vandergheynst, Bresson 2017, arXiv:1612.01840",
    remotes=(
        Remote("fma_metadata.zip", BASE + "fma_metadata.zip", "f0df49ffe5f2a6008d7dc83c6915b31835dfe733"),
        Remote("fma_small.zip", BASE + "fma_small.zip", "ade154f733639d52e35e32f5593efe5be76c6d70"),
        Remote("fma_medium.zip", BASE + "fma_medium.zip", "c67b69ea232021025fca9231fc1c7c1a063ab50b"),
        Remote(
            "fma_large.zip",
            BASE + "fma_large.zip",
            "497109f4dd721066b5ce5e5f250ec604dc78939e",
            100_306_112_191,
        ),
        Remote("fma_full.zip", BASE + "fma_full.zip", "0f0ace23fbe9ba30ecb7e95f763e435ea802b8ab"),
    ),
)
Subset = Literal["small", "medium", "large"]
SUBSETS = ("small", "medium", "large")  # each contains the ones before
NEEDED = ("set.subset", "track.genre_top", "track.date_recorded", "album.date_released")
HEAD = 1 << 16  # bytes that hold the header of a CSV
LONG_TEXTS = ("album.information", "artist.bio")  # repeated for every track: left in the metadata
KNOWN_COUNTS = {  # subset → clips that are kept, fail to decode, are under 10.0 s
    "large": (105_884, 162, 528),
    "medium": (24_980, 15, 5),
}
MIN_FRAMES, RATE = 480_000, 48_000  # 10.0 s, counted after the decoder of the known counts resampled


def check_metadata(metadata: Path) -> None:
    """See whether the metadata can serve, by its first lines; raises as `read_tracks`."""
    with _Metadata(metadata) as given:
        given.track_columns()


def read_tracks(metadata: Path, media: Media, *, subset: Subset = "large") -> Outcome:
    """List the tracks of a subset, by id; tracks without file and files without track are refused.

    Raises:
        ConfigError: the metadata is not there, or lacks a file or column; says which.
    """
    rows, rejects = [], []
    with _Metadata(metadata) as given:
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


class _Metadata:
    """The CSVs of the metadata zip, or of a folder that it was unpacked to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._zip: zipfile.ZipFile | None = None

    def __enter__(self) -> "_Metadata":
        if not self._path.exists():
            raise ConfigError(f"{self._path} does not exist: name fma_metadata.zip, or its folder")
        if self._path.is_file():
            try:
                self._zip = zipfile.ZipFile(self._path)
            except (zipfile.BadZipFile, OSError) as error:
                raise ConfigError(f"{self._path} is no sound zip ({error}): download it again") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._zip:
            self._zip.close()

    def tracks(self, subset: Subset) -> list[dict[str, str]]:
        """Read tracks.csv; the columns are named `album.title` and so on; by id."""
        names = self.track_columns()
        wanted = [name for name in names if name not in LONG_TEXTS]
        lines = _table(self._bytes("tracks.csv"), names, wanted, skip=3).to_pylist()
        inside = SUBSETS[: SUBSETS.index(subset) + 1]
        kept = [line for line in lines if line["set.subset"] in inside and line["track_id"].isdecimal()]
        return sorted(kept, key=lambda line: int(line["track_id"]))

    def track_columns(self) -> list[str]:
        """Name the columns of tracks.csv by its two header rows."""
        head = _first_lines(self._bytes("tracks.csv", HEAD), 2)
        top, low = (next(csv.reader([line]), []) for line in [*head, "", ""][:2])
        names = ["track_id", *(f"{group}.{name}" for group, name in zip(top[1:], low[1:], strict=False))]
        if missing := {*NEEDED, *_USED} - set(names):
            raise ConfigError(f"tracks.csv of {self._path} lacks {', '.join(sorted(missing))}: is it FMA's?")
        return names

    def links(self, ids: set[str]) -> dict[str, dict[str, str]]:
        """Read from raw_tracks.csv what tracks.csv left out: where licence and track are linked."""
        data = self._bytes("raw_tracks.csv")
        names = next(csv.reader(_first_lines(data, 1)))
        wanted = [name for name in ("track_id", "license_url", "track_url") if name in names]
        lines = _table(data, names, wanted, skip=1).to_pylist()
        return {line["track_id"]: line for line in lines if line["track_id"] in ids}

    def genres(self) -> dict[str, str]:
        """Read genres.csv: id → title."""
        reader = csv.DictReader(io.StringIO(self._bytes("genres.csv").decode("utf-8-sig")))
        return {line["genre_id"]: line["title"] for line in reader}

    def _bytes(self, name: str, most: int = -1) -> bytes:
        if self._zip is None:
            found = [
                path for path in (self._path / name, self._path / "fma_metadata" / name) if path.exists()
            ]
            if found:
                with found[0].open("rb") as file:
                    return file.read(most)
        else:
            member = next((m for m in self._zip.namelist() if PurePosixPath(m).name == name), None)
            if member:
                with self._zip.open(member) as file:
                    return file.read(most)
        raise ConfigError(f"{self._path} holds no {name}: is it fma_metadata.zip?")


def _first_lines(data: bytes, count: int) -> list[str]:
    return [line.decode("utf-8-sig").rstrip("\r") for line in data.split(b"\n", count)[:count]]


def _table(data: bytes, names: Sequence[str], wanted: Sequence[str], *, skip: int) -> pa.Table:
    """Parse a CSV whose values hold line breaks; all columns as text."""
    return arrow_csv.read_csv(
        io.BytesIO(data),
        read_options=arrow_csv.ReadOptions(skip_rows=skip, column_names=names, block_size=1 << 24),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False
        ),
    )


_USED = {
    *("track_id", "track.title", "artist.name", "artist.id", "album.title", "album.id", "track.license"),
    *("track.genres", "track.tags", "track.information", "track.language_code"),
}


def _row(
    line: Mapping[str, str], place: str, links: Mapping[str, str], genres: Mapping[str, str]
) -> dict[str, Any]:
    """Turn a line into a row; what has no column goes to `extra`."""
    named = [genres.get(str(number), str(number)) for number in _literal(line["track.genres"])]
    top = line["track.genre_top"]
    rest = {name: value for name, value in line.items() if value and value != "[]" and name not in _USED}
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
        "tags": [str(tag) for tag in _literal(line["track.tags"])],
        "description": line["track.information"] or None,
        "language": line["track.language_code"] or None,
        "extra": json.dumps(rest, sort_keys=True, ensure_ascii=False),
    }


def _literal(text: str) -> list[Any]:
    """Read a list that Python wrote; what is none counts as empty."""
    if text in ("", "[]"):
        return []
    if re.fullmatch(r"\[[\d, ]+\]", text):
        return list(json.loads(text))
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return []
    return list(value) if isinstance(value, list) else []


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
    if remote is None:
        return None
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False))
    return digest.hexdigest() == remote.sha1
