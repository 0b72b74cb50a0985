"""How each pair came about: its terms, its ranks from both sides, its rivals, its prices."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int64

from artsound.matching import ranks, search
from artsound.matching.scores import QUANTUM, Fused

HUB_TOP = 10  # a clip's hubness counts the artworks that have it among this many best

Rival = tuple[int, int]  # position, score in quanta


def pair_id(artwork_id: str, clip_id: str) -> str:
    """Name a pair by its two items."""
    return hashlib.sha256(f"{artwork_id}\n{clip_id}".encode()).hexdigest()[:16]


def explain(split: str, fused: Fused, matching: pa.Table, runners_up: int) -> list[dict[str, Any]]:
    """Give the rows of `pairs` of one split, by artwork."""
    found = matching.to_pylist()
    prices = {(row["side"], row["item_id"]): row["price"] for row in found}
    pairs = sorted((r["item_id"], clip) for r in found if r["side"] == "art" for clip in r["partners"])
    at = positions(fused, pairs)
    scores = search.exact(fused.art, fused.music, at[:, 0], at[:, 1], fused.offset)
    left, right = fused.art[at[:, 0]], fused.music[at[:, 1]]
    width = max(HUB_TOP, runners_up + 1)
    best_clips = ranks.top(fused.art, fused.music, width, offset=fused.offset)
    best_art = ranks.top(right, fused.art, runners_up + 1, offset=fused.offset)
    hubs = np.bincount(best_clips.columns[:, :HUB_TOP].ravel(), minlength=len(fused.music))
    clip_ranks = ranks.ranks(left, fused.music, scores, offset=fused.offset)
    art_ranks = ranks.ranks(right, fused.art, scores, offset=fused.offset)
    rows = []
    for number, (artwork, clip) in enumerate(pairs):
        i, j = at[number].tolist()
        others = _others(best_clips.columns[i], best_clips.scores[i], j, runners_up)
        rivals = _others(best_art.columns[number], best_art.scores[number], i, runners_up)
        rows.append(
            {
                "pair_id": pair_id(artwork, clip),
                "artwork_id": artwork,
                "clip_id": clip,
                "split": split,
                "score": scores[number] * QUANTUM,
                "terms": terms_of(fused, i, j),
                "clip_rank": int(clip_ranks[number]),
                "artwork_rank": int(art_ranks[number]),
                "clip_margin": _margin(scores[number], others),
                "artwork_margin": _margin(scores[number], rivals),
                "other_clips": _named(fused.music_ids, others),
                "other_artworks": _named(fused.art_ids, rivals),
                "artwork_price": prices["art", artwork],
                "clip_price": prices["music", clip],
                "hubness": int(hubs[j]),
            }
        )
    return rows


def positions(fused: Fused, pairs: Sequence[tuple[str, str]]) -> Int64[np.ndarray, "pair two"]:
    """Turn pairs of ids into pairs of positions."""
    art = {item: at for at, item in enumerate(fused.art_ids)}
    music = {item: at for at, item in enumerate(fused.music_ids)}
    return np.array([(art[a], music[c]) for a, c in pairs], np.int64).reshape(-1, 2)


def terms_of(fused: Fused, i: int, j: int) -> list[dict[str, Any]]:
    """Give each term's share of the score of artwork `i` and clip `j`."""
    art, music = fused.art[i].astype(np.float64), fused.music[j].astype(np.float64)
    return [
        {"name": name, "value": float(art[part] @ music[part]) + fused.shifts[name]}
        for name, part in fused.parts.items()
    ]


def _others(
    columns: Int64[np.ndarray, "k"], scores: Int64[np.ndarray, "k"], own: int, count: int
) -> list[Rival]:
    """Leave out the partner; what remains is best first."""
    both = zip(columns.tolist(), scores.tolist(), strict=True)
    return [(item, score) for item, score in both if item != own][:count]


def _margin(score: int, others: Sequence[Rival]) -> float | None:
    return (int(score) - others[0][1]) * QUANTUM if others else None


def _named(ids: Sequence[str], others: Sequence[Rival]) -> list[dict[str, Any]]:
    return [{"name": ids[item], "value": score * QUANTUM} for item, score in others]
