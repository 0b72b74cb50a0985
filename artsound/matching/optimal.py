"""Provably optimal matching of two sides of any size, from exact searches and a sparse solver.

1. *Start prices* guess what each column will cost (`prices.start_prices`).
2. One exact pass over all pairs finds each row's best columns at these prices, or at those of an earlier
   matching: the candidate graph.
3. The graph is solved exactly in whole numbers (`assign`), and of all its optimal prices those nearest to
   the guess are taken (`prices.nearest`).
4. Another exact pass prices *all* pairs: the rows' best s_ij − v_j bound every matching (weak duality). Pairs
   that beat their row's price, or nearly do, become edges, and step 3 follows, until the bound is as near
   as asked for.

Column generation for the assignment problem; its parts are Bertsekas (1988) for the auction, Kuhn (1955)
for the duality, Genevay et al. (2016) for the start. Small problems take all pairs as edges at once and
need no pass.

The score of a pair is a whole number of quanta. Below the quantum a hash of the two items is added,
so small that all of them together stay under one quantum: the optimum is unique and hangs on no order.

So are the prices, once no pair is violated. Optimal prices form a lattice; more edges leave a part of it.
Let w be the guess, P the prices nearest to it on a graph, M the greatest on all pairs. P is optimal on all
pairs, so P ≤ M, and P ≥ min(w, the greatest on the graph) ≥ min(w, M). The prices nearest to w on all pairs
are the least that lie above min(w, M): thus P is them, whichever edges the graph has. An earlier matching,
another engine or other candidates change how many passes it takes, and no byte of what comes out.
"""

import hashlib
import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from artsound.errors import MatchingError
from artsound.matching import prices, search
from artsound.matching.assign import assign
from artsound.matching.compiled import compiled
from artsound.matching.policy import Policy, art_bids
from artsound.matching.scores import QUANTUM, Fused, quantise
from artsound.matching.settle import OUT, Graph, Places, in_groups, no_groups

LOG = logging.getLogger("artsound")
TIE_BITS = 12
DENSE_PAIRS = 1 << 21  # up to so many pairs, all of them are edges
MARGIN = 0.15  # pairs so near to their row's price become edges too; in spreads of the scores
EPSILON = 1e-5  # of the auction, same unit
CANDIDATES = 32  # columns a row in the first graph
LARGEST = 1 << 61  # value of a pair or of the floor; with prices on top it still fits into 64 bits
PASSES = 12  # exact passes at most; the certificate says what was reached
NEAR = 64  # new edges a row and pass, at most


class Rules(NamedTuple):
    """A policy as it applies to one split: items by position."""

    policy: Policy
    floor: float  # what a bidder counts when it is left out
    forbidden: Sequence[tuple[int, int]] = ()  # artwork, clip
    artist: Int32[np.ndarray, "artwork"] | None = None  # group of each artwork


class Round(NamedTuple):
    """What one exact pass proved."""

    edges: int
    primal: float
    bound: float
    violated: int  # bidders with a better column outside the graph


class Solution(NamedTuple):
    """Pairs by position, prices of both sides in units of the score, and how the bound came down."""

    pairs: Int64[np.ndarray, "pair 2"]
    art_price: Float64[np.ndarray, "artwork"]
    music_price: Float64[np.ndarray, "clip"]
    rounds: Sequence[Round]


class _Sides(NamedTuple):
    """The problem with the bidding side first. Each row of the graph is one of a bidder's `copies` places.

    Bidders are searched, scored and priced once, whatever they have places for: all copies do alike.
    """

    bidders: Float32[np.ndarray, "bidder dim"]
    columns: Float32[np.ndarray, "column dim"]
    copies: int
    bidder_hash: Int64[np.ndarray, "bidder"]
    column_hash: Int64[np.ndarray, "column"]
    forbidden: Int64[np.ndarray, "pair"]  # bidder · columns + column, ascending
    offset: float
    places: Places
    scale: int  # values are quanta · scale + hash
    floor: int  # a value
    spread: float  # of the scores


def solve(
    fused: Fused,
    rules: Rules,
    start: Float64[np.ndarray, "column"] | None = None,
    engine: search.Engine = search.best,
) -> Solution:
    """Find the matching of the largest sum of scores under the rules.

    Args:
        fused: both sides, neither empty.
        rules: what is allowed.
        start: prices of the side that is bid for, from an earlier matching; saves passes, and changes nothing
            of a matching that is solved to the end (no violated pair left).
        engine: of the exact passes; as little depends on it.

    Raises:
        MatchingError: weights or a floor so large that the scores do not fit.
    """
    art_first = art_bids(len(fused.art), len(fused.music), rules.policy)
    copies = rules.policy.clips_per_artwork if art_first else rules.policy.artworks_per_clip
    sides = _sides(fused, rules, art_first, copies)
    own, bidder_price, column_price, rounds = _solve(sides, rules, start, engine)
    taken = np.flatnonzero(own != OUT)
    pairs = np.stack([taken // copies, own[taken]], axis=1).astype(np.int64)
    if not art_first:
        pairs = pairs[:, ::-1]
    unit = QUANTUM / sides.scale
    both = bidder_price * unit, column_price * unit
    art, music = both if art_first else both[::-1]
    return Solution(pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))], art, music, rounds)


def _sides(fused: Fused, rules: Rules, art_first: bool, copies: int) -> _Sides:
    ids = hashes("art", fused.art_ids), hashes("music", fused.music_ids)
    vectors, forbidden = (fused.art, fused.music), np.array(rules.forbidden, np.int64).reshape(-1, 2)
    first, second = (0, 1) if art_first else (1, 0)
    bidders, columns = vectors[first], vectors[second]
    capacity = rules.policy.artworks_per_clip if art_first else rules.policy.clips_per_artwork
    if rules.artist is not None:
        places = in_groups(rules.artist, capacity, rules.policy.pairs_per_artist)
    else:
        places = no_groups(len(columns), capacity)
    scale = 1 << (TIE_BITS + (len(bidders) * copies).bit_length())
    _check_size(fused, rules.floor, LARGEST / scale * QUANTUM)
    return _Sides(
        bidders=bidders,
        columns=columns,
        copies=copies,
        bidder_hash=ids[first],
        column_hash=ids[second],
        forbidden=np.unique(forbidden[:, first] * len(columns) + forbidden[:, second]),
        offset=fused.offset,
        places=places,
        scale=scale,
        floor=int(quantise(rules.floor)) * scale,
        spread=_spread(bidders, columns),
    )


def _check_size(fused: Fused, floor: float, room: float) -> None:
    """Refuse scores that would not fit.

    Raises:
        MatchingError: a score may be larger than `room`, or the floor is.
    """
    longest = [np.sqrt(np.einsum("ij,ij->i", side, side).max()) for side in (fused.art, fused.music)]
    most = max(float(longest[0]) * float(longest[1]) + abs(fused.offset), abs(floor))
    if not most <= room:
        raise MatchingError(
            f"scores of up to {most:.3g} are more than {room:.3g}, which is what whole quanta hold here: "
            "lower min_score or all weights of [matching]"
        )


def hashes(side: str, ids: Sequence[str]) -> Int64[np.ndarray, "item"]:
    """Hash items by side and id."""
    digests = (hashlib.sha256(f"{side}\n{item}".encode()).digest()[:8] for item in ids)
    return np.frombuffer(b"".join(digests), np.int64)


def _spread(bidders: Float32[np.ndarray, "bidder dim"], columns: Float32[np.ndarray, "column dim"]) -> float:
    """Measure the standard deviation of the scores on an even sample; 1 where all are equal."""
    left, right = (side[:: max(1, len(side) // 500)].astype(np.float64) for side in (bidders, columns))
    spread = float((left @ right.T).std())
    return spread if spread > QUANTUM else 1.0


_Solved = tuple[
    Int32[np.ndarray, "row"], Int64[np.ndarray, "bidder"], Int64[np.ndarray, "column"], Sequence[Round]
]


def _solve(
    sides: _Sides, rules: Rules, start: Float64[np.ndarray, "column"] | None, engine: search.Engine
) -> _Solved:
    count = len(sides.bidders) * len(sides.columns)
    if count * sides.copies <= DENSE_PAIRS:
        keys = np.setdiff1d(np.arange(count), sides.forbidden, assume_unique=True)
        graph = _graph(sides, keys, values(sides, keys))
        own, price = assign(graph, sides.places, sides.floor, _epsilon(sides), sides.copies)
        return own, _bidder_prices(sides, graph, price), price, ()
    return _in_rounds(sides, rules, start, engine)


def _guess(sides: _Sides) -> Float32[np.ndarray, "column"]:
    order = np.argsort(sides.bidder_hash, kind="stable")
    capacity = sides.places.capacity / sides.copies
    return prices.start_prices(sides.bidders, sides.columns, order, capacity=capacity, spread=sides.spread)


def _epsilon(sides: _Sides) -> int:
    return max(1, int(EPSILON * sides.spread / QUANTUM)) * sides.scale


def _in_rounds(
    sides: _Sides, rules: Rules, start: Float64[np.ndarray, "column"] | None, engine: search.Engine
) -> _Solved:
    guess, k = _guess(sides), min(CANDIDATES + sides.copies - 1, len(sides.columns))
    first = guess if start is None else start.astype(np.float32)
    keys = _keys(sides, engine(sides.bidders, sides.columns, k, prices=first))
    worth = values(sides, keys)
    wish = np.rint(guess.astype(np.float64) * sides.scale / QUANTUM).astype(np.int64)
    rounds: list[Round] = []
    while True:
        graph = _graph(sides, keys, worth)
        own, _ = assign(graph, sides.places, sides.floor, _epsilon(sides), sides.copies)
        price = prices.nearest(graph, sides.places, sides.floor, own, wish)
        known = _bidder_prices(sides, graph, price)
        fresh = np.setdiff1d(_priced(sides, known, price, engine), keys, assume_unique=True)
        new = values(sides, fresh)
        best = known.copy()
        np.maximum.at(best, fresh // len(sides.columns), new - price[fresh % len(sides.columns)])
        made = _round(sides, graph, own, (known, best), price)
        rounds.append(made)
        _log(made, len(rounds))
        if not made.violated or _gap(made) <= rules.policy.gap or len(rounds) + 1 >= PASSES:
            return own, best, price, rounds
        keys, worth = _merged(keys, worth, fresh, new)


def _priced(
    sides: _Sides,
    known: Int64[np.ndarray, "bidder"],
    price: Int64[np.ndarray, "column"],
    engine: search.Engine,
) -> Int64[np.ndarray, "edge"]:
    """Search all pairs for those that beat their bidder's price, or nearly do."""
    unit = QUANTUM / sides.scale
    above = (known * unit - sides.offset - MARGIN * sides.spread).astype(np.float32)
    width = min(NEAR + sides.copies - 1 + _most_forbidden(sides), len(sides.columns))
    return _keys(
        sides,
        engine(sides.bidders, sides.columns, width, prices=(price * unit).astype(np.float32), above=above),
    )


def _most_forbidden(sides: _Sides) -> int:
    bidders = sides.forbidden // len(sides.columns)
    return int(np.bincount(bidders).max()) if len(bidders) else 0


def _round(
    sides: _Sides,
    graph: Graph,
    own: Int32[np.ndarray, "row"],
    bids: tuple[Int64[np.ndarray, "bidder"], Int64[np.ndarray, "bidder"]],
    price: Int64[np.ndarray, "column"],
) -> Round:
    """Compare what is reached with what no matching can exceed; bidders' prices in the graph and over all."""
    known, best = bids
    unit = QUANTUM / sides.scale
    rows = np.repeat(np.arange(len(own)), np.diff(graph.starts))
    held = graph.values[graph.columns == own[rows]]
    out = int((own == OUT).sum())
    primal = _total(held) + out * sides.floor
    bound = sides.copies * _total(best) + _paid(sides.places, price)
    return Round(len(graph.columns), primal * unit, bound * unit, int((best > known).sum()))


def _paid(places: Places, price: Int64[np.ndarray, "column"]) -> int:
    """Add up what all places cost; the least price of a limited group is paid once for each it takes."""
    if not places.limit:
        return places.capacity * _total(price)
    least = np.full(len(places.starts) - 1, prices.UNKNOWN)
    np.minimum.at(least, places.group, price)
    toll = np.where(np.diff(places.starts) * places.capacity > places.limit, least, 0)
    return places.capacity * _total(price - toll[places.group]) + places.limit * _total(toll)


def _total(values: Int64[np.ndarray, "item"]) -> int:
    """Add whole numbers that may not fit into 64 bits together."""
    low = values & 0xFFFFFFFF
    return (int((values >> 32).sum()) << 32) + int(low.sum())


def _gap(made: Round) -> float:
    return (made.bound - made.primal) / max(abs(made.primal), QUANTUM)


def _log(made: Round, number: int) -> None:
    LOG.info(
        "matching, pass %d: objective %.6f, at most %.6f, gap %.7f %%, %d edges, %d bidders violated",
        number + 1,
        made.primal,
        made.bound,
        100 * _gap(made),
        made.edges,
        made.violated,
    )


def _keys(sides: _Sides, found: search.Found) -> Int64[np.ndarray, "edge"]:
    """Number the pairs that a search found, ascending, without the forbidden ones."""
    there = found.columns != search.NONE
    bidders = np.nonzero(there)[0]
    keys = np.sort(bidders * len(sides.columns) + found.columns[there])
    return np.setdiff1d(keys, sides.forbidden, assume_unique=True)


def values(sides: _Sides, keys: Int64[np.ndarray, "edge"]) -> Int64[np.ndarray, "edge"]:
    """Give the exact value of pairs: quanta · scale + hash."""
    bidders, columns = keys // len(sides.columns), keys % len(sides.columns)
    made = search.exact(sides.bidders, sides.columns, bidders, columns, sides.offset)
    _break_ties(made, sides.bidder_hash[bidders], sides.column_hash[columns], sides.scale)
    return made


@compiled
def _break_ties(
    scores: Int64[np.ndarray, "pair"],
    left: Int64[np.ndarray, "pair"],
    right: Int64[np.ndarray, "pair"],
    scale: int,
) -> None:
    """Append the hash of a pair (the finaliser of splitmix64) below its score."""
    for pair in range(scores.shape[0]):
        mixed = np.uint64(left[pair] ^ right[pair])
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
        scores[pair] = scores[pair] * scale + np.int64(mixed >> np.uint64(64 - TIE_BITS))


def _graph(sides: _Sides, keys: Int64[np.ndarray, "edge"], worth: Int64[np.ndarray, "edge"]) -> Graph:
    """Lay ascending pairs out by bidders, those of each bidder once for every copy."""
    degree = np.bincount(keys // len(sides.columns), minlength=len(sides.bidders))
    columns = (keys % len(sides.columns)).astype(np.int32)
    if sides.copies > 1:
        first = np.repeat(np.cumsum(degree) - degree, sides.copies)
        degree = np.repeat(degree, sides.copies)
        at = np.arange(degree.sum()) + np.repeat(first - np.cumsum(degree) + degree, degree)
        columns, worth = columns[at], worth[at]
    return Graph(np.concatenate([[0], np.cumsum(degree)]), columns, worth)


def _merged(
    keys: Int64[np.ndarray, "old"],
    worth: Int64[np.ndarray, "old"],
    fresh: Int64[np.ndarray, "new"],
    new: Int64[np.ndarray, "new"],
) -> tuple[Int64[np.ndarray, "edge"], Int64[np.ndarray, "edge"]]:
    both = np.concatenate([keys, fresh])
    order = np.argsort(both, kind="stable")
    return both[order], np.concatenate([worth, new])[order]


def _bidder_prices(
    sides: _Sides, graph: Graph, price: Int64[np.ndarray, "column"]
) -> Int64[np.ndarray, "bidder"]:
    """Give each bidder's price: the best that any of its copies could do at the columns' prices."""
    return _row_prices(graph, sides.floor, price)[:: sides.copies]


@compiled
def _row_prices(graph: Graph, floor: int, price: Int64[np.ndarray, "column"]) -> Int64[np.ndarray, "row"]:
    """Give each row's price: the best it could do at the columns' prices."""
    made = np.full(graph.starts.shape[0] - 1, floor, np.int64)
    for row in range(made.shape[0]):
        for edge in range(graph.starts[row], graph.starts[row + 1]):
            made[row] = max(made[row], graph.values[edge] - price[graph.columns[edge]])
    return made
