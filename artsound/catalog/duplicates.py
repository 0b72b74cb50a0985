"""artworks, clips → duplicates: clusters of equal bytes, of looks that are alike, of sounds that are alike.

A cluster is a connected component, so two members of a near cluster may differ by more than the limit.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int32, Int64, UInt64

from artsound import tables
from artsound.catalog.sounding import near_sounds
from artsound.errors import Outcome
from artsound.groups import Pairs, components

HASH_BITS = 64
MOST_BANDS = 8  # beyond, a band is so narrow that comparing all with all is as fast


def find_duplicates(
    artworks: pa.Table,
    clips: pa.Table,
    fingerprints: pa.Table | None = None,
    *,
    near_bits: int,
    near_errors: float = 0.0,
) -> Outcome:
    """List the clusters of both sides; items without a like are left out.

    Args:
        artworks: need `artwork_id`, `sha256` and `phash`.
        clips: need `clip_id` and `sha256`.
        fingerprints: rows of `fingerprints`; without them, clips are compared by their bytes only.
        near_bits: largest Hamming distance of two perceptual hashes that counts as near; 0 for equal ones.
        near_errors: largest share of differing bits of two audio fingerprints that counts as near.
    """
    rows = [*_exact("art", artworks["artwork_id"], artworks["sha256"])]
    rows += _exact("music", clips["clip_id"], clips["sha256"])
    rows += _near_art(artworks, near_bits)
    if fingerprints is not None:
        rows += _near_music(clips, fingerprints, near_errors)
    return Outcome(tables.rows_of("duplicates", rows))


def _exact(side: str, ids: pa.ChunkedArray, hashes: pa.ChunkedArray) -> Iterator[dict[str, Any]]:
    for members in _alike(ids.to_pylist(), hashes.to_pylist()):
        yield from _cluster(side, members, "exact")


def _near_art(artworks: pa.Table, bits: int) -> Iterator[dict[str, Any]]:
    looks = _firsts(artworks["artwork_id"], artworks["sha256"], artworks["phash"].to_pylist())
    hashes = np.array([int(hash_, 16) for hash_ in looks.values()], dtype=np.uint64)
    distinct, which = np.unique(hashes, return_inverse=True)
    left, right = near_pairs(distinct, bits)
    yield from _near("art", list(looks), components(left, right, len(distinct))[which])


def _near_music(clips: pa.Table, fingerprints: pa.Table, errors: float) -> Iterator[dict[str, Any]]:
    rows = {clip: row for row, clip in enumerate(fingerprints["clip_id"].to_pylist())}
    places = [rows.get(clip) for clip in clips["clip_id"].to_pylist()]
    sounds = {
        clip: row
        for clip, row in _firsts(clips["clip_id"], clips["sha256"], places).items()
        if row is not None
    }
    prints = fingerprints["fingerprint"].combine_chunks().take(pa.array(sounds.values(), pa.int64()))
    left, right = near_sounds(prints, errors)
    yield from _near("music", list(sounds), components(left, right, len(sounds)))


def _firsts(ids: pa.ChunkedArray, contents: pa.ChunkedArray, marks: Iterable[Any]) -> dict[str, Any]:
    """Keep one copy of each content, the first by id: equal bytes are exact duplicates already."""
    first: dict[str, tuple[str, Any]] = {}
    for content, item, mark in zip(contents.to_pylist(), ids.to_pylist(), marks, strict=True):
        if content not in first or item < first[content][0]:
            first[content] = (item, mark)
    return dict(sorted(first.values(), key=lambda found: found[0]))


def _near(side: str, ids: Sequence[str], labels: Int32[np.ndarray, " item"]) -> Iterator[dict[str, Any]]:
    for members in _alike(ids, labels.tolist()):
        yield from _cluster(side, members, "near")


def _cluster(side: str, members: Sequence[str], kind: str) -> Iterator[dict[str, Any]]:
    smallest = min(members)
    for item in sorted(members):
        keeper = kind == "near" or item == smallest
        yield {"side": side, "item_id": item, "cluster_id": smallest, "kind": kind, "keeper": keeper}


def _alike(ids: Iterable[str], marks: Iterable[Any]) -> list[list[str]]:
    """Group ids that share a mark; groups of one are dropped."""
    groups: dict[Any, list[str]] = {}
    for item, mark in zip(ids, marks, strict=True):
        groups.setdefault(mark, []).append(item)
    return sorted((members for members in groups.values() if len(members) > 1), key=min)


def near_pairs(hashes: UInt64[np.ndarray, " hash"], bits: int) -> Pairs:
    """Find all pairs of distinct hashes whose Hamming distance is at most `bits`, by position.

    Of `bits + 1` bands of a hash, at least one is untouched by `bits` changes; so only hashes that share a
    band are compared. Memory grows with the hashes and the pairs found, not with the pairs compared.
    """
    edges = np.linspace(0, HASH_BITS, bits + 2).astype(int) if bits < MOST_BANDS else np.array([0, 0])
    found = [_share_band(hashes, bits, low, high) for low, high in pairwise(edges)]
    pairs = np.unique(np.concatenate(found), axis=0)
    return pairs[:, 0], pairs[:, 1]


def _share_band(
    hashes: UInt64[np.ndarray, " hash"], bits: int, low: int, high: int
) -> Int64[np.ndarray, "pair 2"]:
    """Compare the hashes whose bits from `low` to below `high` are equal: neighbours in sorted order."""
    band = (hashes >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
    order = np.argsort(band, kind="stable")
    band, ordered = band[order], hashes[order]
    found = [np.empty((0, 2), dtype=np.int64)]
    here, apart = np.arange(len(hashes)), 0
    while len(here):
        apart += 1
        here = here[here + apart < len(hashes)]
        here = here[band[here] == band[here + apart]]
        close = here[np.bitwise_count(ordered[here] ^ ordered[here + apart]) <= bits]
        found.append(np.sort(np.stack([order[close], order[close + apart]], axis=1), axis=1))
    return np.concatenate(found)
