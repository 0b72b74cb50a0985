"""Where the values of a plain Parquet column stand, so that one can be read without decoding its row group.

A column chunk is a row of pages: a header in Thrift's compact protocol, then the levels that tell nulls, then
each value as four bytes of length and its bytes. Media are written so (not compressed, no dictionary); where
a file is not, `values` says None, and the caller reads the row group as a whole.
"""

import mmap
import struct
from typing import Any

import pyarrow.parquet as pq

Span = tuple[int, int]  # size and first byte, as `os.pread` takes them
Header = dict[int, Any]  # number of a field → its value

_DATA_PAGE = 0  # its first version
_PLAIN = 0  # of encodings
_TYPE, _SIZE, _DATA_HEADER = 1, 3, 5  # fields of a page header
_VALUES, _ENCODING = 1, 2  # fields of a data page header
_LENGTH = struct.Struct("<I")


def values(data: mmap.mmap, column: pq.ColumnChunkMetaData) -> list[Span] | None:
    """Find the values of a column chunk; None where they do not stand there plainly, or some are null."""
    if column.compression != "UNCOMPRESSED" or column.dictionary_page_offset is not None:
        return None
    place, end = column.data_page_offset, column.data_page_offset + column.total_compressed_size
    found: list[Span] = []
    try:
        while place < end:
            header, start = _struct(data, place)
            place = start + header[_SIZE]
            about = header[_DATA_HEADER]
            if header[_TYPE] != _DATA_PAGE or about[_ENCODING] != _PLAIN or place > end:
                return None
            start += _LENGTH.size + _LENGTH.unpack_from(data, start)[0]  # the levels
            for _ in range(about[_VALUES]):
                (size,) = _LENGTH.unpack_from(data, start)
                found.append((size, start + _LENGTH.size))
                start += _LENGTH.size + size
            if start != place:
                return None
    except (KeyError, IndexError, ValueError, struct.error, RecursionError):
        return None
    return found if place == end and len(found) == column.num_values else None


def _struct(data: mmap.mmap, place: int) -> tuple[Header, int]:
    """Read a Thrift struct; returns its fields and where it ends."""
    made: Header = {}
    field = 0
    while (head := data[place]) & 15:
        place += 1
        if head >> 4:
            field += head >> 4
        else:
            number, place = _varint(data, place)
            field = (number >> 1) ^ -(number & 1)
        made[field], place = _value(data, place, head & 15)
    return made, place + 1


def _value(data: mmap.mmap, place: int, kind: int) -> tuple[Any, int]:
    if kind in (1, 2):  # true, false
        return kind == 1, place
    if kind == 3:  # a byte
        return data[place], place + 1
    if kind in (4, 5, 6):  # whole numbers
        number, place = _varint(data, place)
        return (number >> 1) ^ -(number & 1), place
    if kind == 8:  # text
        size, place = _varint(data, place)
        return data[place : place + size], place + size
    if kind == 12:
        return _struct(data, place)
    raise ValueError(f"a page header with a field of type {kind}")


def _varint(data: mmap.mmap, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
