"""Licence tiers of pairs: which terms a pair falls under, and which pairs a release of a tier may hold."""

from typing import Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from artsound.catalog.licences import Tier, tier

Within = Literal["open", "share-alike", "non-commercial", "no-derivatives", "any"]

TIERS: tuple[Tier, ...] = get_args(Tier)  # from free to closed
REDISTRIBUTABLE = TIERS[: TIERS.index("no-derivatives") + 1]


def pair_tier(art_licence: str, music_licence: str) -> Tier:
    """Say under which terms a pair stands: those of its more restricted side.

    Examples:
        >>> pair_tier("CC0-1.0", "CC-BY-NC-4.0")
        'non-commercial'
        >>> pair_tier("LicenseRef-unknown", "CC0-1.0")
        'unknown'
    """
    return max(tier(art_licence), tier(music_licence), key=TIERS.index)


def allowed(tiers: pa.ChunkedArray, within: Within) -> pa.ChunkedArray:
    """Say of each pair's tier whether a release of a tier may hold it; `any` holds all, for no one else."""
    chosen = TIERS if within == "any" else TIERS[: TIERS.index(within) + 1]
    return pc.is_in(tiers, pa.array(chosen, pa.string()))


def cut(rows: pa.Table, within: Within) -> pa.Table:
    """Keep the rows that a release of a tier may hold."""
    return rows.filter(allowed(rows["tier"], within))


def withheld(tiers: dict[str, int]) -> int:
    """Count the pairs whose media may not be passed on."""
    return sum(pairs for name, pairs in tiers.items() if name not in REDISTRIBUTABLE)
