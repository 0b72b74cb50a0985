"""Small collections with vectors, for the tests of matching."""

import numpy as np
import pyarrow as pa

from artsound import tables
from artsound.matching.policy import Policy
from tests.rows import row

Sides = tuple[pa.Table, pa.Table, pa.Table, pa.Table]
WEIGHTS = {"sentence": 1.0, "affect": 0.2}
POLICIES = [
    Policy(),
    Policy(min_score=1.0),
    Policy(clips_per_artwork=2),
    Policy(artworks_per_clip=2),
    Policy(pairs_per_artist=3),
    Policy(forbidden=(("train-a0", "train-c1"), ("val-a1", "val-c2"))),
]


def vectors(ids: list[str], values: np.ndarray, model: str = "made@1") -> pa.Table:
    unit = (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
    column = pa.FixedSizeListArray.from_arrays(unit.ravel(), unit.shape[1])
    return pa.table({"item_id": ids, "vector": column, "model": [model] * len(ids)})


def measures(table: str, key: str, ids: list[str], rng: np.random.Generator) -> pa.Table:
    values = rng.uniform(-1, 1, (len(ids), 2)).tolist()
    rows = [row(table, **{key: i}, valence=v, arousal=a) for i, (v, a) in zip(ids, values, strict=True)]
    return tables.rows_of(table, rows)


def splits(**sizes: tuple[int, int]) -> pa.Table:
    """Number the artworks and clips of each split: `train=(5, 3)` gives train-a0 … and train-c0 …."""
    rows = []
    for split, counts in sizes.items():
        for side, letter, count in zip(("art", "music"), "ac", counts, strict=True):
            ids = [f"{split}-{letter}{number}" for number in range(count)]
            rows += [row("splits", side=side, item_id=i, split=split) for i in ids]
    return tables.rows_of("splits", rows)


def items(table: pa.Table, side: str) -> list[str]:
    return table.filter(pa.compute.equal(table["side"], side))["item_id"].to_pylist()


def sides(table: pa.Table, seed: int = 0, dim: int = 8) -> Sides:
    rng = np.random.default_rng(seed)
    art, music = items(table, "art"), items(table, "music")
    return (
        vectors(art, rng.normal(size=(len(art), dim))),
        vectors(music, rng.normal(size=(len(music), dim))),
        measures("art_measures", "artwork_id", art, rng),
        measures("music_measures", "clip_id", music, rng),
    )
