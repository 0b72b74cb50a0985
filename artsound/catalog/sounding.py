"""Finds recordings that sound alike among many: by values that their fingerprints share, then bit by bit.

A re-encoded, louder or cut copy keeps many of Chromaprint's values exactly; other music shares hardly any.
So an index of value → clips proposes pairs, and only these are laid side by side. Measured on the sample's
recordings: copies re-encoded as MP3 or Vorbis differ in at most 0.05 of the bits, those that were cut too,
by 0.4 to 5.3 s, in at most 0.08; others in at least 0.38. An overlap of less than 5 s (`SHORTEST`) is
not found, nor one in which fewer than `SHARED` values of the index are equal.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
from jaxtyping import Int64, UInt32, UInt64

from artsound.groups import Pairs

SAMPLED = np.uint32(2)  # one value in so many enters the index: the same ones in every fingerprint
NEIGHBOURS = 8  # of the clips that share a value, each is paired with so many next ones
SHARED = 2  # values of the index that two clips share before they are compared
SHORTEST = 40  # values that must overlap, 5 s
TELLING = 8  # different values in the overlap: silence and a held tone are alike everywhere
SHIFTS = 3  # most frequent shifts that are tried
CHUNK = 1 << 20  # values at a time: what is not the index itself stays small


def near_sounds(prints: pa.Array, errors: float) -> Pairs:
    """Find pairs of fingerprints that differ in few bits where they overlap, by position.

    Memory: 8 bytes for every second value (measured: 300 MB for 106,574 clips of 30 s), and the pairs.

    Args:
        prints: lists of 32-bit values, one a clip.
        errors: largest share of differing bits.
    """
    offsets, values = prints.offsets.to_numpy(), prints.values.to_numpy()
    spans = [values[low:high] for low, high in pairwise(offsets.tolist())]
    found = [pair for pair in _proposed(_index(spans)) if alike(spans[pair[0]], spans[pair[1]], errors)]
    pairs = np.array(found, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def alike(left: UInt32[np.ndarray, " value"], right: UInt32[np.ndarray, " value"], errors: float) -> bool:
    """Say whether two fingerprints differ in few bits at a shift that their shared values suggest."""
    _, here, there = np.intersect1d(left, right, return_indices=True)
    shifts, votes = np.unique(here - there, return_counts=True)
    return any(
        _errors(left[max(0, shift) :], right[max(0, -shift) :]) <= errors
        for shift in shifts[np.argsort(-votes, kind="stable")[:SHIFTS]]
    )


def _errors(left: UInt32[np.ndarray, " value"], right: UInt32[np.ndarray, " value"]) -> float:
    """Return the share of bits that differ over the overlap; 1 when it is too short or tells nothing."""
    length = min(len(left), len(right))
    left, right = left[:length], right[:length]
    if length < SHORTEST or len(np.unique(left)) < TELLING:
        return 1.0
    return float(np.bitwise_count(left ^ right).mean()) / 32


def _index(spans: Sequence[UInt32[np.ndarray, " value"]]) -> UInt64[np.ndarray, " key"]:
    """List the sampled values and who has them, sorted: a key is value, then clip."""
    keys = [np.empty(0, dtype=np.uint64)]
    for clip, values in enumerate(spans):
        kept = np.unique(values[_mixed(values) % SAMPLED == 0])
        keys.append(kept.astype(np.uint64) << np.uint64(32) | np.uint64(clip))
    together = np.concatenate(keys)
    together.sort()
    return together


def _mixed(values: UInt32[np.ndarray, " value"]) -> UInt32[np.ndarray, " value"]:
    """Scatter the bits, so that sampling by value does not favour any kind of sound."""
    return (values * np.uint32(2_654_435_761)) >> np.uint32(16)


def _proposed(keys: UInt64[np.ndarray, " key"]) -> Iterator[tuple[int, int]]:
    """Pair the clips that share enough values of the index."""
    pairs = [np.empty(0, dtype=np.int64)]
    counted = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    for start in range(0, len(keys), CHUNK):
        piece = keys[start : start + CHUNK + NEIGHBOURS]
        pairs += [
            _neighbours(piece, apart, min(CHUNK, len(keys) - start)) for apart in range(1, NEIGHBOURS + 1)
        ]
        if sum(map(len, pairs)) >= CHUNK:
            counted, pairs = _summed(counted, pairs), []
    found, counts = _summed(counted, pairs)
    for pair in found[counts >= SHARED].tolist():
        yield pair >> 32, pair & 0xFFFF_FFFF


def _neighbours(keys: UInt64[np.ndarray, " key"], apart: int, length: int) -> Int64[np.ndarray, " pair"]:
    """Pair the clips that stand `apart` in the list of one value; pairs that begin in the first `length`."""
    left, right = keys[:-apart][:length], keys[apart:][:length]
    same = (left ^ right) < np.uint64(1 << 32)
    low = np.uint64(0xFFFF_FFFF)
    pairs: UInt64[np.ndarray, " pair"] = (left[same] & low) << np.uint64(32) | (right[same] & low)
    return pairs.astype(np.int64)


def _summed(
    counted: tuple[Int64[np.ndarray, " pair"], Int64[np.ndarray, " pair"]],
    more: Sequence[Int64[np.ndarray, " pair"]],
) -> tuple[Int64[np.ndarray, " pair"], Int64[np.ndarray, " pair"]]:
    """Add pairs to those that were counted before."""
    new, times = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *more]), return_counts=True)
    pairs, where = np.unique(np.concatenate([counted[0], new]), return_inverse=True)
    counts = np.zeros(len(pairs), dtype=np.int64)
    np.add.at(counts, where, np.concatenate([counted[1], times]))
    return pairs, counts
