"""What a release is made of: its sources with versions, checksums and the hash of all their media."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pyarrow.compute as pc

from artsound.settings import Settings
from artsound.sources.readers import SOURCES
from artsound.store import Store


def told_sources(settings: Settings, store: Store) -> dict[str, Any]:
    """Name the source of each side: version, licence, whom to cite, files that were read, media in all.

    Raises:
        StoreError: a table is not built yet.
    """
    files = store.read("source_files").to_pylist()
    sides = {
        "art": (settings.artworks, "artworks", "image_path"),
        "music": (settings.tracks, "clips", "audio_path"),
    }
    known = {source.name: source for source in SOURCES}
    told = {}
    for side, (collection, table, path) in sides.items():
        source = known[collection.source.removesuffix("-csv")]
        told[side] = {
            "source": collection.source,
            **{name: getattr(source, name) for name in ("version", "homepage", "licence", "citation")},
            "files": [
                {name: row[name] for name in ("name", "bytes", "sha256", "published")}
                for row in files
                if row["side"] == side
            ],
            "media": _media(store, table, path),
        }
    return told


def _media(store: Store, table: str, path: str) -> dict[str, Any]:
    """Count the usable media files; their hash is that of the list that `sha256sum` would write of them."""
    rows = store.read(table, [path, "sha256", "bytes"]).sort_by(path)
    digest = hashlib.sha256()
    for line in _lines(rows["sha256"].to_pylist(), rows[path].to_pylist()):
        digest.update(line)
    return {"files": len(rows), "bytes": pc.sum(rows["bytes"]).as_py() or 0, "sha256": digest.hexdigest()}


def _lines(hashes: list[str], paths: list[str]) -> Iterator[bytes]:
    return (f"{sha256}  {path}\n".encode() for sha256, path in zip(hashes, paths, strict=True))
