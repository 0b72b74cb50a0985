"""Checks items one by one, in threads, in order."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa

from artsound import tables
from artsound.errors import Outcome, Reject
from artsound.progress import track

Check = Callable[[Mapping[str, Any]], "dict[str, Any] | Reject"]


def outcome_of(name: str, items: pa.Table, check: Check, workers: int) -> Outcome:
    """Put every item through a check that gives a row of the named table, or a reject; the order is kept."""
    with ThreadPoolExecutor(workers) as pool:
        results = list(track(pool.map(check, items.to_pylist()), name, len(items)))
    rows = [result for result in results if not isinstance(result, Reject)]
    return Outcome(tables.rows_of(name, rows), [result for result in results if isinstance(result, Reject)])
