"""What a new matching changes, after a takedown, an addition or other weights."""

from typing import NamedTuple

import pyarrow as pa


class Changes(NamedTuple):
    """Counts of pairs (artwork, clip)."""

    kept: int
    repaired: int  # both items were there before, in other pairs or none
    new_items: int  # an item was not there before
    lost: int  # pairs of before whose items are both still there, and that are no more
    taken_down: int  # pairs of before of which an item is gone

    def any(self) -> bool:
        """Say whether a pair differs."""
        return self.repaired + self.new_items + self.lost + self.taken_down > 0

    def text(self) -> str:
        """Tell it in a line."""
        return (
            f"{self.kept} pairs kept, {self.lost} given up for {self.repaired} others; "
            f"{self.taken_down} gone with an item, {self.new_items} with a new item"
        )


def changes(before: pa.Table, after: pa.Table) -> Changes:
    """Compare two tables `matching`."""
    old, new = _pairs(before), _pairs(after)
    known, there = _items(before), _items(after)
    return Changes(
        kept=len(old & new),
        repaired=sum(_both(pair, known) for pair in new - old),
        new_items=sum(not _both(pair, known) for pair in new - old),
        lost=sum(_both(pair, there) for pair in old - new),
        taken_down=sum(not _both(pair, there) for pair in old - new),
    )


def _pairs(matching: pa.Table) -> set[tuple[str, str]]:
    return {
        (row["item_id"], clip)
        for row in matching.to_pylist()
        if row["side"] == "art"
        for clip in row["partners"]
    }


def _items(matching: pa.Table) -> set[tuple[str, str]]:
    return set(zip(matching["side"].to_pylist(), matching["item_id"].to_pylist(), strict=True))


def _both(pair: tuple[str, str], items: set[tuple[str, str]]) -> bool:
    return ("art", pair[0]) in items and ("music", pair[1]) in items
