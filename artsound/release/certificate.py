"""The proof of the matching as part of a release: all pairs with their scores, and the prices of both sides.

It is about the whole matching, also about pairs that licences or reviews keep out of the release. `proof`
holds it against the release.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from artsound.contracts import TEXT
from artsound.matching.check import QUANTUM
from artsound.matching.policy import Policy
from artsound.release.hashing import HashedFile
from artsound.release.manifest import CERTIFICATE, FileRecord, record_of
from artsound.release.parquet import write_small
from artsound.store import write_whole

FORMAT = "artsound-certificate/1"
STATEMENT, PAIRS, PRICES = (
    f"{CERTIFICATE}/{name}" for name in ("certificate.json", "pairs.parquet", "prices.parquet")
)
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


class Proof(NamedTuple):
    """What the build knows of its matching; tables of these names."""

    matching: pa.Table
    pairs: pa.Table
    splits: pa.Table
    calibration: pa.Table
    certificates: pa.Table
    policy: Policy


def write_certificate(folder: Path, proof: Proof) -> list[FileRecord]:
    """Write the statement, the pairs and the prices into a release's folder."""
    (folder / CERTIFICATE).mkdir(parents=True, exist_ok=True)
    text = json.dumps(_statement(proof), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    write_whole(folder / STATEMENT, partial(_write_text, text=text))
    tables = {PAIRS: proof.pairs, PRICES: _prices(proof)}
    return [
        record_of(folder, STATEMENT, role=CERTIFICATE),
        *(_write(folder, path, rows) for path, rows in tables.items()),
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


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
