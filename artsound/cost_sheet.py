"""The cost sheet of a release: what was counted of the steps that it is made from."""

import os
import platform
from collections.abc import Iterator
from typing import Any

import pyarrow.compute as pc

from artsound.costs import Spent, spent
from artsound.release.build import Release
from artsound.release.costs import Cost, costs_text
from artsound.settings import Settings
from artsound.store import Store
from artsound.tables import TABLES

_GIVEN = ("rejects", "reviews")  # tables that no step makes


def cost_sheet(settings: Settings, release: Release) -> str:
    """Write `costs.json` of a release that is about to be finished."""
    return costs_text(list(_costs(settings, Store(settings.root), release)), machine())


def _costs(settings: Settings, store: Store, release: Release) -> Iterator[Cost]:
    """List the tables of the store, then the release's own shards."""
    for name in TABLES:
        if name not in _GIVEN and (found := store.manifest(name)):
            took = spent(settings.root, name, found.made_from)
            size = store.path(name).stat().st_size
            yield Cost(name, found.rows, size, **_times(took), **_asked(store, name))
    took = spent(settings.root, "release", release.digest)
    yield Cost("release", len(release.plan), release.bytes_written(), **_times(took))


def _times(took: Spent | None) -> dict[str, Any]:
    if took is None:
        return {}
    told = {"parts": took.parts, "wall_seconds": took.wall, "cpu_seconds": took.cpu}
    return told | ({"gpu_seconds": took.gpu} if took.gpu else {})


def _asked(store: Store, name: str) -> dict[str, Any]:
    """Count what models were asked for a table: questions, tokens, seconds."""
    if "tokens" not in TABLES[name].names:
        return {}
    rows = store.read(name, ["tokens", "seconds"])
    tokens, seconds = (pc.sum(rows[column]).as_py() for column in ("tokens", "seconds"))
    asked = len(rows) - rows["seconds"].null_count
    return {"requests": asked, "tokens": tokens or 0, "model_seconds": round(seconds or 0.0, 3)}


def machine() -> dict[str, Any]:
    """Describe the machine as far as figures of speed depend on it."""
    return {
        "processors": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
    }
