"""Splits by group, before matching."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artsound import tables
from artsound.catalog.names import artist_id, printed_name
from artsound.catalog.tracks import clean_tracks
from artsound.errors import Outcome, Reason
from artsound.settings import Settings
from artsound.sources.folder import read_artworks, read_tracks
from artsound.splits import draw, draw_splits, leak_report
from tests.rows import artworks, clips, row, tracks

SHARES = {"train": 0.5, "val": 0.25, "test": 0.25}
Tables = tuple[pa.Table, pa.Table, pa.Table, pa.Table]
PAINTERS = st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abcdefgh?")), max_size=40)
SONGS = st.lists(
    st.tuples(st.sampled_from("abcdef?"), st.sampled_from("ABCDEFG-"), st.integers(0, 9)), max_size=40
)


def world(painted: list[Any], sung: list[Any]) -> Tables:
    """Tables of artworks (content, artist) and of tracks (artist, album, content)."""
    art = [(f"{i:03d}", content, artist) for i, (content, artist) in enumerate(painted)]
    music = [(f"{i:03d}", *song) for i, song in enumerate(sung)]
    duplicate = [
        *clusters("art", [(i, c) for i, c, _ in art]),
        *clusters("music", [(i, c) for i, _, _, c in music]),
    ]
    return (
        artworks(*({"artwork_id": i, "artist_id": artist("art", a, i)} for i, _, a in art)),
        tracks(
            *(
                {
                    "track_id": i,
                    "artist_id": artist("music", a, i),
                    "album_id": None if album == "-" else album,
                }
                for i, a, album, _ in music
            )
        ),
        clips(*({"clip_id": i, "track_id": i} for i, *_ in music)),
        tables.rows_of("duplicates", duplicate),
    )


def artist(side: str, name: str, item: str) -> str:
    return f"{side}:?{item}" if name == "?" else f"{side}:{name}"


def clusters(side: str, contents: list[tuple[str, int]]) -> list[dict[str, Any]]:
    groups: dict[int, list[str]] = defaultdict(list)
    for item, content in contents:
        groups[content].append(item)
    return [
        row("duplicates", side=side, item_id=i, cluster_id=g[0], kind="exact", keeper=i == g[0])
        for content, g in groups.items()
        if len(g) > 1 and content < 4
        for i in g
    ]


def drawn(world_: Tables, salt: str = "s", exact: str = "keep") -> Outcome:
    return draw_splits(*world_, salt=salt, shares=SHARES, exact_duplicates=exact)


def split_of(outcome: Outcome) -> dict[tuple[str, str], str]:
    return {(r["side"], r["item_id"]): r["split"] for r in outcome.rows.to_pylist()}


@given(PAINTERS, SONGS)
def test_nothing_that_ties_items_stands_in_two_splits(painted: list[Any], sung: list[Any]) -> None:
    art, music, clip, duplicate = world(painted, sung)
    outcome = drawn((art, music, clip, duplicate))
    report = leak_report(outcome.rows, art, music, duplicate)
    assert all(count == 0 for side in report["sides"].values() for count in side["divided"].values())
    assert len(outcome.rows) == len(painted) + len(sung)
    tables.conform("splits", outcome.rows)


@given(PAINTERS, SONGS, st.randoms())
def test_the_order_of_rows_does_not_matter(painted: list[Any], sung: list[Any], random: Any) -> None:
    given_ = world(painted, sung)
    shuffled = [t.take(pa.array(random.sample(range(len(t)), len(t)), pa.int64())) for t in given_]
    assert drawn(given_).rows.equals(drawn((shuffled[0], shuffled[1], shuffled[2], shuffled[3])).rows)


@given(PAINTERS, SONGS, PAINTERS, SONGS)
def test_additions_move_no_group_that_they_do_not_join_to_another(
    painted: list[Any], sung: list[Any], more_painted: list[Any], more_sung: list[Any]
) -> None:
    before = drawn(world(painted, sung)).rows.to_pylist()
    after = drawn(world(painted + more_painted, sung + more_sung)).rows.to_pylist()
    then = {(r["side"], r["item_id"]): r for r in before}
    joined = defaultdict(set)
    for r in after:
        if old := then.get((r["side"], r["item_id"])):
            joined[r["group_id"]].add((old["group_id"], old["split"]))
    fresh = {r["group_id"] for r in after} - {r["group_id"] for r in before}
    for r in after:
        if len(joined[r["group_id"]]) == 1 and r["group_id"] not in fresh:
            assert {split for _, split in joined[r["group_id"]]} == {r["split"]}


def test_more_works_of_the_same_artists_change_nothing() -> None:
    few, many = world([(9, a) for a in "abcdefgh"], []), world([(9, a) for a in "abcdefgh" * 3], [])
    assert split_of(drawn(few)).items() <= split_of(drawn(many)).items()


def test_unknown_artists_are_each_a_group_of_their_own() -> None:
    outcome = drawn(world([(9, "?")] * 50, []))
    assert len(set(outcome.rows["group_id"].to_pylist())) == 50


def test_an_album_ties_its_artists() -> None:
    outcome = drawn(world([], [("a", "A", 9), ("b", "A", 9), ("b", "B", 9), ("c", "C", 9)]))
    assert outcome.rows["group_id"].to_pylist() == ["music:a", "music:a", "music:a", "music:c"]


def test_surplus_copies_are_refused_only_when_asked() -> None:
    given_ = world([(1, "a"), (1, "b"), (9, "c")], [])
    outcome = drawn(given_, exact="refuse")
    assert [(r.item_id, r.reason, r.detail) for r in outcome.rejects] == [
        ("001", Reason.DUPLICATE_CONTENT, "same bytes as 000")
    ]
    assert outcome.rows["item_id"].to_pylist() == ["000", "002"]
    assert len(drawn(given_, exact="keep").rows) == 3


def test_a_clip_that_was_refused_has_no_split() -> None:
    art, music, clip, duplicate = world([], [("a", "A", 9), ("b", "B", 9)])
    assert drawn((art, music, clip.slice(1), duplicate)).rows["item_id"].to_pylist() == ["001"]


def test_shares_come_out_about_as_asked_and_another_salt_draws_anew() -> None:
    names = [f"art:{n}" for n in range(4000)]
    one, other = ([draw(name, salt, SHARES) for name in names] for salt in ("one", "other"))
    for split, share in SHARES.items():
        assert one.count(split) / 4000 == pytest.approx(share, abs=0.03)
    assert one != other


def test_the_order_of_shares_does_not_matter_and_a_zero_share_gets_nothing() -> None:
    names = [f"art:{n}" for n in range(200)]
    turned = dict(reversed(SHARES.items()))
    assert [draw(n, "s", SHARES) for n in names] == [draw(n, "s", turned) for n in names]
    assert {draw(n, "s", {"train": 1.0, "val": 0.0}) for n in names} == {"train"}


def test_the_report_tells_what_a_random_split_would_leak_and_where_artworks_are_short() -> None:
    given_ = world([(9, "a")] * 20, [(chr(97 + n), "-", 9) for n in range(6)])
    outcome = drawn(given_)
    report = leak_report(outcome.rows, given_[0], given_[1], given_[3])
    assert json.loads(json.dumps(report)) == report
    assert report["sides"]["art"]["largest_group_share"] == 1.0
    music = report["sides"]["music"]["items"]
    art = report["sides"]["art"]["items"]
    assert report["shortfall"] == {name: max(0, music[name] - art[name]) for name in music}
    assert sum(report["shortfall"].values()) > 0
    spread = world([(9, a) for a in "abcd" * 10], [])
    known = leak_report(drawn(spread).rows, spread[0], spread[1], spread[3])
    assert 0 < known["sides"]["art"]["divided_if_random"]["artists"] <= 4


def test_rows_split_at_random_are_seen_to_leak() -> None:
    given_ = world([(9, a) for a in "abcd" * 10], [])
    splits = [
        row(
            "splits",
            side="art",
            item_id=f"{n:03d}",
            group_id=f"g{n % 4}",
            split=["train", "test"][n % 3 == 0],
        )
        for n in range(40)
    ]
    report = leak_report(tables.rows_of("splits", splits), given_[0], given_[1], given_[3])
    assert report["sides"]["art"]["divided"]["artists"] == 4
    assert report["sides"]["art"]["divided"]["groups"] == 4


def test_the_demo_has_clips_and_enough_artworks_in_every_split() -> None:
    demo = Settings.load(Path("configs/demo.toml"))
    art = read_artworks(demo.artworks).rows.to_pylist()
    music = clean_tracks(read_tracks(demo.tracks).rows).rows
    artists = [artist_id("art", r["artwork_id"], printed_name(r["artist"])) for r in art]
    painted = artworks(
        *({"artwork_id": r["artwork_id"], "artist_id": a} for r, a in zip(art, artists, strict=True))
    )
    sung = clips(*({"clip_id": i, "track_id": i} for i in music["track_id"].to_pylist()))
    none = tables.rows_of("duplicates", [])
    splits = draw_splits(
        painted,
        music,
        sung,
        none,
        salt=demo.splits.salt,
        shares=demo.splits.shares,
        exact_duplicates="refuse",
    )
    report = leak_report(splits.rows, painted, music, none)
    assert set(report["shortfall"].values()) == {0}
    assert all(count > 0 for side in report["sides"].values() for count in side["items"].values())
