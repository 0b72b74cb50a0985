"""The proof of the matching as part of a release: all pairs with their scores, and the prices of both sides.

It is about the whole matching, also about pairs that licences or reviews keep out of the release. `proof`
holds it against the release. Where the release carries the vectors of every term, those of all items, scaled
and side by side, are part of it, so that `dense` can hold the prices against every pair there could be.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from artsound.contracts import TEXT
from artsound.matching.check import QUANTUM
from artsound.matching.policy import Policy
from artsound.matching.scores import Fused
from artsound.release.hashing import HashedFile
from artsound.release.manifest import CERTIFICATE, FileRecord, record_of
from artsound.release.parquet import GROUP_ROWS, write_small
from artsound.store import write_whole

FORMAT = "artsound-certificate/1"
STATEMENT, PAIRS, PRICES = (
    f"{CERTIFICATE}/{name}" for name in ("certificate.json", "pairs.parquet", "prices.parquet")
)
VECTORS = {side: f"{CERTIFICATE}/{side}-vectors.parquet" for side in ("art", "music")}
ORDER = {PAIRS: ("split", "pair_id"), PRICES: ("split", "side", "item_id")}
SCHEMAS = {
    PAIRS: pa.schema(
        [
            *(pa.field(name, TEXT, False) for name in ("pair_id", "artwork_id", "clip_id", "split")),
            pa.field("score", pa.float64(), False),
        ]
    ),
    PRICES: pa.schema(
        [
            *(pa.field(name, TEXT, False) for name in ("side", "item_id", "split", "group_id")),
            pa.field("price", pa.float64(), False),
        ]
    ),
}
VECTOR_KEYS = [pa.field(name, TEXT, False) for name in ("split", "item_id")]


class Proof(NamedTuple):
    """What the build knows of its matching; tables of these names."""

    matching: pa.Table
    pairs: pa.Table
    splits: pa.Table
    calibration: pa.Table
    certificates: pa.Table
    policy: Policy
    fused: Callable[[], Iterable[tuple[str, Fused]]] | None = None  # scaled vectors, split by split


def write_certificate(folder: Path, proof: Proof) -> list[FileRecord]:
    """Write the statement, the pairs and the prices into a release's folder."""
    (folder / CERTIFICATE).mkdir(parents=True, exist_ok=True)
    text = json.dumps(_statement(proof), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    write_whole(folder / STATEMENT, partial(_write_text, text=text))
    tables = {PAIRS: proof.pairs, PRICES: _prices(proof)}
    return [
        record_of(folder, STATEMENT, role=CERTIFICATE),
        *(_write(folder, path, rows) for path, rows in tables.items()),
        *(_write_vectors(folder, side, proof.fused()) for side in VECTORS if proof.fused),
    ]


def _statement(proof: Proof) -> Mapping[str, Any]:
    """Say what is claimed of each split, of which scores and under which rules."""
    return {
        "format": FORMAT,
        "quantum": QUANTUM,
        "rules": asdict(proof.policy),
        "calibration": proof.calibration.to_pylist(),
        "splits": proof.certificates.to_pylist(),
    }


def _prices(proof: Proof) -> pa.Table:
    """Set beside each item's price its group, whose places may be limited together."""
    keys = ["side", "item_id"]
    group = proof.splits.select([*keys, "group_id"])
    return proof.matching.select([*keys, "split", "price"]).join(group, keys, join_type="inner")


def _write(folder: Path, path: str, rows: pa.Table) -> FileRecord:
    keys = [(name, "ascending") for name in ORDER[path]]
    chosen = rows.select(SCHEMAS[path].names)
    ordered = chosen.take(pc.sort_indices(chosen, sort_keys=keys)).combine_chunks()
    write_whole(folder / path, partial(_write_rows, rows=ordered, schema=SCHEMAS[path]))
    return record_of(folder, path, role=CERTIFICATE, rows=len(rows))


def _write_rows(path: Path, rows: pa.Table, schema: pa.Schema) -> None:
    with HashedFile(path) as file:
        write_small(file, [rows], schema)


def _write_vectors(folder: Path, side: str, fused: Iterable[tuple[str, Fused]]) -> FileRecord:
    """Write one side's vectors, split by split, items in the order of their ids."""
    pieces = _vector_pieces(side, fused)
    first = next(pieces)

    def write(path: Path) -> int:
        with HashedFile(path) as file:
            return write_small(file, chain([first], pieces), first.schema)

    rows = write_whole(folder / VECTORS[side], write)
    return record_of(folder, VECTORS[side], role=CERTIFICATE, rows=rows)


def _vector_pieces(side: str, fused: Iterable[tuple[str, Fused]]) -> Iterator[pa.Table]:
    for split, one in fused:
        ids, values = (one.art_ids, one.art) if side == "art" else (one.music_ids, one.music)
        schema = pa.schema([*VECTOR_KEYS, pa.field("vector", pa.list_(pa.float32(), values.shape[1]), False)])
        for start in range(0, max(1, len(ids)), GROUP_ROWS):
            some = slice(start, start + GROUP_ROWS)
            flat = pa.array(np.ascontiguousarray(values[some]).reshape(-1), pa.float32())
            vectors = pa.FixedSizeListArray.from_arrays(flat, type=schema.field("vector").type)
            columns = [pa.array([split] * len(vectors), TEXT), pa.array(ids[some], TEXT), vectors]
            yield pa.Table.from_arrays(columns, schema=schema)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
