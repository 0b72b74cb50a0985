"""Who made what, where it comes from and under which licence: one entry for every item of a release."""

import html
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from artsound.release.rows import Plan
from artsound.store import write_whole

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~-])")
_SPACES = re.compile(r"\s+")
SIDES, KEYS = ("artwork", "music"), ("artwork_id", "clip_id")
_INTRO = """# Attribution

Every artwork and every recording of this release, with its maker, source and licence.
Ids are those of the sources.
"""


def escape(text: str) -> str:
    """Make foreign text harmless in Markdown and HTML: one line, no markup."""
    return _MARKDOWN.sub(r"\\\1", html.escape(_SPACES.sub(" ", text).strip(), quote=False))


def link(label: str, url: str | None) -> str:
    """Link a label (already escaped) to a web address; anything else than http and https is left out."""
    if not url:
        return label
    try:
        known = urlsplit(url).scheme in ("http", "https")
    except ValueError:
        return label
    return f"[{label}]({quote(url, safe=':/?#@!$&+,;=%~')})" if known else label


class Attribution:
    """`ATTRIBUTION.md` in the making: entries of both sides in the release's order, each item once."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self._path = path
        self._parts = [path.with_suffix(f".{side}.making") for side in ("artworks", "music")]
        self._files = [part.open("w", encoding="utf-8") for part in self._parts]
        self._new = [_firsts(plan, key) for key in KEYS]
        self._row = 0

    def add(self, metas: Sequence[Mapping[str, Any]]) -> None:
        """Add the makers of the pairs that come next in the plan."""
        for meta in metas:
            for file, new, side, key in zip(self._files, self._new, SIDES, KEYS, strict=True):
                if new[self._row]:
                    file.write(f"{_entry(meta[side][key], meta[side])}\n")
            self._row += 1

    def finish(self) -> None:
        """Put both sides together."""
        for file in self._files:
            file.close()
        write_whole(self._path, self._join)
        for part in self._parts:
            part.unlink()

    def _join(self, path: Path) -> None:
        with path.open("w", encoding="utf-8") as out:
            for part, head in zip(self._parts, (f"{_INTRO}\n## Artworks\n\n", "\n## Music\n\n"), strict=True):
                out.write(head)
                with part.open(encoding="utf-8") as entries:
                    shutil.copyfileobj(entries, out)


def _firsts(plan: Plan, key: str) -> NDArray[np.bool_]:
    """Say of every row whether its item stands in no row before; takes a byte a row, ids would take 100."""
    ids = pa.chunked_array([rows[key].combine_chunks() for rows in plan.read(columns=[key])], pa.string())
    codes = ids.combine_chunks().dictionary_encode().indices.to_numpy()
    new = np.zeros(len(codes), np.bool_)
    new[np.unique(codes, return_index=True)[1]] = True
    return new


def _entry(item: str, said: Mapping[str, Any]) -> str:
    title, maker = escape(said["title"] or "untitled"), escape(said["artist"] or "unknown artist")
    source = link(escape(item), said["source_url"])
    licence = link(escape(said["licence"] or ""), said["licence_url"])
    claimed = f"; {escape(text)}" if (text := said.get("copyright")) else ""
    return f"- {source}: “{title}” by {maker}{claimed}; {licence}"
