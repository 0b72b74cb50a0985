"""`pieces.json`: hashes of parts of each Parquet file: a reader can take columns by range and trust them.

Of every file it has the sha256 of the footer, which says where the columns stand, and of each column of each
row group. Columns of media bytes are left out: each image and each clip has its sha256 in its pair's JSON,
which is one of the columns.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from artsound.errors import ReleaseError
from artsound.release.manifest import FAMILIES, FileRecord

PIECES = "pieces.json"
LARGEST_PIECES = 256 * 2**20  # bytes
MEDIA_LEAVES = ("image.bytes", "audio.bytes")
PIECED = ("parquet", *FAMILIES)  # roles of the files that it tells of
_TAIL = 8  # bytes after a footer: its length, and a magic word

Hashes = dict[str, str]  # column as Parquet stores it → sha256 of its chunk


class Pieces(NamedTuple):
    """What is known of one Parquet file."""

    footer: int  # first byte of it; it reaches to the end of the file
    sha256: str  # of the footer
    groups: tuple[Hashes, ...]


class Chunk(NamedTuple):
    """One column of one row group."""

    column: str
    start: int
    size: int


def chunks(found: pq.FileMetaData, group: int) -> Iterator[Chunk]:
    """Say where the columns of a row group stand."""
    row_group = found.row_group(group)
    for number in range(row_group.num_columns):
        column = row_group.column(number)
        first = column.dictionary_page_offset
        start = column.data_page_offset if first is None else min(first, column.data_page_offset)
        yield Chunk(column.path_in_schema, start, column.total_compressed_size)


def pieces_of(path: Path) -> Pieces:
    """Hash the pieces of a Parquet file; media are not read."""
    found = pq.read_metadata(path)
    with path.open("rb") as file:
        start = path.stat().st_size - _TAIL - found.serialized_size
        groups = tuple(
            {
                chunk.column: _sha256(file, chunk.start, chunk.size)
                for chunk in chunks(found, group)
                if chunk.column not in MEDIA_LEAVES
            }
            for group in range(found.num_row_groups)
        )
        return Pieces(start, _sha256(file, start, found.serialized_size + _TAIL), groups)


def _sha256(file: BinaryIO, start: int, size: int) -> str:
    file.seek(start)
    return hashlib.sha256(file.read(size)).hexdigest()


def pieces_text(folder: Path, records: Iterable[FileRecord]) -> str:
    """Write the pieces of all Parquet shards of a release as JSON."""
    told = {
        record.path: pieces_of(folder / record.path)._asdict() for record in records if record.role in PIECED
    }
    return json.dumps(told, indent=1, sort_keys=True) + "\n"


def parse_pieces(data: bytes) -> Mapping[str, Pieces]:
    """Understand `pieces.json`.

    Raises:
        ReleaseError: it is not one.
    """
    try:
        given: dict[str, Any] = json.loads(data)
        return {path: _pieces(**one) for path, one in given.items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ReleaseError(f"{PIECES} is not as it should be: {error}") from error


def _pieces(footer: int, sha256: str, groups: list[Hashes]) -> Pieces:
    if type(footer) is not int or footer < 0:
        raise ValueError("a footer begins nowhere")
    return Pieces(footer, str(sha256), tuple(dict(group) for group in groups))


def parse_footer(sparse: Path) -> pq.ParquetFile:
    """Open a Parquet file of which the footer, and perhaps not all else, is there.

    Raises:
        ReleaseError: it is no Parquet.
    """
    try:
        return pq.ParquetFile(sparse)
    except (OSError, pa.ArrowException) as error:
        raise ReleaseError(f"{sparse.name} is no Parquet ({error})") from error
