"""Cut files where their content says so, so that equal stretches give equal chunks wherever they stand.

A cut falls after byte i where the high bits of h(i) = Σₖ table[byte(i − k)]·2ᵏ, k = 0 … 31, are zero (a gear
hash, whose window is 32 bytes because what is older has left the 32 bits).
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8, UInt32

SHORTEST, LONGEST = 2_048, 65_536  # bytes of a chunk
BITS = 13  # a cut every 8 KiB on average, after the shortest
SEGMENT = 16 * 2**20  # bytes hashed at one time
WINDOW = 32

_TABLE = np.frombuffer(
    b"".join(hashlib.sha256(bytes([byte])).digest()[:4] for byte in range(256)), dtype="<u4"
).astype(np.uint32)


class Chunk(NamedTuple):
    """A stretch of a file."""

    start: int
    size: int
    digest: bytes


def chunks(path: Path) -> Iterator[Chunk]:
    """Cut a file; the chunks cover it, in order."""
    if not path.stat().st_size:
        return
    data = np.memmap(path, np.uint8, "r")
    start = 0
    for end in _ends(data):
        yield Chunk(start, end - start, hashlib.sha256(data[start:end].tobytes()).digest()[:16])
        start = end


def _ends(data: UInt8[np.ndarray, " byte"]) -> Iterator[int]:
    start, total = 0, len(data)
    places = _places(data)
    waiting = next(places, total)
    while start < total:
        while waiting < min(start + SHORTEST, total):
            waiting = next(places, total)
        end = min(waiting, start + LONGEST, total)
        yield end
        start = end


def _places(data: UInt8[np.ndarray, " byte"]) -> Iterator[int]:
    """Find where a cut may fall."""
    for start in range(0, len(data), SEGMENT):
        before = max(0, start - WINDOW + 1)
        hashes = gear(data[before : start + SEGMENT])[start - before :]
        found: Int64[np.ndarray, " place"] = np.flatnonzero(hashes < np.uint32(2 ** (32 - BITS)))
        yield from (found + start + 1).tolist()


def gear(data: UInt8[np.ndarray, " byte"]) -> UInt32[np.ndarray, " byte"]:
    """Hash the window that ends at every byte, by doubling: 1, 2, 4, … 32 bytes."""
    made: UInt32[np.ndarray, " byte"] = _TABLE[data]
    width = 1
    while width < WINDOW:
        longer = made.copy()
        longer[width:] += made[:-width] << np.uint32(width)
        made, width = longer, 2 * width
    return made
