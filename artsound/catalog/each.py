"""Checks items one by one, in threads, in order."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pyarrow as pa

from artsound import tables
from artsound.errors import Outcome, Reject
from artsound.progress import track

Item = Mapping[str, Any]
Result = TypeVar("Result")
Check = Callable[[Item], "dict[str, Any] | Reject"]


def checked(label: str, items: pa.Table, check: Callable[[Item], Result], workers: int) -> list[Result]:
    """Put every item through a check, in threads; the order is kept."""
    with ThreadPoolExecutor(workers) as pool:
        return list(track(pool.map(check, items.to_pylist()), label, len(items)))


def outcome_of(name: str, items: pa.Table, check: Check, workers: int) -> Outcome:
    """Put every item through a check that gives a row of the named table, or a reject; the order is kept."""
    results = checked(name, items, check, workers)
    rows = [result for result in results if not isinstance(result, Reject)]
    return Outcome(tables.rows_of(name, rows), [result for result in results if isinstance(result, Reject)])
