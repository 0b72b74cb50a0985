"""Captions, scores and items in small tables of their own, keyed by pair: a new caption rewrites no media."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from artsound import tables
from artsound.contracts import TEXT
from artsound.release.arrays import array_schema
from artsound.release.hashing import HashedFile
from artsound.release.layout import shard_path
from artsound.release.manifest import FAMILIES, FileRecord, ReleaseManifest
from artsound.release.parquet import SmallTable, columns
from artsound.release.rows import Plan
from artsound.release.sample import ART_CAPTION, MUSIC_CAPTION
from artsound.store import write_whole

BATCH = 100  # pairs that are Python objects at one time
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
_SAID = ("title", "artist", "licence", "licence_url", "source_url")  # of both sides; the rest has a hash
ITEMS = pa.schema(
    [
        *_IDS,
        pa.field("tier", TEXT, False),
        *(pa.field(f"{side}_{name}", TEXT) for side in ("art", "music") for name in _SAID),
        *(pa.field(name, TEXT, False) for name in ("image_sha256", "audio_sha256", "facts_sha256")),
    ]
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


def item_row(meta: dict[str, Any]) -> dict[str, Any]:
    """Say of a pair's two items what they are, by hash where it is much: media, and all other facts."""
    sides = {"art": meta["artwork"], "music": meta["music"]}
    facts = {
        side: {name: value for name, value in said.items() if name not in (*_SAID, "caption")}
        for side, said in sides.items()
    }
    text = json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return (
        _ids(meta)
        | {f"{side}_{name}": said[name] for side, said in sides.items() for name in _SAID}
        | {
            "tier": meta["tier"],
            "image_sha256": meta["artwork"]["image"]["sha256"],
            "audio_sha256": meta["music"]["audio"]["sha256"],
            "facts_sha256": hashlib.sha256(text.encode()).hexdigest(),
        }
    )


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
    "items": (ITEMS, item_row),
}


def metas(plan: Plan) -> Iterator[dict[str, Any]]:
    """Read the JSON of every pair of a plan."""
    for piece in plan.read(columns=["meta"]):
        yield from (json.loads(text) for text in piece["meta"].to_pylist())


def columns_of(made: ReleaseManifest) -> dict[str, pa.Schema]:
    """Name the columns of every kind of Parquet file that a release has, by its role."""
    known = {"parquet": columns(media=made.media)} | {role: schema for role, (schema, _) in SIDES.items()}
    for family in FAMILIES:
        known[family] = array_schema(record for record in made.arrays if record.family == family)
    present = {record.role for record in made.files}
    return {role: schema for role, schema in known.items() if role in present}


def write_side_tables(
    folder: Path, plan: Plan, watch: Callable[[list[dict[str, Any]]], None]
) -> list[FileRecord]:
    """Write one file a split and kind.

    Args:
        folder: of the release.
        plan: its rows; each pair's JSON is read once.
        watch: is shown the parsed JSON of the pairs, some at a time, in their order.
    """
    records = []
    for split, (start, stop) in plan.ranges().items():
        for role, file in _write(folder, plan.read(start, stop, ["meta"]), split, watch).items():
            records.append(FileRecord(_path(role, split), role, split, stop - start, file.size, file.sha256))
    return records


def _write(
    folder: Path, pieces: Iterator[pa.Table], split: str, watch: Callable[[list[dict[str, Any]]], None]
) -> dict[str, HashedFile]:
    """Write the tables of a split beside each other; returns their files, finished and in place."""
    parts = {role: folder / f"{_path(role, split)}.making" for role in SIDES}
    for part in parts.values():
        part.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        files = {role: opened.enter_context(HashedFile(part)) for role, part in parts.items()}
        made = {
            role: opened.enter_context(closing(SmallTable(files[role], schema)))
            for role, (schema, _) in SIDES.items()
        }
        for batch in (batch for piece in pieces for batch in piece.to_batches(BATCH)):
            told = [json.loads(text) for text in batch["meta"].to_pylist()]
            watch(told)
            for role, (schema, row) in SIDES.items():
                made[role].add(pa.Table.from_pylist([row(meta) for meta in told], schema=schema))
    for role, part in parts.items():
        write_whole(folder / _path(role, split), partial(_move, part))
    return files


def _move(done: Path, path: Path) -> None:
    done.replace(path)


def _path(role: str, split: str) -> str:
    return shard_path(role, split, 0, 1)


def _ids(meta: dict[str, Any]) -> dict[str, Any]:
    return {
        "pair_id": meta["pair_id"],
        "artwork_id": meta["artwork"]["artwork_id"],
        "clip_id": meta["music"]["clip_id"],
    }
