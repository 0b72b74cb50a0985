"""Memory that is free is given back to the system; allocators would keep it for the next need."""

import pyarrow as pa


def give_back() -> None:
    """Return what Arrow and the C library hold unused. It takes milliseconds: not for each small thing."""
    pa.default_memory_pool().release_unused()
    pa.system_memory_pool().release_unused()  # of malloc: Python's objects and numpy's arrays
