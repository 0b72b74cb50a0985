"""Captions and scores in small tables of their own, keyed by pair: a new caption rewrites no media."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from artsound import tables
from artsound.contracts import TEXT
from artsound.release.hashing import HashedFile
from artsound.release.layout import counts
from artsound.release.manifest import FileRecord, ReleaseManifest
from artsound.release.parquet import columns, write_small
from artsound.release.sample import ART_CAPTION, MUSIC_CAPTION
from artsound.store import write_whole

BATCH = 5000  # rows that are Python objects at one time
_IDS = [pa.field(name, TEXT, False) for name in ("pair_id", "artwork_id", "clip_id")]

CAPTIONS = pa.schema(
    [
        *_IDS,
        *(pa.field(f"art_{field.name}", field.type, field.nullable) for field in ART_CAPTION),
        *(pa.field(f"music_{field.name}", field.type, field.nullable) for field in MUSIC_CAPTION),
    ]
)
SCORES = pa.schema(
    [*_IDS, *(field.remove_metadata() for field in tables.PAIRS if field.name not in {f.name for f in _IDS})]
)


def caption_row(meta: dict[str, Any]) -> dict[str, Any]:
    """Take a pair's captions out of its JSON."""
    return (
        _ids(meta)
        | {f"art_{name}": value for name, value in meta["artwork"]["caption"].items()}
        | {f"music_{name}": value for name, value in meta["music"]["caption"].items()}
    )


def score_row(meta: dict[str, Any]) -> dict[str, Any]:
    """Take a pair's scores out of its JSON."""
    return _ids(meta) | {name: value for name, value in meta.items() if name in SCORES.names}


def pair_row(meta: dict[str, Any]) -> dict[str, Any]:
    """Take out of a pair's JSON what stands as columns beside it in `data/`."""
    sides = {"art": meta["artwork"], "music": meta["music"]}
    words = {
        f"{side}_{name}": said[name]
        for side, said in sides.items()
        for name in ("title", "artist", "licence")
    }
    captions = {f"{side}_caption": said["caption"]["caption"] for side, said in sides.items()}
    return _ids(meta) | {name: meta[name] for name in ("tier", "score")} | words | captions


SIDES: dict[str, tuple[pa.Schema, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "captions": (CAPTIONS, caption_row),
    "scores": (SCORES, score_row),
}


FOLDERS = {"parquet": "data", "captions": "captions", "scores": "scores"}


def columns_of(made: ReleaseManifest) -> dict[str, pa.Schema]:
    """Name the columns of every kind of Parquet file that a release has, by its role."""
    known = {"parquet": columns(media=made.media), "captions": CAPTIONS, "scores": SCORES}
    present = {record.role for record in made.files}
    return {role: schema for role, schema in known.items() if role in present}


def write_side_tables(folder: Path, rows: pa.Table) -> list[FileRecord]:
    """Write one file a split and kind."""
    records = []
    for split, count in counts(rows).items():
        chosen = rows.filter(pc.equal(rows["split"], split)).column("meta")
        for role, (schema, row) in SIDES.items():
            path = f"{role}/{split}-00000-of-00001.parquet"
            (folder / role).mkdir(parents=True, exist_ok=True)
            written: list[HashedFile] = []
            write_whole(
                folder / path,
                partial(_write, pieces=_pieces(chosen, row, schema), schema=schema, written=written),
            )
            records.append(FileRecord(path, role, split, count, written[0].size, written[0].sha256))
    return records


def _ids(meta: dict[str, Any]) -> dict[str, Any]:
    return {
        "pair_id": meta["pair_id"],
        "artwork_id": meta["artwork"]["artwork_id"],
        "clip_id": meta["music"]["clip_id"],
    }


def _pieces(
    metas: pa.ChunkedArray, row: Callable[[dict[str, Any]], dict[str, Any]], schema: pa.Schema
) -> Iterator[pa.Table]:
    for start in range(0, len(metas), BATCH):
        some = metas.slice(start, BATCH).to_pylist()
        yield pa.Table.from_pylist([row(json.loads(meta)) for meta in some], schema=schema)


def _write(path: Path, pieces: Iterator[pa.Table], schema: pa.Schema, written: list[HashedFile]) -> None:
    with HashedFile(path) as file:
        write_small(file, pieces, schema)
    written.append(file)
