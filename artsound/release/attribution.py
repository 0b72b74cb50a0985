"""Who made what, where it comes from and under which licence: one entry for every item of a release."""

import html
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pyarrow as pa

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~-])")
_SPACES = re.compile(r"\s+")
_INTRO = """# Attribution

Every artwork and every recording of this release, with its maker, source and licence.
Ids are those of the sources.
"""


def escape(text: str) -> str:
    """Make foreign text harmless in Markdown and HTML: one line, no markup."""
    return _MARKDOWN.sub(r"\\\1", html.escape(_SPACES.sub(" ", text).strip(), quote=True))


def link(label: str, url: str | None) -> str:
    """Link a label (already escaped) to a web address; anything else than http and https is left out."""
    if not url:
        return label
    try:
        known = urlsplit(url).scheme in ("http", "https")
    except ValueError:
        return label
    return f"[{label}]({quote(url, safe=':/?#@!$&+,;=%~')})" if known else label


def attribution(rows: pa.Table) -> str:
    """Write the attribution of both sides as Markdown, in the release's order."""
    metas = [json.loads(meta) for meta in rows["meta"].to_pylist()]
    art = (_entry(meta["artwork"]["artwork_id"], meta["artwork"]) for meta in metas)
    music = (_entry(meta["music"]["clip_id"], meta["music"]) for meta in metas)
    return "\n".join([_INTRO, "## Artworks\n", *_unique(art), "\n## Music\n", *_unique(music), ""])


def _unique(lines: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(lines))


def _entry(item: str, said: dict[str, str | None]) -> str:
    title, maker = escape(said["title"] or "untitled"), escape(said["artist"] or "unknown artist")
    source = link(escape(item), said["source_url"])
    licence = link(escape(said["licence"] or ""), said["licence_url"])
    return f"- {source}: “{title}” by {maker}; {licence}"
