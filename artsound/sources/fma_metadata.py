"""FMA's CSVs, in the metadata zip or unpacked: lines of text by named column, quirks minded.

tracks.csv has two header rows and a third that names the index; values hold line breaks; lists are Python
literals. Pickles in the zip are never loaded.
"""

import ast
import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from json.encoder import encode_basestring
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from artsound.errors import ConfigError, Reason, Reject
from artsound.media.files import ZIP_DAMAGE

Line = dict[str, str]
Subset = Literal["small", "medium", "large", "full"]
SUBSETS: tuple[Subset, ...] = (
    "small",
    "medium",
    "large",
    "full",
)  # each contains the ones before; full: large, untrimmed
SHOWN = 80  # characters of a value that is none
HEAD = 1 << 16  # bytes that hold the header of a CSV
FILES = ("tracks.csv", "raw_tracks.csv", "raw_albums.csv", "raw_artists.csv", "genres.csv")  # that are read
KEYS = {"raw_albums.csv": ("album_id",), "raw_artists.csv": ("artist_id",)}  # of those that are read whole
LONG_TEXTS = ("album.information", "artist.bio")  # repeated for every track: read from raw_*.csv
RENAMED = {"license_title": "track.license", "tags": "track.tags"}  # of raw_tracks.csv, in tracks.csv
NEEDED = {
    *("set.subset", "track.genre_top", "track.date_recorded", "album.date_released"),
    *("track_id", "track.title", "artist.name", "artist.id", "album.title", "album.id", "track.license"),
    *("track.genres", "track.tags", "track.information", "track.language_code"),
}


class Metadata:
    """The CSVs of the metadata zip, or of a folder that it was unpacked to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._zip: zipfile.ZipFile | None = None

    def __enter__(self) -> "Metadata":
        if not self._path.exists():
            raise ConfigError(f"{self._path} does not exist: name fma_metadata.zip, or its folder")
        if self._path.is_file():
            try:
                self._zip = zipfile.ZipFile(self._path)
            except ZIP_DAMAGE as error:
                raise ConfigError(f"{self._path} is no sound zip ({error}): download it again") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._zip:
            self._zip.close()

    def tracks(self, subset: Subset) -> tuple[pa.Table, list[Reject]]:
        """Read tracks.csv, all as text; the columns are named `album.title` and so on; by id.

        Returns the lines of the subset, and refuses those that cannot belong to any: no id, no known subset,
        an id that an earlier line has.
        """
        names = self.track_columns()
        wanted = [name for name in names if name not in LONG_TEXTS]
        lines = self._table("tracks.csv", self._bytes("tracks.csv"), names, wanted, skip=3)
        numbered = pc.match_substring_regex(lines["track_id"], r"^\d{1,9}$")
        known = pc.is_in(lines["set.subset"], pa.array(SUBSETS))
        refused = _odd(lines.filter(pc.invert(pc.and_(numbered, known))))
        inside = pc.is_in(lines["set.subset"], pa.array(SUBSETS[: SUBSETS.index(subset) + 1]))
        kept = lines.filter(pc.and_(inside, numbered))
        kept = kept.take(pc.sort_indices(kept["track_id"].cast(pa.int64())))
        return _once(kept, refused)

    def track_columns(self) -> list[str]:
        """Name the columns of tracks.csv by its two header rows."""
        head = _first_lines(self._bytes("tracks.csv", HEAD), 2)
        top, low = (next(csv.reader([line]), []) for line in [*head, "", ""][:2])
        names = ["track_id", *(f"{group}.{name}" for group, name in zip(top[1:], low[1:], strict=False))]
        if missing := NEEDED - set(names):
            raise ConfigError(f"tracks.csv of {self._path} lacks {', '.join(sorted(missing))}: is it FMA's?")
        return names

    def check(self) -> None:
        """See whether all is there, by first lines alone.

        Raises:
            ConfigError: a file or column is missing; says which.
        """
        self.track_columns()
        for name in FILES:
            self._bytes(name, HEAD)

    def left_out(self, ids: set[str]) -> tuple[dict[str, Line], list[Reject]]:
        """Read from raw_tracks.csv what tracks.csv left out: links, copyright lines and so on; by id.

        Of several lines of one id the last counts, and the others are told.
        """
        told = {*self.track_columns()} - {"track_id"}
        names = next(csv.reader(_first_lines(self._bytes("raw_tracks.csv", HEAD), 1)), [])
        new = [name for name in names if RENAMED.get(name, name.replace("_", ".", 1)) not in told]
        found: dict[str, Line] = {}
        rejects = []
        for line in self.raw("raw_tracks.csv", dict.fromkeys(("track_id", *new))):
            if (key := line.pop("track_id")) in found:
                rejects.append(
                    Reject(key, Reason.DUPLICATE_KEY, "raw_tracks.csv: a later line has this track_id")
                )
            if key in ids:
                found[key] = line
        return found, rejects

    def raw(self, name: str, wanted: Iterable[str] | None = None) -> list[Line]:
        """Read a CSV with one header row: all columns, or those of `wanted` that it has.

        Raises:
            ConfigError: the first of the wanted, by which lines are told apart, is none of its columns.
        """
        data = self._bytes(name)
        names = next(csv.reader(_first_lines(data, 1)), [])
        columns = names if wanted is None else [column for column in wanted if column in names]
        if (key := next(iter(wanted or KEYS[name]))) not in names:
            raise ConfigError(f"{name} of {self._path} has no column {key}: is it FMA's?")
        lines: list[Line] = self._table(name, data, names, columns, skip=1).to_pylist()
        return lines

    def _table(
        self, name: str, data: bytes, names: Sequence[str], wanted: Sequence[str], *, skip: int
    ) -> pa.Table:
        """Parse a CSV whose values hold line breaks; all columns as text."""
        try:
            return arrow_csv.read_csv(
                io.BytesIO(data),
                read_options=arrow_csv.ReadOptions(skip_rows=skip, column_names=names, block_size=1 << 24),
                parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
                convert_options=arrow_csv.ConvertOptions(
                    include_columns=wanted,
                    column_types=dict.fromkeys(wanted, pa.string()),
                    strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid as error:
            told = str(error).splitlines()[0]
            raise ConfigError(f"{name} of {self._path} cannot be read ({told}): is it FMA's?") from error

    def genres(self) -> dict[str, str]:
        """Read genres.csv: id → title."""
        lines = self.raw("genres.csv", ("genre_id", "title"))
        return {line["genre_id"]: line.get("title") or line["genre_id"] for line in lines}

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
                try:
                    with self._zip.open(member) as file:
                        return file.read(most)
                except ZIP_DAMAGE as error:
                    damaged = f"{name} of {self._path} is damaged ({error}): download it again"
                    raise ConfigError(damaged) from error
        raise ConfigError(f"{self._path} holds no {name}: is it fma_metadata.zip?")


def _odd(lines: pa.Table) -> list[Reject]:
    """Refuse lines that have no id, or are of no subset."""
    told = zip(lines["track_id"].to_pylist(), lines["set.subset"].to_pylist(), strict=True)
    return [
        Reject(key[:SHOWN], Reason.MISSING_FILE, f"tracks.csv: no id, or of no known set ({named[:SHOWN]!r})")
        for key, named in told
    ]


def _once(lines: pa.Table, refused: list[Reject]) -> tuple[pa.Table, list[Reject]]:
    """Keep the first line of each id; they are sorted by it."""
    ids = lines["track_id"].cast(pa.int64()).to_numpy()
    again = np.append(False, ids[1:] == ids[:-1])[: len(ids)]
    repeated = lines["track_id"].filter(pa.array(again)).to_pylist()
    told = "tracks.csv has another line with this id"
    kept = lines.filter(pa.array(~again))
    return kept, [*refused, *(Reject(key, Reason.DUPLICATE_KEY, told) for key in repeated)]


def literal(text: str) -> list[Any]:
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


def extras(columns: Mapping[str, Sequence[str]]) -> list[str]:
    """Write what is told, line by line, as JSON by name; empty texts and lists tell nothing.

    Examples:
        >>> extras({"b": ["1", "[]"], "a": ["x", ""]})
        ['{"a": "x", "b": "1"}', '{}']
    """
    parts: list[list[str]] = [[] for _ in next(iter(columns.values()), ())]
    for name in sorted(columns):
        key = encode_basestring(name)
        for line, value in zip(parts, columns[name], strict=True):
            if value and value != "[]":
                line.append(f"{key}: {encode_basestring(value)}")
    return [f"{{{', '.join(line)}}}" for line in parts]


def labels(*texts: str) -> list[str]:
    """Name the record labels of some texts, each once, as they are written.

    Examples:
        >>> labels("Tzadik, Rune Grammofon", "Tzadik; ECM")
        ['Tzadik', 'Rune Grammofon', 'ECM']
    """
    named = (name.strip() for text in texts for name in re.split(r"[,;|/\n]", text))
    return list(dict.fromkeys(name for name in named if name))


def _first_lines(data: bytes, count: int) -> list[str]:
    return [line.decode("utf-8-sig").rstrip("\r") for line in data.split(b"\n", count)[:count]]
