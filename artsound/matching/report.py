"""How good a matching is: against chance, by style and genre, against other selectors; hubness.

Chance is a shuffle of the partners inside a split: everybody keeps as many partners, only who belongs to whom
is drawn anew.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int64
from scipy.stats import skew

from artsound import tables
from artsound.errors import MatchingError, Outcome
from artsound.matching import ranks, search
from artsound.matching.candidates import WIDTH, candidates
from artsound.matching.engines import chosen
from artsound.matching.explain import HUB_TOP, positions
from artsound.matching.optimal import Rules, solve
from artsound.matching.scores import QUANTUM, Fused
from artsound.matching.selectors import SELECTORS, UNCORRECTED, top_k
from artsound.matching.stage import fused_splits
from artsound.progress import track

SHUFFLES = 200
INTERVAL = (2.5, 97.5)  # percent
GROUPS = ("style", "genre")  # columns of artworks
BINS = 60  # of a histogram at most; fewer where there are few pairs

Report = dict[str, Any]
RulesOf = Callable[[Fused], Rules]


def quality(
    splits: Iterable[tuple[str, Fused]], matching: pa.Table, artworks: pa.Table, correction: str = "none"
) -> Report:
    """Report on each split that has pairs.

    Args:
        splits: name and fused vectors of each split.
        matching: rows of `matching`.
        artworks: rows of `artworks`, for their style and genre.
        correction: of hubs, for those selectors beside the matching that take one; of `CORRECTIONS`.
    """
    found = matching.to_pylist()
    pairs = [(r["item_id"], clip) for r in found if r["side"] == "art" for clip in r["partners"]]
    price = {(r["side"], r["item_id"]): r["price"] for r in found}
    groups = {
        name: dict(zip(*artworks.select(["artwork_id", name]).to_pydict().values(), strict=True))
        for name in GROUPS
    }
    made: Report = {}
    for split, fused in splits:
        members = set(fused.art_ids)
        here = positions(fused, [pair for pair in pairs if pair[0] in members])
        if len(here):
            made[split] = _split(split, fused, here, price, groups)
            own = {"matching": _chosen(fused, here)}
            made[split]["selectors"] = own | compare(fused, correction)
    return made


def against_chance(
    matching: pa.Table, calibration: pa.Table, splits: pa.Table, *sides: pa.Table, shuffles: int = 40
) -> Outcome:
    """Hold the scores of each split's pairs against shuffles of the same items; rows of `chance`."""
    found = matching.to_pylist()
    pairs = [(r["item_id"], clip) for r in found if r["side"] == "art" for clip in r["partners"]]
    rows = []
    for split, fused in fused_splits(calibration, splits, *sides):
        members = set(fused.art_ids)
        here = positions(fused, [pair for pair in pairs if pair[0] in members])
        if not len(here):
            continue
        scores = _scores(fused, here)
        spread, chance = _spread(scores), _against(scores, _shuffled(split, fused, here, shuffles))
        told = {"split": split, "pairs": len(here), "mean": spread["mean"], "shuffles": shuffles}
        told |= {"worst_decile": spread["worst_decile"], "beaten": chance["beaten_by_shuffles"]}
        low, high = chance["interval"]
        rows.append(told | {"chance_mean": chance["mean"], "chance_low": low, "chance_high": high})
    return Outcome(tables.rows_of("chance", rows))


def _split(
    split: str,
    fused: Fused,
    pairs: Int64[np.ndarray, "pair two"],
    price: Mapping[tuple[str, str], float],
    groups: Mapping[str, Mapping[str, str | None]],
) -> Report:
    scores = _scores(fused, pairs)
    chance = _shuffled(split, fused, pairs)
    after = [
        np.array([price[side, item] for item in ids], np.float32)
        for side, ids in (("art", fused.art_ids), ("music", fused.music_ids))
    ]
    return {
        "pairs": len(pairs),
        "coverage": {
            "artworks": len(np.unique(pairs[:, 0])) / len(fused.art),
            "clips": len(np.unique(pairs[:, 1])) / len(fused.music),
        },
        "score": _spread(scores),
        "chance": _against(scores, chance),
        "hubness": {
            "artworks": {
                "before": _skewness(fused.music, fused.art),
                "after": _skewness(fused.music, fused.art, after[0]),
            },
            "clips": {
                "before": _skewness(fused.art, fused.music),
                "after": _skewness(fused.art, fused.music, after[1]),
            },
        },
        "groups": {
            name: _by_group([of[fused.art_ids[i]] for i in pairs[:, 0]], scores, chance)
            for name, of in groups.items()
        },
        "histogram": _histogram(scores, chance),
        "hub_curve": np.sort(_occurrence(fused.music, fused.art))[::-1][:1000].tolist(),
    }


def _scores(fused: Fused, pairs: Int64[np.ndarray, "pair two"]) -> Float64[np.ndarray, "pair"]:
    return search.exact(fused.art, fused.music, pairs[:, 0], pairs[:, 1], fused.offset) * QUANTUM


def _shuffled(
    split: str, fused: Fused, pairs: Int64[np.ndarray, "pair two"], shuffles: int = SHUFFLES
) -> Float64[np.ndarray, "shuffle pair"]:
    """Score the pairs with their clips shuffled; row by row another shuffle."""
    seed = int.from_bytes(hashlib.sha256(f"shuffle {split}".encode()).digest()[:8])
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(pairs[:, 1]) for _ in range(shuffles)]
    both = (np.stack([pairs[:, 0], clips], axis=1) for clips in drawn)
    return np.stack([_scores(fused, some) for some in track(list(both), "shuffles")])


def _spread(scores: Float64[np.ndarray, "pair"]) -> Report:
    """Describe scores; the worst decile is the mean of the lowest tenth."""
    lowest = np.sort(scores)[: max(1, len(scores) // 10)]
    return {
        "mean": float(scores.mean()),
        "median": float(np.median(scores)),
        "worst_decile": float(lowest.mean()),
        "least": float(scores.min()),
        "greatest": float(scores.max()),
    }


def _against(scores: Float64[np.ndarray, "pair"], chance: Float64[np.ndarray, "shuffle pair"]) -> Report:
    """Compare a mean with the means of shuffles."""
    means = chance.mean(axis=1)
    low, high = np.percentile(means, INTERVAL)
    return {
        "mean": float(means.mean()),
        "interval": [float(low), float(high)],
        "difference": float(scores.mean() - means.mean()),
        "beaten_by_shuffles": float((means >= scores.mean()).mean()),
    }


def _by_group(
    names: Sequence[str | None],
    scores: Float64[np.ndarray, "pair"],
    chance: Float64[np.ndarray, "shuffle pair"],
) -> Report:
    of = np.array([name or "unknown" for name in names])
    return {
        str(name): {"pairs": int((of == name).sum()), "mean": float(scores[of == name].mean())}
        | {"chance": _against(scores[of == name], chance[:, of == name])}
        for name in np.unique(of)
    }


def _occurrence(rows: Any, columns: Any, price: Any = None) -> Int64[np.ndarray, "column"]:
    """Count how often each column is among a row's best, at given prices."""
    k = min(HUB_TOP, len(columns))
    found = (
        ranks.top(rows, columns, k).columns
        if price is None
        else search.best(rows, columns, k, prices=price).columns
    )
    return np.bincount(found.ravel(), minlength=len(columns))


def _skewness(rows: Any, columns: Any, price: Any = None) -> float:
    counts = _occurrence(rows, columns, price)
    return float(skew(counts)) if counts.std() > 0 else 0.0


def compare(fused: Fused, correction: str = "none") -> Report:
    """Let every selector choose on the same vectors, one to one or with reuse, without the rules of a build.

    Raises:
        MatchingError: there is no such correction.
    """
    found = candidates(fused, correction=correction)
    made = {}
    for name, select in SELECTORS.items():
        of_hubs = "none" if name in UNCORRECTED else correction
        made[name] = _chosen(fused, select(fused, found), of_hubs)
    return made


def _chosen(fused: Fused, pairs: Int64[np.ndarray, "pair two"], correction: str = "none") -> Report:
    """Sum up what was chosen, in scores that are not corrected."""
    scores = _scores(fused, pairs)
    return {
        "correction": correction,
        "pairs": len(pairs),
        "artworks_used": len(np.unique(pairs[:, 0])),
        "clips_used": len(np.unique(pairs[:, 1])),
        "total": float(scores.sum()),
        "mean": float(scores.mean()),
        "worst_decile": _spread(scores)["worst_decile"],
    }


def selected(
    splits: Iterable[tuple[str, Fused]], name: str, correction: str = "none", k: int = 1
) -> pa.Table:
    """Let one selector choose in every split; pairs with their scores, not corrected.

    Args:
        splits: name and fused vectors of each split.
        name: of `SELECTORS`.
        correction: of hubs, of `CORRECTIONS`.
        k: artworks a clip, for `top_k` alone; a clip gets all where there are fewer.

    Raises:
        MatchingError: there is no such selector or correction, or it takes one clip for one artwork.
    """
    if name not in SELECTORS:
        raise MatchingError(f"no selector {name!r}; there are: {', '.join(SELECTORS)}")
    if k > 1 and name != "top_k":
        raise MatchingError(f"{name} gives a clip one artwork: only top_k takes --k")
    select = partial(top_k.select, k=k) if name == "top_k" else SELECTORS[name]
    rows = []
    for split, fused in splits:
        if not (len(fused.art) and len(fused.music)):
            continue
        pairs = select(fused, candidates(fused, max(WIDTH, k), correction))
        for (i, j), score in zip(pairs.tolist(), _scores(fused, pairs).tolist(), strict=True):
            rows.append((split, fused.art_ids[i], fused.music_ids[j], score))
    columns = zip(*rows, strict=True) if rows else ((),) * 4
    return pa.table(dict(zip(("split", "artwork_id", "clip_id", "score"), map(list, columns), strict=True)))


def engines(
    splits: Iterable[tuple[str, Fused]], matching: pa.Table, rules: RulesOf, names: Sequence[str]
) -> Report:
    """Solve every split again by each engine, and compare its objective with the stored matching's."""
    found = matching.to_pylist()
    pairs = [(r["item_id"], clip) for r in found if r["side"] == "art" for clip in r["partners"]]
    made: Report = {}
    for split, fused in splits:
        members = set(fused.art_ids)
        here = positions(fused, [pair for pair in pairs if pair[0] in members])
        if len(here):
            made[split] = {name: _by_engine(fused, here, rules(fused), name) for name in names}
    return made


def _by_engine(fused: Fused, stored: Int64[np.ndarray, "pair two"], rules: Rules, name: str) -> Report:
    label, engine = chosen(name)
    pairs = solve(fused, rules, engine=engine).pairs
    objective, before = _scores(fused, pairs).sum(), _scores(fused, stored).sum()
    same = len(set(map(tuple, pairs.tolist())) & set(map(tuple, stored.tolist())))
    return {
        "engine": label,
        "objective": float(objective),
        "difference": float(objective - before),
        "other_pairs": len(pairs) - same,
    }


def _histogram(scores: Float64[np.ndarray, "pair"], chance: Float64[np.ndarray, "shuffle pair"]) -> Report:
    bins = min(BINS, 10 + len(scores) // 10)
    edges = np.linspace(min(scores.min(), chance.min()), max(scores.max(), chance.max()), bins + 1)
    shares = [np.histogram(some, edges)[0] / some.size for some in (scores, chance)]
    return {"edges": edges.tolist(), "pairs": shares[0].tolist(), "chance": shares[1].tolist()}
