"""How each pair came about: its terms, its ranks from both sides, its rivals, its prices."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int64

from artsound.matching.scores import QUANTUM, Fused, quantise

HUB_TOP = 10  # a clip's hubness counts the artworks that have it among this many best


def pair_id(artwork_id: str, clip_id: str) -> str:
    """Name a pair by its two items."""
    return hashlib.sha256(f"{artwork_id}\n{clip_id}".encode()).hexdigest()[:16]


def explain(split: str, fused: Fused, matching: pa.Table, runners_up: int) -> list[dict[str, Any]]:
    """Give the rows of `pairs` of one split, by artwork."""
    scores = quantise(fused.art.astype(np.float64) @ fused.music.astype(np.float64).T + fused.offset)
    by_art, by_clip = np.argsort(-scores, 1, kind="stable"), np.argsort(-scores.T, 1, kind="stable")
    hubs = np.bincount(by_art[:, :HUB_TOP].ravel(), minlength=len(fused.music))
    art_at = {item: row for row, item in enumerate(fused.art_ids)}
    clip_at = {item: row for row, item in enumerate(fused.music_ids)}
    prices = {(row["side"], row["item_id"]): row["price"] for row in matching.to_pylist()}
    pairs = [
        (row["item_id"], clip)
        for row in matching.to_pylist()
        if row["side"] == "art"
        for clip in row["partners"]
    ]
    rows = []
    for artwork, clip in sorted(pairs):
        i, j = art_at[artwork], clip_at[clip]
        others = _others(scores[i], by_art[i], j, runners_up)
        rivals = _others(scores[:, j], by_clip[j], i, runners_up)
        rows.append(
            {
                "pair_id": pair_id(artwork, clip),
                "artwork_id": artwork,
                "clip_id": clip,
                "split": split,
                "score": scores[i, j] * QUANTUM,
                "terms": _terms(fused, i, j),
                "clip_rank": int((scores[i] > scores[i, j]).sum()) + 1,
                "artwork_rank": int((scores[:, j] > scores[i, j]).sum()) + 1,
                "clip_margin": _margin(scores[i, j], others),
                "artwork_margin": _margin(scores[i, j], rivals),
                "other_clips": _named(fused.music_ids, others),
                "other_artworks": _named(fused.art_ids, rivals),
                "artwork_price": prices["art", artwork],
                "clip_price": prices["music", clip],
                "hubness": int(hubs[j]),
            }
        )
    return rows


def _terms(fused: Fused, i: int, j: int) -> list[dict[str, Any]]:
    art, music = fused.art[i].astype(np.float64), fused.music[j].astype(np.float64)
    return [
        {"name": name, "value": float(art[part] @ music[part]) + fused.shifts[name]}
        for name, part in fused.parts.items()
    ]


def _others(
    scores: Int64[np.ndarray, "item"], order: Int64[np.ndarray, "item"], own: int, count: int
) -> list[tuple[int, int]]:
    """Return the best others than the partner, best first, with their scores."""
    best = [int(item) for item in order[: count + 1] if item != own][:count]
    return [(item, int(scores[item])) for item in best]


def _margin(score: int, others: Sequence[tuple[int, int]]) -> float | None:
    return (int(score) - others[0][1]) * QUANTUM if others else None


def _named(ids: Sequence[str], others: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    return [{"name": ids[item], "value": score * QUANTUM} for item, score in others]
