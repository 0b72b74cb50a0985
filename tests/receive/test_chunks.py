"""Cutting by content."""

from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artsound.receive import chunks as cutting
from artsound.receive.chunks import LONGEST, SHORTEST, WINDOW, chunks, gear


def random_bytes(size: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def cut(folder: Path, data: bytes) -> list[bytes]:
    (folder / "file").write_bytes(data)
    found = list(chunks(folder / "file"))
    assert [chunk.start for chunk in found] == [0, *np.cumsum([c.size for c in found]).tolist()][:-1]
    return [data[chunk.start : chunk.start + chunk.size] for chunk in found]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 300_000), st.booleans())
def test_chunks_cover_a_file_within_their_limits(tmp_path: Path, size: int, flat: bool) -> None:
    data = bytes(size) if flat else random_bytes(size)
    found = cut(tmp_path, data)
    assert b"".join(found) == data
    assert all(SHORTEST <= len(chunk) <= LONGEST for chunk in found[:-1])
    assert not found or len(found[-1]) <= LONGEST


def test_an_edit_changes_few_chunks_and_an_insertion_shifts_none(tmp_path: Path) -> None:
    data = random_bytes(1_000_000)
    before = cut(tmp_path, data)
    for changed in (data[:500_000] + b"edit" + data[500_000:], data[:500_000] + b"x" + data[500_001:]):
        assert len(set(cut(tmp_path, changed)) - set(before)) <= 3


def test_cuts_do_not_depend_on_how_much_is_read_at_one_time(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    data = random_bytes(200_000)
    whole = cut(tmp_path, data)
    monkeypatch.setattr(cutting, "SEGMENT", 1_000)
    assert cut(tmp_path, data) == whole


def test_the_hash_is_the_sum_that_it_is_said_to_be() -> None:
    data = np.frombuffer(random_bytes(100), np.uint8)
    at = 77
    terms = (int(cutting._TABLE[data[at - k]]) << k for k in range(WINDOW))
    assert int(gear(data)[at]) == sum(terms) % 2**32
