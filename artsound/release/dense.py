"""The bound of a certificate over every pair there could be, from the vectors that a release carries.

The vectors of all items stand in the certificate, scaled and side by side; those of released pairs must be
the published ones. `artsound.matching.check` then does what it does for `artsound match check`: it knows
neither the solver nor its candidates.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Float32

from artsound.matching.check import Problem, pair_quanta, prove
from artsound.release.certificate import VECTORS
from artsound.release.claims import KEYS, QUANTUM, SLACK, Split
from artsound.release.manifest import ReleaseManifest

MOOD = 3  # numbers of the affect term, which is made of measures and not published as vectors
Vectors = Mapping[str, Float32[np.ndarray, "item dim"]]  # by side
Places = Mapping[str, Mapping[str, int]]  # side → item → its row


def dense_problems(folder: Path, made: ReleaseManifest, found: Mapping[str, Split]) -> Iterator[str]:
    """Say where vectors, pairs and prices do not give what the certificate claims."""
    tables = {side: pq.read_table(folder / path) for side, path in VECTORS.items()}
    for name, split in found.items():
        own = {side: table.filter(pc.equal(table["split"], name)) for side, table in tables.items()}
        if strange := [
            s for s, rows in own.items() if set(rows["item_id"].to_pylist()) != set(split.price[s])
        ]:
            yield f"{name}: vectors and prices of {' and '.join(strange)} are not of the same items"
        elif all(split.price.values()):
            vectors = {side: _matrix(rows) for side, rows in own.items()}
            place = {
                side: {item: at for at, item in enumerate(rows["item_id"].to_pylist())}
                for side, rows in own.items()
            }
            yield from (f"{name}: {what}" for what in _bound_problems(split, vectors, place))
            yield from (f"{name}: {what}" for what in _unlike(folder, made, name, split, vectors, place))


def _matrix(rows: pa.Table) -> Float32[np.ndarray, "item dim"]:
    width = rows["vector"].type.list_size
    return np.asarray(rows["vector"].combine_chunks().flatten().to_numpy().reshape(-1, width), np.float32)


def _bound_problems(split: Split, vectors: Vectors, place: Places) -> Iterator[str]:
    problem = _problem(split, vectors, place)
    scores = pair_quanta(problem) * QUANTUM
    unlike = [
        row["pair_id"]
        for row, score in zip(split.pairs, scores, strict=True)
        if abs(row["score"] - score) > SLACK
    ]
    if unlike:
        yield f"pair {unlike[0]}: its score is not that of its vectors ({len(unlike)} such pairs)"
    proved = prove(problem, split.policy)
    if proved.bound > split.claim["bound"] + SLACK:
        bound = split.claim["bound"]
        yield f"claims a bound of {bound:.6f}; over all pairs of the vectors it is {proved.bound:.6f}"
    if proved.violated:
        yield f"{proved.violated} prices are not the best that vectors and prices allow"


def _problem(split: Split, vectors: Vectors, place: Places) -> Problem:
    first, second = split.bidders, split.wanted
    forbidden = [{"art": artwork, "music": clip} for artwork, clip in split.policy.forbidden]
    price = {side: np.array([split.price[side][item] for item in place[side]]) for side in place}
    return Problem(
        bidders=vectors[first],
        wanted=vectors[second],
        pairs=[(place[first][row[KEYS[first]]], place[second][row[KEYS[second]]]) for row in split.pairs],
        price=price[second],
        bid=price[first],
        banned=[
            (place[first][pair[first]], place[second][pair[second]])
            for pair in forbidden
            if pair["art"] in place["art"] and pair["music"] in place["music"]
        ],
        artist=[split.group[item] for item in place[second]] if split.policy.pairs_per_artist else [],
        places=(split.places(first), split.places(second)),
        offset=-sum(row["weight"] * row["mean"] / row["spread"] for row in split.calibration),
        floor=split.floor * QUANTUM,
    )


def _unlike(
    folder: Path, made: ReleaseManifest, name: str, split: Split, vectors: Vectors, place: Places
) -> Iterator[str]:
    """Hold the certificate's vectors of released pairs against the published ones."""
    pairs = {row["pair_id"]: row for row in split.pairs}
    for record in made.files:
        if record.role == "vectors" and record.split == name:
            table = pq.read_table(folder / record.path)
            rows = [pairs[pair] for pair in table["pair_id"].to_pylist()]
            for column, part, scale in _parts(made, split):
                side = column.partition("_")[0]
                at = [place[side][row[KEYS[side]]] for row in rows]
                published = _matrix(table.select([column]).rename_columns(["vector"])) * scale
                if not np.array_equal(published, vectors[side][at, part]):
                    yield f"{record.path}: its {column} are not the vectors of the certificate"


def _parts(made: ReleaseManifest, split: Split) -> Iterator[tuple[str, slice, np.float32]]:
    """Say where in the certificate's vectors each published column stands, and how it is scaled there."""
    width = {one.name: one.shape[0] for one in made.arrays}
    for side in KEYS:
        start = 0
        for row in split.calibration:
            column = f"{side}_{row['term']}"
            stop = start + width.get(column, MOOD)
            if column in width:
                yield column, slice(start, stop), np.float32(np.sqrt(row["weight"] / row["spread"]))
            start = stop
