"""Every table of the build, in one place: columns, types, units, meaning.

A stage returns rows; `conform` is the only gate between a stage and the disk.
`schemas/*.json` are written from here by `make schemas` and reviewed like code.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from artsound import contracts
from artsound.tables.catalog import (
    ALBUMS,
    ART_KEYS,
    ARTISTS,
    ARTWORKS,
    CLIPS,
    DUPLICATES,
    FINGERPRINTS,
    GRAPH_COUNTS,
    GRAPH_EXTRA,
    RAW_ARTISTS,
    RAW_ARTWORKS,
    RAW_TRACKS,
    SOURCE_FILES,
    SPLITS,
    TRACKS,
)
from artsound.tables.described import (
    ART_CAPTIONS,
    ART_MEASURES,
    EMOTIONS,
    MUSIC_CAPTIONS,
    MUSIC_MEASURES,
    PRINCIPLES,
    VECTORS,
)
from artsound.tables.paired import (
    CALIBRATION,
    CERTIFICATES,
    CHANCE,
    MATCHING,
    PAIRS,
    REJECTS,
    RELEASE_ROWS,
    REVIEWS,
)

__all__ = [
    "ALBUMS",
    "ARTISTS",
    "ARTWORKS",
    "ART_CAPTIONS",
    "ART_KEYS",
    "ART_MEASURES",
    "CALIBRATION",
    "CERTIFICATES",
    "CHANCE",
    "CLIPS",
    "DUPLICATES",
    "EMOTIONS",
    "FINGERPRINTS",
    "GRAPH_COUNTS",
    "MATCHING",
    "MUSIC_CAPTIONS",
    "MUSIC_MEASURES",
    "PAIRS",
    "PRINCIPLES",
    "RAW_ARTISTS",
    "RAW_ARTWORKS",
    "RAW_TRACKS",
    "REJECTS",
    "RELEASE_ROWS",
    "REVIEWS",
    "SOURCE_FILES",
    "SPLITS",
    "TABLES",
    "TRACKS",
    "VECTORS",
    "conform",
    "contract",
    "rows_of",
]

TABLES: dict[str, pa.Schema] = {
    "source_files": SOURCE_FILES,
    "graph_counts": GRAPH_COUNTS,
    "graph_extra": GRAPH_EXTRA,
    "art_keys": ART_KEYS,
    "raw_artists": RAW_ARTISTS,
    "raw_musicians": RAW_ARTISTS,
    "albums": ALBUMS,
    "raw_artworks": RAW_ARTWORKS,
    "raw_tracks": RAW_TRACKS,
    "artworks": ARTWORKS,
    "tracks": TRACKS,
    "clips": CLIPS,
    "artists": ARTISTS,
    "fingerprints": FINGERPRINTS,
    "duplicates": DUPLICATES,
    "splits": SPLITS,
    "art_measures": ART_MEASURES,
    "music_measures": MUSIC_MEASURES,
    "art_captions": ART_CAPTIONS,
    "music_captions": MUSIC_CAPTIONS,
    "art_image_vectors": VECTORS,
    "art_sentence_vectors": VECTORS,
    "art_clip_vectors": VECTORS,
    "art_clap_vectors": VECTORS,
    "art_imagebind_vectors": VECTORS,
    "music_sentence_vectors": VECTORS,
    "music_clip_vectors": VECTORS,
    "music_clap_vectors": VECTORS,
    "music_imagebind_vectors": VECTORS,
    "calibration": CALIBRATION,
    "matching": MATCHING,
    "certificates": CERTIFICATES,
    "chance": CHANCE,
    "pairs": PAIRS,
    "release_rows": RELEASE_ROWS,
    "reviews": REVIEWS,
    "rejects": REJECTS,
}


def rows_of(name: str, kept: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Build a table from row dictionaries; see `contracts.rows_of`."""
    return contracts.rows_of(name, TABLES[name], kept)


def conform(name: str, rows: pa.Table) -> pa.Table:
    """Cast rows to their table's schema and check it; see `contracts.conform`."""
    return contracts.conform(name, TABLES[name], rows)


def contract(name: str) -> dict[str, Any]:
    """Describe a table for readers outside Python; the content of `schemas/<name>.json`."""
    return contracts.contract(name, TABLES[name])
