"""What a release's certificate claims: its rules, pairs, prices and sums, split by split."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from artsound.matching.check import art_bids
from artsound.matching.policy import Policy
from artsound.release.certificate import FORMAT, PAIRS, PRICES, SCHEMAS, STATEMENT

QUANTUM = 1e-6  # scores are whole multiples of it
SLACK = 2 * QUANTUM  # prices carry tie-breaks that together stay under one quantum
KEYS = {"art": "artwork_id", "music": "clip_id"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Split:
    """What a certificate says of one split."""

    claim: Row
    pairs: Sequence[Row]
    price: Mapping[str, Mapping[str, float]]  # side → item → price
    group: Mapping[str, str]  # artwork → group
    policy: Policy
    calibration: Sequence[Row]

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
        found[claim["split"]] = Split(claim, here, by_side, group, policy, said["calibration"])
    if len(pairs) != sum(len(one.pairs) for one in found.values()):
        raise ValueError("pairs of a split that is not claimed")
    return found


def _rows(folder: Path, path: str) -> list[Row]:
    table = pq.read_table(folder / path)
    if table.schema.names != SCHEMAS[path].names:
        raise ValueError(f"{path} has the columns {', '.join(table.schema.names)}")
    return list(table.to_pylist())
