"""Equal bytes and near-equal looks."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artsound.catalog.duplicates import find_duplicates, near_pairs
from tests.rows import artworks, clips


def clusters(near_bits: int, *given: tuple[str, str, int]) -> set[tuple[str, str, tuple[str, ...], str]]:
    art = artworks(*({"artwork_id": i, "sha256": sha, "phash": f"{looks:016x}"} for i, sha, looks in given))
    rows = find_duplicates(art, clips(), near_bits=near_bits).rows.to_pylist()
    keys = {(row["side"], row["kind"], row["cluster_id"]) for row in rows}
    return {
        (
            *key,
            "".join(row["item_id"] for row in rows if (row["side"], row["kind"], row["cluster_id"]) == key),
        )
        for key in keys
    }


def test_equal_bytes_are_exact_and_not_near() -> None:
    assert clusters(4, ("a", "1", 0), ("b", "1", 0), ("c", "2", 2**64 - 1)) == {("art", "exact", "a", "ab")}


def test_a_near_cluster_holds_one_copy_of_each_content() -> None:
    found = clusters(1, ("a", "1", 0), ("b", "1", 0), ("c", "2", 1))
    assert found == {("art", "exact", "a", "ab"), ("art", "near", "a", "ac")}


def test_near_clusters_are_chains() -> None:
    assert clusters(1, ("a", "1", 0b00), ("b", "2", 0b01), ("c", "3", 0b11)) == {("art", "near", "a", "abc")}


def test_the_first_of_equal_items_is_the_keeper_and_near_ones_all_are() -> None:
    art = artworks(*({"artwork_id": i, "sha256": s, "phash": "0" * 16} for i, s in ("a1", "b1", "c2")))
    rows = find_duplicates(art, clips(), near_bits=0).rows.to_pylist()
    assert [(row["item_id"], row["kind"], row["keeper"]) for row in rows] == [
        ("a", "exact", True),
        ("b", "exact", False),
        ("a", "near", True),
        ("c", "near", True),
    ]


def test_equal_recordings_are_found_too() -> None:
    music = clips(
        {"clip_id": "2", "sha256": "x"}, {"clip_id": "1", "sha256": "x"}, {"clip_id": "3", "sha256": "y"}
    )
    rows = find_duplicates(artworks(), music, near_bits=4).rows.to_pylist()
    assert [(row["side"], row["item_id"], row["cluster_id"]) for row in rows] == [
        ("music", "1", "1"),
        ("music", "2", "1"),
    ]


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 40), unique=True, max_size=40), st.integers(0, 20))
def test_banding_finds_what_comparing_all_with_all_finds(hashes: list[int], bits: int) -> None:
    left, right = near_pairs(np.array(hashes, dtype=np.uint64), bits)
    expected = {
        (i, j) for i, j in combinations(range(len(hashes)), 2) if (hashes[i] ^ hashes[j]).bit_count() <= bits
    }
    assert set(zip(left.tolist(), right.tolist(), strict=True)) == expected


@pytest.mark.parametrize("bits", [0, 4])
def test_all_artworks_of_artgraph_are_compared(bits: int) -> None:
    rng = np.random.default_rng(1)
    hashes = np.unique(rng.integers(0, 2**64, 116_475, dtype=np.uint64))
    near = hashes[:100] ^ np.uint64(0b1011 << 20)
    left, _ = near_pairs(np.unique(np.concatenate([hashes, near])), bits)
    assert len(left) == (100 if bits else 0)
