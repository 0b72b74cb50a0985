"""Compile a loop, and keep the machine code between runs where a folder for it can be written."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(function: Loop) -> Loop:
    """Compile without the interpreter's lock, so that threads run side by side.

    Only comparisons may be reordered: sums are added in the order in which they are written.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": {"nnan", "nsz"}}
    try:
        made: Any = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        made = numba.njit(**options)(function)
    return cast(Loop, made)
