"""Memory that is free is given back to the system; allocators would keep it for the next need."""

import ctypes
import os
from contextlib import suppress

_ARENA_MAX = -8  # M_ARENA_MAX of malloc.h


def give_back() -> None:
    """Return what Arrow and the C library hold unused. It takes milliseconds: not for each small thing."""
    import pyarrow as pa  # noqa: PLC0415  # slow to load, and `lean` comes before it

    pa.default_memory_pool().release_unused()
    pa.system_memory_pool().release_unused()  # of malloc: Python's objects and numpy's arrays


def lean() -> None:
    """Let this program, and those that it starts, hold little; for a program's first line.

    Arrow takes its memory from the C library, whose threads share few arenas: each arena keeps what was once
    needed there, and the threads of a build come and go. Variables that the user set are left as they are.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    arenas = os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    with suppress(AttributeError, OSError, ValueError):  # only glibc has them
        ctypes.CDLL(None).mallopt(_ARENA_MAX, int(arenas))  # the variable is read before Python starts
