"""The proof of a matching, from vectors, pairs and prices alone. Shares no code with the solver.

Weak duality (Kuhn 1955; Bertsekas 1998, *Network Optimization*, ch. 7). One side bids for the places of the
other; a bidder that is left out counts `floor`. For any prices p ≥ 0 of the places, no matching exceeds
Σ_i max(floor, max_j (s_ij − p_j)) + Σ_j p_j, each item as often as it has places. With at most m pairs an
artist, the least price of an artist's works is paid m times instead of once a work. The maximum runs over
all pairs of a split that are not forbidden, not over a solver's candidates.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Float64, Int64

from artsound.errors import MatchingError
from artsound.matching.policy import Policy
from artsound.progress import track

QUANTUM = 1e-6  # scores are whole multiples of it
ROWS, COLUMNS = 512, 8192  # of a block
AGAIN = "match again (delete tables/matching.json in the store, then build)"

Item = tuple[str, str]  # side, id


class Claim(NamedTuple):
    """A matching, and all that is needed to judge it."""

    matching: pa.Table
    calibration: pa.Table
    splits: pa.Table
    sides: Sequence[pa.Table]
    policy: Policy


class Problem(NamedTuple):
    """One split, the bidders first; items by position."""

    bidders: Float32[np.ndarray, "bidder dim"]
    wanted: Float32[np.ndarray, "wanted dim"]
    pairs: Sequence[tuple[int, int]]
    price: Float64[np.ndarray, "wanted"]
    bid: Float64[np.ndarray, "bidder"]  # stored price of each bidder
    banned: Sequence[tuple[int, int]]
    artist: Sequence[str]  # of the wanted; empty without a limit
    places: tuple[int, int]  # of a bidder, of a wanted item
    offset: float
    floor: float


class Proved(NamedTuple):
    """What follows of a problem from nothing but itself."""

    primal: float
    bound: float
    gap: float
    violated: int  # bidders whose own price does not follow from the others'


def prove(problem: Problem, policy: Policy) -> Proved:
    """Sum what the pairs are worth, and bound what any pairs could be.

    Raises:
        MatchingError: a price is below 0 or no number.
    """
    empty = len(problem.bidders) * problem.places[0] - len(problem.pairs)
    primal = (int(pair_quanta(problem).sum()) + empty * round(problem.floor / QUANTUM)) * QUANTUM
    bound, violated = _bound(problem, policy)
    return Proved(primal, bound, (bound - primal) / max(abs(primal), QUANTUM), violated)


def art_bids(artworks: int, clips: int, policy: Policy) -> bool:
    """Say whether the artworks are the bidders: they are while clips have places for all of them.

    Where artists are limited the clips are, whatever there is of either.
    """
    if policy.pairs_per_artist:
        return False
    return clips * policy.artworks_per_clip >= artworks * policy.clips_per_artwork


def floor_of(calibration: pa.Table, policy: Policy) -> float:
    """Return what a bidder counts that is left out.

    Without a least score it is less than any pair scores; with forbidden pairs, by ten times the range of the
    scores, so that one is left out only where all else would lose more.
    """
    if policy.min_score is not None:
        return policy.min_score
    rows = calibration.to_pylist()
    least = sum(r["weight"] * (-1 - r["mean"]) / r["spread"] for r in rows)
    span = sum(2 * r["weight"] / r["spread"] for r in rows)
    return float(least - (10 * span if policy.forbidden else 1))


def certificates(claim: Claim) -> list[dict[str, Any]]:
    """Recompute primal value, bound and gap of every split; rows of `certificates`.

    Raises:
        MatchingError: the matching is not one of these items: unknown or missing items, an item used too
            often, pairs that are not mutual or forbidden, an artist in more pairs than the limit, a negative
            price, a partner in another split.
    """
    found = {(row["side"], row["item_id"]): row for row in claim.matching.to_pylist()}
    listed = {(row["side"], row["item_id"]): row["split"] for row in claim.splits.to_pylist()}
    if unlike := set(found) ^ set(listed):
        raise MatchingError(
            f"matching and splits differ in {len(unlike)} items, such as {' '.join(min(unlike))}: {AGAIN}"
        )
    _check_pairs(found, listed, claim.policy)
    if claim.policy.pairs_per_artist:
        _check_artists(found, claim)
    names = sorted(set(listed.values()))
    return [_certificate(name, found, claim) for name in track(names, "certifying splits")]


def _check_pairs(found: Mapping[Item, Any], listed: Mapping[Item, str], policy: Policy) -> None:
    allowed = {"art": policy.clips_per_artwork, "music": policy.artworks_per_clip}
    banned = set(policy.forbidden)
    for (side, item), row in found.items():
        if row["split"] != listed[side, item]:
            raise MatchingError(f"{side} {item}: matched in {row['split']}, listed in {listed[side, item]}")
        if len(row["partners"]) > allowed[side] or len(set(row["partners"])) < len(row["partners"]):
            raise MatchingError(
                f"{side} {item}: has {len(row['partners'])} partners, {allowed[side]} allowed"
            )
    for (side, item), row in found.items():
        other = "music" if side == "art" else "art"
        for partner in row["partners"]:
            back = found.get((other, partner))
            if back is None or item not in back["partners"] or back["split"] != row["split"]:
                raise MatchingError(f"{side} {item}: {partner} is not its partner in turn")
            if (item, partner) in banned and side == "art":
                raise MatchingError(f"art {item}: its pair with {partner} is forbidden")


def _check_artists(found: Mapping[Item, Any], claim: Claim) -> None:
    ids, groups = (claim.splits[name].to_pylist() for name in ("item_id", "group_id"))
    artist = dict(zip(zip(claim.splits["side"].to_pylist(), ids, strict=True), groups, strict=True))
    pairs: Counter[tuple[str, str]] = Counter()
    for (side, item), row in found.items():
        if side == "art":
            pairs[row["split"], artist[side, item]] += len(row["partners"])
    for (split, name), count in pairs.items():
        if count > claim.policy.pairs_per_artist:
            most = claim.policy.pairs_per_artist
            raise MatchingError(f"{split}: artist {name} has {count} pairs, {most} allowed")


def _certificate(split: str, found: Mapping[Item, Any], claim: Claim) -> dict[str, Any]:
    members = {
        side: sorted(item for (of, item), row in found.items() if of == side and row["split"] == split)
        for side in ("art", "music")
    }
    alone = {side: sum(not found[side, item]["partners"] for item in ids) for side, ids in members.items()}
    row: dict[str, Any] = {
        "split": split,
        "artworks": len(members["art"]),
        "clips": len(members["music"]),
        "pairs": sum(len(found["art", item]["partners"]) for item in members["art"]),
        "unmatched_artworks": alone["art"],
        "unmatched_clips": alone["music"],
        "floor": floor_of(claim.calibration, claim.policy),
    }
    if not members["art"] or not members["music"]:
        return row | {"primal": 0.0, "bound": 0.0, "gap": 0.0, "violated": 0}
    return row | prove(_problem(members, found, claim), claim.policy)._asdict()


def _problem(members: Mapping[str, Sequence[str]], found: Mapping[Item, Any], claim: Claim) -> Problem:
    policy = claim.policy
    order = (
        ["art", "music"] if art_bids(len(members["art"]), len(members["music"]), policy) else ["music", "art"]
    )
    first, second = order
    at = {side: {item: place for place, item in enumerate(members[side])} for side in order}
    scales = claim.calibration.to_pylist()
    banned = [{"art": a, "music": c} for a, c in policy.forbidden]
    artist = dict(zip(claim.splits["item_id"].to_pylist(), claim.splits["group_id"].to_pylist(), strict=True))
    capacity = {"art": policy.clips_per_artwork, "music": policy.artworks_per_clip}
    return Problem(
        bidders=_vectors(members[first], claim.sides[first == "music" :: 2], scales),
        wanted=_vectors(members[second], claim.sides[second == "music" :: 2], scales),
        pairs=[(at[first][i], at[second][p]) for i in members[first] for p in found[first, i]["partners"]],
        price=np.array([found[second, item]["price"] for item in members[second]]),
        bid=np.array([found[first, item]["price"] for item in members[first]]),
        banned=[
            (at[first][pair[first]], at[second][pair[second]])
            for pair in banned
            if pair[first] in at[first] and pair[second] in at[second]
        ],
        artist=[artist[item] for item in members[second]] if policy.pairs_per_artist else [],
        places=(capacity[first], capacity[second]),
        offset=-sum(r["weight"] * r["mean"] / r["spread"] for r in scales),
        floor=round(floor_of(claim.calibration, policy) / QUANTUM) * QUANTUM,
    )


def _vectors(
    items: Sequence[str], given: Sequence[pa.Table], scales: Sequence[Mapping[str, float]]
) -> Float32[np.ndarray, "item dim"]:
    parts = [
        _plain(items, table) * np.float32((row["weight"] / row["spread"]) ** 0.5)
        for table, row in zip(given, scales, strict=True)
    ]
    return np.hstack(parts)


def _plain(items: Sequence[str], table: pa.Table) -> Float32[np.ndarray, "item dim"]:
    """Read vectors, or make them of valence and arousal: (z, z, 1) at unit length."""
    ids = table[table.column_names[0]].to_pylist()
    at = dict(zip(ids, range(len(ids)), strict=True))
    if absent := [item for item in items if item not in at]:
        raise MatchingError(f"no vector for {absent[0]!r}: build the embeddings again")
    chosen = [at[item] for item in items]
    if "vector" not in table.column_names:
        return _affect(np.array([table["valence"].to_pylist(), table["arousal"].to_pylist()]).T)[chosen]
    width = table["vector"].type.list_size
    flat = table["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat.reshape(-1, width)[chosen], np.float32)


def _affect(values: Float64[np.ndarray, "item two"]) -> Float32[np.ndarray, "item three"]:
    deviation = np.sqrt(((values - values.mean(0)) ** 2).mean(0))
    deviation[deviation == 0] = 1
    three = np.concatenate([(values - values.mean(0)) / deviation, np.ones((len(values), 1))], axis=1)
    return np.asarray(three / np.sqrt((three**2).sum(1))[:, None], np.float32)


def pair_quanta(problem: Problem) -> Int64[np.ndarray, "pair"]:
    """Score the pairs, bidder and wanted, in float64 and whole quanta."""
    at = np.array(problem.pairs, np.int64).reshape(-1, 2)
    made = np.empty(len(at), np.int64)
    for start in range(0, len(at), COLUMNS):
        some = slice(start, start + COLUMNS)
        left, right = problem.bidders[at[some, 0]], problem.wanted[at[some, 1]]
        exact = np.einsum("ij,ij->i", left, right, dtype=np.float64)
        made[some] = np.rint((exact + problem.offset) / QUANTUM)
    return made


def _bound(problem: Problem, policy: Policy) -> tuple[float, int]:
    """Bound every matching by the prices of the wanted; count the bidders whose own price does not follow."""
    if not np.isfinite(problem.price).all() or (problem.price < 0).any():
        raise MatchingError(f"prices below 0 prove nothing: {AGAIN}")
    own, shared = problem.price.copy(), 0.0
    if policy.pairs_per_artist:
        names = np.array(problem.artist)
        for name in np.unique(names):
            works = names == name
            if works.sum() * problem.places[1] > policy.pairs_per_artist:
                least = problem.price[works].min()
                own[works] -= least
                shared += least * policy.pairs_per_artist
    best = np.maximum(problem.floor, np.concatenate(list(_best(problem))))
    bound = problem.places[0] * best.sum() + problem.places[1] * own.sum() + shared
    violated = int((~(np.abs(best - problem.bid) <= 2 * QUANTUM)).sum())
    return float(np.floor(bound / QUANTUM + 1e-3) * QUANTUM), violated  # matchings are worth whole quanta


def _best(problem: Problem) -> Iterator[Float64[np.ndarray, "bidder"]]:
    """Find each bidder's largest s_ij − p_j over all that is not forbidden.

    A float32 product says which few columns can be the largest; those are scored in float64.
    """
    longest = [np.sqrt(np.einsum("ij,ij->i", side, side).max()) for side in (problem.bidders, problem.wanted)]
    slack = np.float32(problem.bidders.shape[1] * 2.0**-22 * longest[0] * longest[1] + QUANTUM)
    price = (problem.price - problem.offset).astype(np.float32)
    banned = np.array(problem.banned, np.int64).reshape(-1, 2)
    starts = range(0, len(problem.bidders), ROWS)
    for start in track(starts, "certificate"):
        rows = problem.bidders[start : start + ROWS]
        best = np.full(len(rows), -np.inf)
        for first in range(0, len(problem.wanted), COLUMNS):
            columns = slice(first, first + COLUMNS)
            value = rows @ problem.wanted[columns].T - price[columns]
            here = banned[
                (banned[:, 0] // ROWS == start // ROWS) & (banned[:, 1] // COLUMNS == first // COLUMNS)
            ]
            value[here[:, 0] - start, here[:, 1] - first] = -np.inf
            near, at = np.nonzero(
                (value >= np.maximum(value.max(1), best - slack)[:, None] - slack) & (value > -np.inf)
            )
            exact = np.einsum("ij,ij->i", rows[near], problem.wanted[first + at], dtype=np.float64)
            quanta = np.rint((exact + problem.offset) / QUANTUM) * QUANTUM - problem.price[first + at]
            np.maximum.at(best, near, quanta)
        yield best
