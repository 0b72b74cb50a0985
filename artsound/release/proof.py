"""Whether a release's certificate proves its matching: recomputed from pairs and prices, nothing believed.

For prices u of the bidders and v ≥ 0 of what they bid for, with u_i + v_j ≥ s_ij for all pairs, no matching
is worth more than Σ u_i + Σ v_j, each as often as it has places (weak duality; `artsound.matching.check`).
Here the value of the pairs and that bound are summed anew, the inequality is held against every pair whose
score the release tells (its own, and the runners-up beside them), and scores and prices against those told
elsewhere. Of all other pairs only vectors can tell: `artsound match check` in the build's folder.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from artsound.errors import MatchingError
from artsound.matching.policy import Policy, art_bids
from artsound.release.certificate import FORMAT, PAIRS, PRICES, SCHEMAS, STATEMENT
from artsound.release.manifest import CERTIFICATE, ReleaseManifest
from artsound.release.sample import plain

QUANTUM = 1e-6  # scores are whole multiples of it
SLACK = 2 * QUANTUM  # prices carry tie-breaks that together stay under one quantum
GAP_DIGITS = 1e-9
MOST = 20  # problems told; more say nothing new
OTHERS = {"other_clips": "artwork_id", "other_artworks": "clip_id"}  # runners-up → whose they are

Row = dict[str, Any]


@dataclass(frozen=True)
class Split:
    """What a certificate says of one split."""

    claim: Row
    pairs: Sequence[Row]
    price: Mapping[str, Mapping[str, float]]  # side → item → price
    group: Mapping[str, str]  # artwork → group
    policy: Policy

    @property
    def bidders(self) -> str:
        """The side that bids for places of the other."""
        art = art_bids(len(self.price["art"]), len(self.price["music"]), self.policy)
        return "art" if art else "music"

    @property
    def wanted(self) -> str:
        """The side that is bid for."""
        return "music" if self.bidders == "art" else "art"

    def places(self, side: str) -> int:
        """How many partners an item of a side may have."""
        return self.policy.clips_per_artwork if side == "art" else self.policy.artworks_per_clip

    @property
    def floor(self) -> int:
        """What a bidder's empty place counts, in quanta."""
        return round(float(self.claim["floor"]) / QUANTUM)


def certificate_problems(folder: Path, made: ReleaseManifest) -> Iterator[str]:
    """Say where the certificate does not prove what it claims; nothing for a release that has none."""
    present = {record.path for record in made.files if record.role == CERTIFICATE}
    if not present:
        return
    if unlike := present ^ {STATEMENT, *SCHEMAS}:
        yield f"{CERTIFICATE}: not the files of a certificate: {', '.join(sorted(unlike))}"
        return
    try:
        found = read_certificate(folder)
        told = _told(folder, made)
        problems = (
            f"{CERTIFICATE}: {name}: {what}"
            for name, split in found.items()
            for what in (*_pair_problems(split), *_sum_problems(split), *_told_problems(split, told[name]))
        )
        yield from islice(problems, MOST)
        if strange := sorted(set(told) - set(found)):
            yield f"{CERTIFICATE}: says nothing of {', '.join(strange)}"
    except (pa.ArrowException, MatchingError, ValueError, TypeError, KeyError, OSError) as error:
        yield f"{CERTIFICATE}: is damaged: {error!r}"


def read_certificate(folder: Path) -> dict[str, Split]:
    """Read what is claimed, by split.

    Raises:
        ValueError: it is no certificate, or of another version.
    """
    said = json.loads((folder / STATEMENT).read_text(encoding="utf-8"))
    if said["format"] != FORMAT or said["quantum"] != QUANTUM:
        raise ValueError(f"format {said['format']!r}, quantum {said['quantum']}; known is {FORMAT!r}")
    rules = said["rules"]
    policy = Policy(**rules | {"forbidden": tuple((art, clip) for art, clip in rules["forbidden"])})
    pairs, prices = (_rows(folder, path) for path in (PAIRS, PRICES))
    found = {}
    for claim in said["splits"]:
        own = [row for row in prices if row["split"] == claim["split"]]
        by_side = {
            side: {row["item_id"]: row["price"] for row in own if row["side"] == side}
            for side in ("art", "music")
        }
        group = {row["item_id"]: row["group_id"] for row in own if row["side"] == "art"}
        here = [row for row in pairs if row["split"] == claim["split"]]
        found[claim["split"]] = Split(claim, here, by_side, group, policy)
    if len(pairs) != sum(len(one.pairs) for one in found.values()):
        raise ValueError("pairs of a split that is not claimed")
    return found


def _rows(folder: Path, path: str) -> list[Row]:
    table = pq.read_table(folder / path)
    if table.schema.names != SCHEMAS[path].names:
        raise ValueError(f"{path} has the columns {', '.join(table.schema.names)}")
    return list(table.to_pylist())


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
    for side, key in _KEYS.items():
        for item, times in Counter(row[key] for row in split.pairs).items():
            if times > split.places(side):
                yield f"{key} {item}: stands in {times} pairs"
    for group, times in Counter(split.group.get(row["artwork_id"], "") for row in split.pairs).items():
        if split.policy.pairs_per_artist and times > split.policy.pairs_per_artist:
            yield f"artist {group}: stands in {times} pairs"


_KEYS = {"art": "artwork_id", "music": "clip_id"}


def _sum_problems(split: Split) -> Iterator[str]:
    """Sum value and bound anew, and hold them against what is claimed."""
    claim, sizes = split.claim, {side: len(items) for side, items in split.price.items()}
    matched = {side: len({row[key] for row in split.pairs}) for side, key in _KEYS.items()}
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
