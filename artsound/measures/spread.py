"""Measure many files at once."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa

from artsound import tables
from artsound.errors import Outcome, Reject
from artsound.media.files import MediaError
from artsound.progress import track

Row = Mapping[str, Any]


def measure_all(name: str, items: pa.Table, work: Callable[[Row], Row], *, key: str, workers: int) -> Outcome:
    """Measure every item in threads, in order; a file that cannot be used becomes a reject.

    Threads suffice: decoding, transforms and networks leave the interpreter lock while they compute.

    Args:
        name: table of the rows that `work` returns.
        items: one row a file.
        work: measures one item.
        key: column that names an item.
        workers: how many threads; changes nothing but the speed.
    """

    def attempt(item: Row) -> Row | Reject:
        try:
            return work(item)
        except MediaError as error:
            return Reject(item[key], error.reason, error.detail)

    with ThreadPoolExecutor(workers) as pool:
        label = name.replace("_", " ")
        done = list(track(pool.map(attempt, items.to_pylist()), label, total=len(items)))
    kept = [made for made in done if not isinstance(made, Reject)]
    return Outcome(tables.rows_of(name, kept), [made for made in done if isinstance(made, Reject)])
