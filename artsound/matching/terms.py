"""What a pair's score is made of: each term is one vector space in which both sides have a unit vector.

A side of a term comes from a table of `vectors`, or from a table of measures (its valence and arousal).
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Float64

from artsound.errors import MatchingError

BLOCK = 4096  # rows read at a time
NORM_TOLERANCE = 1e-3
AFFECT = ("valence", "arousal")


@dataclass(frozen=True)
class Side:
    """The unit vectors of one side in one space, read by item."""

    label: str
    model: str  # empty for measures
    place: Mapping[str, int]
    column: pa.ChunkedArray  # fixed-size lists of float32

    def at(self, items: Sequence[str]) -> Float32[np.ndarray, "item dim"]:
        """Read the vectors of some items, in their order.

        Raises:
            MatchingError: an item has no vector.
        """
        try:
            rows = [self.place[item] for item in items]
        except KeyError as error:
            raise MatchingError(
                f"{self.label}: no vector for {error.args[0]!r}: build the embeddings again"
            ) from error
        return _array(self.column.take(pa.array(rows, pa.int64())))

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.column.type.list_size)


@dataclass(frozen=True)
class Term:
    """One summand of the score: weight × calibrated cosine of the two sides' vectors."""

    name: str
    art: Side
    music: Side


def read_terms(names: Sequence[str], sides: Sequence[pa.Table]) -> list[Term]:
    """Pair the tables with the terms: an art table and a music table for each, in the terms' order.

    Raises:
        MatchingError: vectors are not finite, of other than unit length, of unlike models or keyed twice.
    """
    if len(sides) != 2 * len(names):
        raise MatchingError(f"terms {', '.join(names)} need {2 * len(names)} tables, got {len(sides)}")
    pairs = zip(names, sides[::2], sides[1::2], strict=True)
    return [_term(name, art, music) for name, art, music in pairs]


def _term(name: str, art: pa.Table, music: pa.Table) -> Term:
    term = Term(name, _side(f"{name} of artworks", art), _side(f"{name} of clips", music))
    if term.art.dim != term.music.dim or term.art.model != term.music.model:
        raise MatchingError(
            f"{name}: artworks have {term.art.model} in {term.art.dim} dimensions, "
            f"clips {term.music.model} in {term.music.dim}: embed both sides with one model"
        )
    return term


def _side(label: str, rows: pa.Table) -> Side:
    if not len(rows):
        raise MatchingError(f"{label}: no items: nothing can be matched")
    if "vector" in rows.column_names:
        model, key, column = _one_model(label, rows), "item_id", rows["vector"]
    else:
        model, key, column = "", rows.column_names[0], _affect(label, rows)
    place = {item: row for row, item in enumerate(rows[key].to_pylist())}
    if len(place) < len(rows):
        raise MatchingError(f"{label}: {len(rows) - len(place)} repeated keys")
    side = Side(label, model, place, column)
    _check(side, list(place))
    return side


def _one_model(label: str, rows: pa.Table) -> str:
    models = sorted(rows["model"].unique().to_pylist())
    if len(models) > 1:
        raise MatchingError(f"{label}: vectors of unlike models {', '.join(models)}: embed them again")
    return str(models[0])


def _affect(label: str, rows: pa.Table) -> pa.ChunkedArray:
    """Unit features (z_valence, z_arousal, 1): like moods agree, opposite moods disagree, neutral is neutral.

    Standardised inside the side, for the two heuristics do not share a scale.
    """
    values = np.column_stack([rows[name].to_numpy().astype(np.float64) for name in AFFECT])
    if not np.isfinite(values).all():
        raise MatchingError(f"{label}: valence or arousal is not a finite number")
    spread = values.std(axis=0)
    standard = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    features = np.column_stack([standard, np.ones(len(values))])
    unit = (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)
    return pa.chunked_array([pa.FixedSizeListArray.from_arrays(unit.ravel(), unit.shape[1])])


def _check(side: Side, items: Sequence[str]) -> None:
    """Refuse what is not a unit vector, naming the first such item."""
    start = 0
    for block in blocks(side.column):
        norms = _norms(block)
        bad = np.flatnonzero(~(np.abs(norms - 1) <= NORM_TOLERANCE))
        if bad.size:
            norm = norms[bad[0]]
            what = (
                "a vector that is not finite"
                if not np.isfinite(norm)
                else f"a vector of length {norm:.3g}, not 1"
            )
            raise MatchingError(f"{side.label}: {items[start + bad[0]]!r} has {what}: embed it again")
        start += len(block)


def _norms(block: Float32[np.ndarray, "item dim"]) -> Float64[np.ndarray, "item"]:
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", block, block, dtype=np.float64)))


def blocks(column: pa.ChunkedArray) -> Iterator[Float32[np.ndarray, "item dim"]]:
    """Read a column of vectors in pieces, without holding all of it."""
    for start in range(0, len(column), BLOCK):
        yield _array(column.slice(start, BLOCK))


def _array(column: pa.ChunkedArray) -> Float32[np.ndarray, "item dim"]:
    flat = pa.concat_arrays([chunk.flatten() for chunk in column.chunks])
    return np.asarray(flat.to_numpy(zero_copy_only=False), np.float32).reshape(len(column), -1)


def fingerprint(term: Term) -> str:
    """Identify the items and the vectors of a term; a result carries it to tell which vectors it is of."""
    digest = hashlib.sha256()
    for side in (term.art, term.music):
        digest.update("\n".join(side.place).encode())
        for block in blocks(side.column):
            digest.update(np.ascontiguousarray(block).data)
    return digest.hexdigest()[:16]
