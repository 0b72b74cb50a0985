"""Who made what, where it comes from and under which licence: one entry for every item of a release."""

import html
import json
import re
from urllib.parse import quote, urlsplit

import pyarrow as pa

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~-])")
_SPACES = re.compile(r"\s+")
BATCH = 1000  # rows that are Python objects at one time
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


def attribution(rows: pa.Table) -> str:
    """Write the attribution of both sides as Markdown, in the release's order."""
    art: dict[str, None] = {}
    music: dict[str, None] = {}
    for batch in rows.select(["meta"]).to_batches(BATCH):
        for text in batch["meta"].to_pylist():
            meta = json.loads(text)
            art[_entry(meta["artwork"]["artwork_id"], meta["artwork"])] = None
            music[_entry(meta["music"]["clip_id"], meta["music"])] = None
    return "\n".join([_INTRO, "## Artworks\n", *art, "\n## Music\n", *music, ""])


def _entry(item: str, said: dict[str, str | None]) -> str:
    title, maker = escape(said["title"] or "untitled"), escape(said["artist"] or "unknown artist")
    source = link(escape(item), said["source_url"])
    licence = link(escape(said["licence"] or ""), said["licence_url"])
    return f"- {source}: “{title}” by {maker}; {licence}"
