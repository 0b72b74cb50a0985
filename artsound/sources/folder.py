"""A collection of one's own: a folder (or zip) of media with one CSV in it.

Needed columns: file, title, artist, licence; their values may be empty. The names are matched without regard
to case, a few usual synonyms are known, and `columns` in the settings maps others. What has no column of ours
is kept in `extra`.
"""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Collection as Names
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from artsound import tables
from artsound.contracts import WEIGHTED, WORDS
from artsound.errors import ConfigError, Outcome, Reason, Reject
from artsound.media.files import MediaError, open_media
from artsound.media.surplus import left_out, proper
from artsound.settings import Collection
from artsound.sources.base import Source

SOURCE = Source(
    name="folder",
    side="both",
    about="A folder or zip of images or recordings, with one CSV that lists them.",
    homepage="",
    licence="as its CSV says, item by item",
    citation="as its CSV says, item by item",
)
NEEDED = ("file", "title", "artist", "licence")
SYNONYMS = {
    "file": ("file_name", "filename", "path", "image", "audio", "image_path", "audio_path"),
    "artist": ("artist_name", "author", "creator", "maker", "performer"),
    "licence": ("license", "rights"),
    "licence_url": ("license_url",),
    "date": ("year", "object_date", "date_created"),
    "source_url": ("object_url", "track_url", "url", "page"),
    "medium": ("materials", "technique"),
    "culture": ("country_of_origin", "nationality"),
    "genres": ("genre",),
    "tags": ("keywords", "subjects"),
    "description": ("about",),
    "language": ("language_code", "lang"),
    "series": ("serie",),
    "labels": ("label", "record_label", "publisher"),
}
IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".gif", ".bmp")
SOUNDS = (".mp3", ".ogg", ".oga", ".opus", ".flac", ".wav", ".aif", ".aiff", ".m4a")
LONGEST_CELL = 1 << 24  # characters; csv's own limit of 128 KiB is too short for some descriptions


@dataclass(frozen=True)
class _Side:
    table: str  # raw_artworks or raw_tracks
    key: str
    path: str  # column for the path of the media
    endings: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        """What a CSV may bring, by our names."""
        made = {self.key, self.path, "extra", "emotions"}
        return ["file", *(name for name in tables.TABLES[self.table].names if name not in made)]


_ART = _Side("raw_artworks", "artwork_id", "image_path", IMAGES)
_MUSIC = _Side("raw_tracks", "track_id", "audio_path", SOUNDS)


def read_artworks(collection: Collection) -> Outcome:
    """List the artworks of a folder; rows come in the order of their ids.

    Raises:
        ConfigError: no such folder, not exactly one CSV, or a CSV that cannot serve; says what to do.
    """
    return _read(collection, _ART)


def read_tracks(collection: Collection) -> Outcome:
    """List the tracks of a folder; as `read_artworks`."""
    return _read(collection, _MUSIC)


def check_artworks(collection: Collection) -> None:
    """See whether the CSV can serve, before anything is read; raises as `read_artworks`."""
    _given(collection, _ART)


def check_tracks(collection: Collection) -> None:
    """See whether the CSV can serve; as `check_artworks`."""
    _given(collection, _MUSIC)


class _Given(NamedTuple):
    """What lies in a folder, and its CSV."""

    names: list[str]
    lines: list[tuple[int, dict[str, str]]]
    ours: dict[str, str]  # our column → the CSV's


def _given(collection: Collection, side: _Side) -> _Given:
    media = open_media(collection.path)
    names = sorted(media.names())
    table = table_name(collection, names)
    try:
        data = media.read(table)
    except MediaError as error:
        raise ConfigError(f"cannot read the table in {collection.path}: {error.detail}") from error
    header, lines = _lines(f"{collection.path}/{table}", data)
    return _Given(names, lines, _columns(table, header, collection.columns, side))


def _read(collection: Collection, side: _Side) -> Outcome:
    names, lines, ours = _given(collection, side)
    found = {_composed(name): name for name in names}
    files = set(names)
    rows, rejects, used = [], [], set[str]()
    for number, line in lines:
        cells = {name: value.strip() for name, value in line.items() if value.strip()}
        written = cells.get(ours["file"], "")
        path = written if written in files else found.get(_composed(written), "")
        if refused := _refused(written, path, number, used):
            rejects.append(refused)
            continue
        used.add(path)
        rows.append(_row(written, path, cells, ours, side))
    own = proper(files - used)
    rejects += [*_not_listed(own.names, side), *own.told, *left_out(open_media(collection.path))]
    rows.sort(key=lambda row: str(row[side.key]))
    return Outcome(tables.rows_of(side.table, rows), rejects)


def table_name(collection: Collection, names: list[str]) -> str:
    """Find the CSV: the one that the settings name, else the one that is there.

    Raises:
        ConfigError: there is none, or several.
    """
    csvs = [name for name in names if name.lower().endswith(".csv")]
    if collection.table:
        if collection.table not in names:
            raise ConfigError(
                f"no table {collection.table!r} in {collection.path}; CSVs there: {_list(csvs)}"
            )
        return collection.table
    if len(csvs) != 1:
        raise ConfigError(
            f"need one CSV in {collection.path}, found {_list(csvs)}: set `table` to the one to use"
        )
    return csvs[0]


def _lines(where: str, data: bytes) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Read a CSV: its header, and its lines with their numbers.

    Raises:
        ConfigError: not UTF-8, not CSV, two columns of one name, or nothing but a header.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{where} is not UTF-8 (byte {error.start}): save it as `CSV UTF-8`") from error
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.DictReader(
        io.StringIO(text, newline=""), delimiter=delimiter, restkey="", restval="", strict=True
    )
    try:
        header = [name.strip() for name in reader.fieldnames or ()]
        if twice := [name for name in header if name and header.count(name) > 1]:
            raise ConfigError(f"{where} has two columns named {twice[0]!r}: rename one")
        reader.fieldnames = header
        lines = list(_numbered(reader))
    except csv.Error as error:
        raise ConfigError(f"{where}, line {reader.line_num}: {error}: mend the quoting") from error
    if not lines:
        raise ConfigError(f"{where} lists nothing: it needs a header and one line for every file")
    return header, lines


def _numbered(reader: "csv.DictReader[str]") -> Iterator[tuple[int, dict[str, str]]]:
    """Pass on the lines that are not blank; surplus cells are kept together under an empty name."""
    for line in reader:
        surplus: Any = line.get("", "")
        cells = {**line, "": " ".join(surplus)} if isinstance(surplus, list) else line
        if any(value.strip() for value in cells.values()):
            yield reader.line_num, cells


def _columns(table: str, header: list[str], mapped: Mapping[str, str], side: _Side) -> dict[str, str]:
    """Find which column of the CSV serves as which of ours.

    Raises:
        ConfigError: a needed column is missing, or the mapping names what is not there.
    """
    if unknown := sorted(set(mapped) - set(side.columns)):
        raise ConfigError(f"`columns` maps {unknown[0]!r}, which is none of ours: {_list(side.columns)}")
    if absent := sorted(set(mapped.values()) - set(header)):
        raise ConfigError(f"`columns` names {absent[0]!r}, which is not in {table}; it has: {_list(header)}")
    lower = {name.lower().replace(" ", "_"): name for name in reversed(header)}
    ours: dict[str, str] = {}
    for name in side.columns:
        candidates = (
            [mapped[name]] if name in mapped else [lower.get(n) for n in (name, *SYNONYMS.get(name, ()))]
        )
        taken = {*ours.values(), *mapped.values()} - {mapped.get(name)}
        if match := next((c for c in candidates if c is not None and c not in taken), None):
            ours[name] = match
    if missing := [name for name in NEEDED if name not in ours]:
        raise ConfigError(
            f"{table} has no column {_list(missing)}; it has: {_list(header)}. Rename one, or map it: "
            f'columns = {{ {missing[0]} = "<its name there>" }}'
        )
    return ours


def _refused(written: str, path: str, number: int, used: Names[str]) -> Reject | None:
    """Say why a line cannot be used, if so."""
    if not written:
        return Reject(f"line {number}", Reason.MISSING_FILE, "the line names no file")
    if _unsafe(written):
        return Reject(written, Reason.UNSAFE_PATH, f"line {number}: must be a path inside the folder")
    if not path:
        return Reject(written, Reason.MISSING_FILE, f"line {number}: not in the folder")
    if path in used:
        return Reject(written, Reason.DUPLICATE_KEY, f"line {number}: an earlier line names the same file")
    return None


def _unsafe(path: str) -> bool:
    parts = path.replace("\\", "/").split("/")
    return (
        path.startswith(("/", "\\", "~"))
        or ".." in parts
        or "\0" in path
        or bool(re.match(r"[A-Za-z]:", path))
    )


def _row(
    written: str, path: str, cells: Mapping[str, str], ours: Mapping[str, str], side: _Side
) -> dict[str, Any]:
    row: dict[str, Any] = {side.key: written, side.path: path}
    for field in tables.TABLES[side.table]:
        if field.name in row:
            continue
        text = cells.get(ours.get(field.name, ""))
        if field.type == WORDS:
            row[field.name] = _words(text or "")
        else:
            row[field.name] = [] if field.type == WEIGHTED else text
    rest = {name: value for name, value in cells.items() if name not in ours.values()}
    return row | {"extra": json.dumps(rest, sort_keys=True, ensure_ascii=False)}


def _words(text: str) -> list[str]:
    """Split a list: at `|` and `;`, at commas only where there are none of these."""
    parts = re.split(r"[|;]" if re.search(r"[|;]", text) else ",", text)
    return [part.strip() for part in parts if part.strip()]


def _not_listed(paths: Names[str], side: _Side) -> list[Reject]:
    media = [path for path in sorted(paths) if path.lower().endswith(side.endings)]
    return [Reject(path, Reason.NOT_LISTED, "no line of the CSV names it") for path in media]


def _composed(path: str) -> str:
    """Bring accents to one form: file systems and CSVs differ in it."""
    return unicodedata.normalize("NFC", path)


def _list(names: Names[str]) -> str:
    return ", ".join(names) or "none"
