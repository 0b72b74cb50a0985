"""Whether a release's certificate proves its matching: recomputed from pairs and prices, nothing believed.

For prices u of the bidders and v ≥ 0 of what they bid for, with u_i + v_j ≥ s_ij for all pairs, no matching
is worth more than Σ u_i + Σ v_j, each as often as it has places (weak duality; `artsound.matching.check`).
Here the value of the pairs and that bound are summed anew, the inequality is held against every pair whose
score the release tells (its own, and the runners-up beside them), and scores and prices against those told
elsewhere. Of all other pairs only vectors can tell: where the release has them, `dense` does, else
`artsound match check` in the build's folder.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from artsound.errors import MatchingError
from artsound.release.certificate import SCHEMAS, STATEMENT, VECTORS
from artsound.release.claims import KEYS, QUANTUM, SLACK, Row, Split, read_certificate
from artsound.release.dense import dense_problems
from artsound.release.manifest import CERTIFICATE, ReleaseManifest
from artsound.release.sample import plain

GAP_DIGITS = 1e-9
MOST = 20  # problems told; more say nothing new
OTHERS = {"other_clips": "artwork_id", "other_artworks": "clip_id"}  # runners-up → whose they are


class Verdict(NamedTuple):
    """What is wrong with a certificate; and, when nothing is, what it proves, a line a split."""

    problems: list[str]
    proved: list[str]


def examine_certificate(folder: Path, made: ReleaseManifest) -> Verdict:
    """Hold a release's certificate against itself and the release; a release without one claims nothing."""
    present = {record.path for record in made.files if record.role == CERTIFICATE}
    if not present:
        return Verdict([], [])
    dense = set(VECTORS.values()) <= present
    if unlike := present ^ {STATEMENT, *SCHEMAS, *(VECTORS.values() if dense else ())}:
        return Verdict([f"{CERTIFICATE}: not the files of a certificate: {', '.join(sorted(unlike))}"], [])
    try:
        found = read_certificate(folder)
        problems = list(islice(_problems(folder, made, found, dense=dense), MOST))
    except (pa.ArrowException, MatchingError, ValueError, TypeError, KeyError, OSError) as error:
        return Verdict([f"{CERTIFICATE}: is damaged: {error!r}"], [])
    proved = [_proved(name, split, dense=dense) for name, split in found.items() if all(split.price.values())]
    return Verdict(problems, [] if problems else proved)


def _problems(
    folder: Path, made: ReleaseManifest, found: Mapping[str, Split], *, dense: bool
) -> Iterator[str]:
    told = _told(folder, made)
    for name, split in found.items():
        for what in (*_pair_problems(split), *_sum_problems(split), *_told_problems(split, told[name])):
            yield f"{CERTIFICATE}: {name}: {what}"
    if strange := sorted(set(told) - set(found)):
        yield f"{CERTIFICATE}: says nothing of {', '.join(strange)}"
    if dense:
        yield from (f"{CERTIFICATE}: {what}" for what in dense_problems(folder, made, found))


def _proved(name: str, split: Split, *, dense: bool) -> str:
    claim = split.claim
    sizes = f"{claim['artworks']} × {claim['clips']}"
    how = (
        f"the bound recomputed from vectors and prices over all {sizes} pairs"
        if dense
        else f"{len(split.pairs)} pairs and their runners-up held against the prices of {sizes} items; "
        "of all other pairs only a release with vectors can tell"
    )
    return f"{CERTIFICATE}: {name}: {claim['pairs']} pairs, proved gap {100 * claim['gap']:.6f} %; {how}"


def _told(folder: Path, made: ReleaseManifest) -> dict[str, list[Row]]:
    """Read what the table of scores tells of the released pairs, by split."""
    columns = ["pair_id", "artwork_id", "clip_id", "score", "artwork_price", "clip_price", *OTHERS]
    told: dict[str, list[Row]] = {split: [] for split in made.splits}
    for record in made.files:
        if record.role == "scores" and record.split:
            told[record.split] += pq.read_table(folder / record.path, columns=columns).to_pylist()
    return _Empty(told)


class _Empty(dict[str, list[Row]]):
    """A split that the release has no pair of tells nothing."""

    def __missing__(self, _: str) -> list[Row]:
        return []


def _pair_problems(split: Split) -> Iterator[str]:
    """Hold each pair against the rules and the prices of its two items."""
    yield from _place_problems(split)
    art, music = split.price["art"], split.price["music"]
    forbidden = set(split.policy.forbidden)
    for row in split.pairs:
        name, both = row["pair_id"], (row["artwork_id"], row["clip_id"])
        if name != hashlib.sha256("\n".join(both).encode()).hexdigest()[:16]:
            yield f"pair {name}: is not of {' and '.join(both)}"
        elif both[0] not in art or both[1] not in music:
            yield f"pair {name}: an item of it has no price"
        elif both in forbidden:
            yield f"pair {name}: is forbidden"
        elif art[both[0]] + music[both[1]] < row["score"] - SLACK:
            yield f"pair {name}: its score exceeds the prices of its items"


def _place_problems(split: Split) -> Iterator[str]:
    """Name what stands in more pairs than it may."""
    for side, key in KEYS.items():
        for item, times in Counter(row[key] for row in split.pairs).items():
            if times > split.places(side):
                yield f"{key} {item}: stands in {times} pairs"
    for group, times in Counter(split.group.get(row["artwork_id"], "") for row in split.pairs).items():
        if split.policy.pairs_per_artist and times > split.policy.pairs_per_artist:
            yield f"artist {group}: stands in {times} pairs"


def _sum_problems(split: Split) -> Iterator[str]:
    """Sum value and bound anew, and hold them against what is claimed."""
    claim, sizes = split.claim, {side: len(items) for side, items in split.price.items()}
    matched = {side: len({row[key] for row in split.pairs}) for side, key in KEYS.items()}
    counts = {
        "artworks": sizes["art"],
        "clips": sizes["music"],
        "pairs": len(split.pairs),
        "unmatched_artworks": sizes["art"] - matched["art"],
        "unmatched_clips": sizes["music"] - matched["music"],
    }
    for name, count in counts.items():
        if claim[name] != count:
            yield f"claims {claim[name]} {name}, has {count}"
    if problem := _price_problem(split):
        yield problem
        return
    if not all(sizes.values()):
        return
    primal, bound = _primal(split), _bound(split)
    for name, value in (("primal", primal), ("bound", bound)):
        if abs(claim[name] - value) > SLACK:
            yield f"claims a {name} of {claim[name]:.6f}; its pairs and prices give {value:.6f}"
    gap = (claim["bound"] - claim["primal"]) / max(abs(claim["primal"]), QUANTUM)
    if abs(claim["gap"] - gap) > GAP_DIGITS or gap < -GAP_DIGITS:
        yield f"claims a gap of {claim['gap']:.3g}, which is {gap:.3g}"
    if claim["violated"]:
        yield f"{claim['violated']} prices are not what their items could do at best"


def _price_problem(split: Split) -> str | None:
    """Name a price that no proof can be made of: below what an empty place counts, or no number."""
    both = all(split.price.values())
    least = {split.wanted: 0.0, split.bidders: split.floor * QUANTUM - SLACK if both else 0.0}
    for side, prices in split.price.items():
        for item, price in prices.items():
            if not least[side] <= price < float("inf"):
                return f"{side} {item} has the price {price}"
    return None


def _primal(split: Split) -> float:
    empty = len(split.price[split.bidders]) * split.places(split.bidders) - len(split.pairs)
    quanta = sum(round(float(row["score"]) / QUANTUM) for row in split.pairs)
    return (quanta + empty * split.floor) * QUANTUM


def _bound(split: Split) -> float:
    """Add the prices up; the least price of a limited group is paid once for each of its places."""
    paid = split.places(split.bidders) * sum(split.price[split.bidders].values())
    room, most = split.places(split.wanted), split.policy.pairs_per_artist
    groups: dict[str, list[float]] = {}
    for item, price in split.price[split.wanted].items():
        groups.setdefault(split.group.get(item, "") if most else "", []).append(price)
    for prices in groups.values():
        toll = min(prices) if most and len(prices) * room > most else 0.0
        paid += room * sum(price - toll for price in prices) + toll * most
    return float(paid)


def _told_problems(split: Split, told: Sequence[Row]) -> Iterator[str]:
    """Hold the table of scores against the certificate, and its runners-up against the prices."""
    known = {row["pair_id"]: row for row in split.pairs}
    art, music = split.price["art"], split.price["music"]
    forbidden = set(split.policy.forbidden)
    for row in told:
        own = known.get(row["pair_id"])
        if own is None or any(plain(own[name]) != row[name] for name in ("artwork_id", "clip_id", "score")):
            yield f"pair {row['pair_id']}: is not the one of the table of scores"
            continue
        prices = [plain(art.get(row["artwork_id"])), plain(music.get(row["clip_id"]))]
        if prices != [row["artwork_price"], row["clip_price"]]:
            yield f"pair {row['pair_id']}: its prices are not those of the table of scores"
        for artwork, clip, score in _runners_up(row):
            price = art.get(artwork, float("nan")) + music.get(clip, float("nan"))
            if not price >= score - SLACK and (artwork, clip) not in forbidden:
                yield f"artwork {artwork}, clip {clip}: their score exceeds their prices"


def _runners_up(row: Row) -> Iterator[tuple[str, str, float]]:
    for other in row["other_clips"]:
        yield row["artwork_id"], other["name"], other["value"]
    for other in row["other_artworks"]:
        yield other["name"], row["clip_id"], other["value"]
