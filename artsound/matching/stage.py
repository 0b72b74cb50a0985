"""The stages of matching: calibrate the score, match inside each split, prove it, explain each pair.

All four read `splits` and two tables a term, in the order of the weights: the art side, then the music side.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from artsound import tables
from artsound.errors import MatchingError, Outcome
from artsound.matching import check, scores
from artsound.matching.changes import changes
from artsound.matching.engines import chosen
from artsound.matching.explain import explain
from artsound.matching.history import History
from artsound.matching.optimal import Round, Rules, Solution, solve
from artsound.matching.policy import Policy, art_bids
from artsound.matching.scores import Fused
from artsound.matching.search import Engine
from artsound.matching.terms import Term, read_terms
from artsound.progress import track

LOG = logging.getLogger("artsound")
ANY = Policy()
RULED_OUT = ("below_min_score", "forbidden")  # reasons that a setting can undo


def calibrate(splits: pa.Table, *sides: pa.Table, weights: Mapping[str, float]) -> Outcome:
    """Bring the terms of the score to one scale; rows of `calibration`, in the order of the weights."""
    if not any(weights.values()):
        raise MatchingError("all weights are 0: give at least one term of [matching] a weight")
    return Outcome(scores.calibrate(read_terms(list(weights), sides), weights, splits))


def match_splits(
    calibration: pa.Table,
    splits: pa.Table,
    *sides: pa.Table,
    policy: Policy = ANY,
    previous: pa.Table | None = None,
    engine: str = "blas",
    note: Callable[[History], None] | None = None,
) -> Outcome:
    """Match each split by itself, optimally; rows of `matching` for both sides.

    Args:
        calibration: as made by `calibrate` from the same splits and sides.
        splits: which items are matched with which.
        sides: the art table and the music table of each calibrated term.
        policy: what is allowed.
        previous: an earlier `matching`. Its prices save passes where the policy asks for no gap. A search
            that stops at a gap would stop elsewhere from other prices, so there it starts anew.
        engine: of the exact search; changes no pair and no price.
        note: is told how it went, and how many pairs differ from the earlier matching.

    Raises:
        MatchingError: the tables are not of one another, or the rules cannot be kept, or leave no pair.
    """
    _tell_unknown(policy, splits)
    rows: list[dict[str, Any]] = []
    known = _prices(previous) if previous and policy.gap == 0 else {}
    name, search = chosen(engine)
    rounds: dict[str, Sequence[Round]] = {}
    for split, fused in track(fused_splits(calibration, splits, *sides), "matching splits"):
        rules = rules_of(calibration, splits, fused, policy=policy)
        solution = _solved(split, fused, rules, known, search)
        rounds[split] = solution.rounds
        rows += _matched(split, fused, rules, solution)
    if not any(row["partners"] for row in rows):
        why = ", ".join(sorted({row["reason"] for row in rows}))
        raise MatchingError(
            f"no pair is left in any split ({why}): relax min_score and forbidden in [matching], or change "
            "[splits] so that both sides have items in one"
        )
    made = tables.rows_of("matching", rows)
    told = changes(previous, made) if previous else None
    if told and told.any():
        LOG.info("matching: %s", told.text())
    if note:
        note(History(name, rounds, told))
    return Outcome(made)


def certify(
    matching: pa.Table, calibration: pa.Table, splits: pa.Table, *sides: pa.Table, policy: Policy = ANY
) -> Outcome:
    """Prove each split's matching from vectors, pairs and prices alone; rows of `certificates`.

    Raises:
        MatchingError: it is no matching of these items, or its prices are not of these vectors.
    """
    rows = check.certificates(check.Claim(matching, calibration, splits, sides, policy))
    for row in rows:
        if row["violated"]:
            raise MatchingError(
                f"{row['split']}: {row['violated']} prices are not what vectors and prices allow at best, "
                f"as if of another run: {check.AGAIN}"
            )
    return Outcome(tables.rows_of("certificates", rows))


def explain_pairs(
    matching: pa.Table, calibration: pa.Table, splits: pa.Table, *sides: pa.Table, runners_up: int = 3
) -> Outcome:
    """Say for each pair how it came about; rows of `pairs`, by split and artwork."""
    rows: list[dict[str, Any]] = []
    for split, fused in track(fused_splits(calibration, splits, *sides), "explaining pairs"):
        if _both(fused):
            rows += explain(split, fused, matching.filter(pc.equal(matching["split"], split)), runners_up)
    return Outcome(tables.rows_of("pairs", rows))


def fused_splits(calibration: pa.Table, splits: pa.Table, *sides: pa.Table) -> Iterator[tuple[str, Fused]]:
    """Fuse the vectors of one split after another, items in the order of their ids.

    Raises:
        MatchingError: the tables are not of one another.
    """
    terms: list[Term] = read_terms(calibration["term"].to_pylist(), sides)
    scores.check_calibration(terms, calibration)
    for split in sorted(splits["split"].unique().to_pylist()):
        art, music = (_items(splits, split, side) for side in ("art", "music"))
        yield split, scores.fuse(terms, calibration, art, music)


def _tell_unknown(policy: Policy, splits: pa.Table) -> None:
    """Name forbidden pairs that forbid nothing: an id may be misspelt, or its item gone."""
    there = set(zip(splits["side"].to_pylist(), splits["item_id"].to_pylist(), strict=True))
    unknown = [(a, c) for a, c in policy.forbidden if not {("art", a), ("music", c)} <= there]
    if unknown:
        LOG.warning(
            "matching: %d of %d forbidden pairs name an item that is not here, such as %s with %s",
            len(unknown),
            len(policy.forbidden),
            *unknown[0],
        )


def _items(splits: pa.Table, split: str, side: str) -> list[str]:
    chosen = splits.filter(pc.and_(pc.equal(splits["split"], split), pc.equal(splits["side"], side)))
    return sorted(chosen["item_id"].to_pylist())


def _both(fused: Fused) -> bool:
    return bool(len(fused.art) and len(fused.music))


def rules_of(calibration: pa.Table, splits: pa.Table, fused: Fused, *, policy: Policy) -> Rules:
    """Apply a policy to the items of one split."""
    art = {item: at for at, item in enumerate(fused.art_ids)}
    music = {item: at for at, item in enumerate(fused.music_ids)}
    forbidden = [(art[a], music[c]) for a, c in policy.forbidden if a in art and c in music]
    artist = None
    if policy.pairs_per_artist:
        group = dict(zip(splits["item_id"].to_pylist(), splits["group_id"].to_pylist(), strict=True))
        names = [group[item] for item in fused.art_ids]
        artist = np.unique(names, return_inverse=True)[1].astype(np.int32)
    return Rules(policy, scores.floor(calibration, policy), forbidden, artist)


def _solved(
    split: str, fused: Fused, rules: Rules, known: Mapping[tuple[str, str], float], search: Engine
) -> Solution:
    """Solve a split whose clips all have a place, or may do without.

    Raises:
        MatchingError: there are fewer places at artworks than clips, and the rules allow no clip without.
    """
    places = _art_places(fused, rules)
    if not rules.policy.spare_clips and places < len(fused.music):
        raise MatchingError(
            f"{split}: {len(fused.art)} artworks have {places} places for {len(fused.music)} clips: add "
            "artworks (all of one artist go to one split) or change [splits], or allow it in [matching] with "
            "clips_per_artwork, pairs_per_artist or spare_clips"
        )
    return (
        solve(fused, rules, _start(fused, rules.policy, known), search) if _both(fused) else _nothing(fused)
    )


def _art_places(fused: Fused, rules: Rules) -> int:
    """Count the pairs that the artworks have room for; works of a limited artist share theirs."""
    each = rules.policy.clips_per_artwork
    if rules.artist is None:
        return len(fused.art) * each
    return int(np.minimum(np.bincount(rules.artist) * each, rules.policy.pairs_per_artist).sum())


def _matched(split: str, fused: Fused, rules: Rules, solution: Solution) -> Iterator[dict[str, Any]]:
    partners: dict[tuple[str, str], list[str]] = {}
    for i, j in solution.pairs.tolist():
        partners.setdefault(("art", fused.art_ids[i]), []).append(fused.music_ids[j])
        partners.setdefault(("music", fused.music_ids[j]), []).append(fused.art_ids[i])
    smaller = "art" if _art_places(fused, rules) <= _clip_places(fused, rules) else "music"
    for side, ids, prices in (
        ("art", fused.art_ids, solution.art_price),
        ("music", fused.music_ids, solution.music_price),
    ):
        reasons = _reasons(fused, rules, solution, side)
        for item, price, why in zip(ids, prices.tolist(), reasons, strict=True):
            found = sorted(partners.get((side, item), []))
            if rules.policy.complete and side == smaller and not found and why in RULED_OUT:
                raise MatchingError(f"{split}: {side} {item} cannot be matched ({why}): relax [matching]")
            yield {
                "side": side,
                "item_id": item,
                "split": split,
                "partners": found,
                "reason": None if found else why,
                "price": price,
            }


def _prices(matching: pa.Table) -> dict[tuple[str, str], float]:
    return {(row["side"], row["item_id"]): row["price"] for row in matching.to_pylist()}


def _start(
    fused: Fused, policy: Policy, known: Mapping[tuple[str, str], float]
) -> "np.ndarray[Any, np.dtype[np.float64]] | None":
    """Recall what the side that is bid for cost before; None when nothing of it is known."""
    bid_for = (
        ("music", fused.music_ids)
        if art_bids(len(fused.art), len(fused.music), policy)
        else ("art", fused.art_ids)
    )
    prices = np.array([known.get((bid_for[0], item), np.nan) for item in bid_for[1]])
    if np.isnan(prices).all():
        return None
    return np.where(np.isnan(prices), np.nanmedian(prices), prices)


def _nothing(fused: Fused) -> Solution:
    art, music = np.zeros(len(fused.art)), np.zeros(len(fused.music))
    return Solution(np.zeros((0, 2), np.int64), art, music, ())


def _reasons(fused: Fused, rules: Rules, solution: Solution, side: str) -> Sequence[str]:
    """Say of each item of a side why it has no partner, if it has none.

    Where the other side has places left, an item without a partner may have none of them: a pair that is
    allowed and worth its while would make the matching better.
    """
    ids = fused.art_ids if side == "art" else fused.music_ids
    if not _both(fused):
        return ["no_counterpart"] * len(ids)
    there = _clip_places(fused, rules) if side == "art" else _art_places(fused, rules)
    ruled_out = RULED_OUT[0 if rules.policy.min_score is not None else 1]
    why = "outnumbered" if len(solution.pairs) == there else ruled_out
    if side == "music" or rules.artist is None:
        return [why] * len(ids)
    filled = np.bincount(rules.artist[solution.pairs[:, 0]], minlength=rules.artist.max() + 1)
    full = filled[rules.artist] >= rules.policy.pairs_per_artist
    return ["artist_limit" if one else why for one in full.tolist()]


def _clip_places(fused: Fused, rules: Rules) -> int:
    return len(fused.music) * rules.policy.artworks_per_clip
