"""artworks, tracks, clips, duplicates → splits, drawn by group before anything is matched.

Items of one artist, of one album, or of one duplicate cluster form a group: a connected component. A group is
named after its first artist by id, named artists before nameless items, and the hash of that name draws its
split. So new items never move a group, unless they join two; then the joint group goes where one of them was.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from artsound import tables
from artsound.errors import Outcome, Reason, Reject
from artsound.groups import joined


class _Item(NamedTuple):
    """What ties an item to others; `None` ties nothing."""

    item_id: str
    artist: str
    album: str | None
    clusters: tuple[str, ...]

    def marks(self) -> list[tuple[str, str]]:
        """Name all that it shares with the other items of its group."""
        album = [("album", self.album)] if self.album else []
        return [("artist", self.artist), *album, *(("cluster", name) for name in self.clusters)]


def draw_splits(  # noqa: PLR0913  # four tables and what the draw depends on
    artworks: pa.Table,
    tracks: pa.Table,
    clips: pa.Table,
    duplicates: pa.Table,
    *,
    salt: str,
    shares: Mapping[str, float],
    exact_duplicates: str,
) -> Outcome:
    """Give every usable item its group and split.

    Args:
        artworks: rows of `artworks`.
        tracks: rows of `tracks`; tell the artist and album of the clips.
        clips: rows of `clips`.
        duplicates: rows of `duplicates`.
        salt: another salt draws all splits anew.
        shares: split → share of the groups that it expects; they sum to 1.
        exact_duplicates: `refuse` lets one item of each exact cluster go on, `keep` all of them.
    """
    usable = set(clips["clip_id"].to_pylist())
    music = [item for item in _music(tracks, duplicates) if item.item_id in usable]
    copies = _copies(duplicates) if exact_duplicates == "refuse" else {}
    rows, rejects = [], []
    for side, items in (("art", _art(artworks, duplicates)), ("music", music)):
        for item, group in zip(items, _groups(items), strict=True):
            if keeper := copies.get((side, item.item_id)):
                rejects.append(Reject(item.item_id, Reason.DUPLICATE_CONTENT, f"same bytes as {keeper}"))
            else:
                split = draw(group, salt, shares)
                rows.append({"side": side, "item_id": item.item_id, "group_id": group, "split": split})
    rows.sort(key=lambda row: (row["side"], row["item_id"]))
    return Outcome(tables.rows_of("splits", rows), sorted(rejects))


def draw(group: str, salt: str, shares: Mapping[str, float]) -> str:
    """Draw the split of a group; the order in which the shares are written does not matter."""
    digest = hashlib.sha256(f"{salt}/{group}".encode()).digest()
    position = int.from_bytes(digest[:8]) / 2**64
    names = sorted(name for name, share in shares.items() if share > 0)
    below = 0.0
    for name in names:
        below += shares[name]
        if position < below:
            return name
    return names[-1]


def leak_report(
    splits: pa.Table, artworks: pa.Table, tracks: pa.Table, duplicates: pa.Table
) -> dict[str, Any]:
    """Count what stands in two splits, and how the splits came out; JSON values only.

    `divided` must be 0 throughout. `divided_if_random` is what a split by rows would be expected to give, at
    the same shares. `shortfall` says how many clips of a split have no artwork to be matched with.
    """
    of = {(row["side"], row["item_id"]): row for row in splits.to_pylist()}
    names = sorted({row["split"] for row in of.values()})
    sides = {
        "art": _side_report("art", _art(artworks, duplicates), of, names),
        "music": _side_report("music", _music(tracks, duplicates), of, names),
    }
    short = {name: max(0, sides["music"]["items"][name] - sides["art"]["items"][name]) for name in names}
    return {"sides": sides, "shortfall": short}


def _side_report(
    side: str, items: Iterable[_Item], of: Mapping[tuple[str, str], Mapping[str, str]], names: Sequence[str]
) -> dict[str, Any]:
    tied: dict[str, dict[str, Counter[str]]] = {kind: {} for kind in ("group", "artist", "album", "cluster")}
    counts: Counter[str] = Counter()
    for item in items:
        if drawn := of.get((side, item.item_id)):
            counts[drawn["split"]] += 1
            for kind, mark in [*item.marks(), ("group", drawn["group_id"])]:
                tied[kind].setdefault(mark, Counter())[drawn["split"]] += 1
    total = counts.total() or 1
    shares = {name: counts[name] / total for name in names}
    groups = tied["group"].values()
    return {
        "items": {name: counts[name] for name in names},
        "shares": shares,
        "groups": {name: sum(name in group for group in groups) for name in names},
        "largest_group_share": max((group.total() for group in groups), default=0) / total,
        "divided": {f"{kind}s": sum(len(in_) > 1 for in_ in marks.values()) for kind, marks in tied.items()},
        "divided_if_random": {
            f"{kind}s": round(sum(_divided(mark.total(), shares) for mark in marks.values()), 1)
            for kind, marks in tied.items()
        },
    }


def _divided(size: int, shares: Mapping[str, float]) -> float:
    """Return the probability that items drawn one by one do not all come into the same split."""
    return 1 - sum(share**size for share in shares.values())


def _art(artworks: pa.Table, duplicates: pa.Table) -> list[_Item]:
    clusters = _clusters(duplicates, "art")
    ids, artists = (artworks[name].to_pylist() for name in ("artwork_id", "artist_id"))
    return [
        _Item(item, artist, None, clusters.get(item, ())) for item, artist in zip(ids, artists, strict=True)
    ]


def _music(tracks: pa.Table, duplicates: pa.Table) -> list[_Item]:
    clusters = _clusters(duplicates, "music")
    columns = (tracks[name].to_pylist() for name in ("track_id", "artist_id", "album_id"))
    return [
        _Item(item, artist, album, clusters.get(item, ()))
        for item, artist, album in zip(*columns, strict=True)
    ]


def _clusters(duplicates: pa.Table, side: str) -> dict[str, tuple[str, ...]]:
    """Name the clusters of each item; an exact and a near cluster of the same first item are one."""
    found: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for row in duplicates.to_pylist():
        if row["side"] == side:
            found[row["item_id"]] += (row["cluster_id"],)
    return found


def _copies(duplicates: pa.Table) -> dict[tuple[str, str], str]:
    """Map the surplus copies of exact clusters to the item that goes on."""
    exact = [row for row in duplicates.to_pylist() if row["kind"] == "exact"]
    keepers = {(row["side"], row["cluster_id"]): row["item_id"] for row in exact if row["keeper"]}
    return {
        (row["side"], row["item_id"]): keepers[row["side"], row["cluster_id"]]
        for row in exact
        if not row["keeper"]
    }


def _groups(items: Sequence[_Item]) -> Iterator[str]:
    """Name the group of each item after its first artist."""
    labels = joined([item.marks() for item in items]).tolist()
    first: dict[int, str] = {}
    for item, label in zip(items, labels, strict=True):
        first[label] = min(first.get(label, item.artist), item.artist, key=_named_first)
    return (first[label] for label in labels)


def _named_first(artist: str) -> tuple[bool, str]:
    return (":?" in artist, artist)
