"""What the caption stages of both sides share."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from artsound import tables
from artsound.captions import checks
from artsound.errors import Outcome, Reason, Reject
from artsound.media.files import Media, MediaError
from artsound.models.protocols import Answer, Captioner, Item
from artsound.progress import track


def describe(table: str, items: list[Item], *, captioner: Captioner, batch_size: int) -> Outcome:
    """Ask for a caption of every item; an item without one is refused, not stored.

    Args:
        table: `art_captions` or `music_captions`.
        items: in the order of the rows that come out.
        captioner: any model that keeps the contract.
        batch_size: items handed over at a time; changes the speed, never the captions.
    """
    kept: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    for item, answer in _answers(items, captioner, batch_size):
        words = [str(answer.fields.get(name) or "").strip() for name in ("caption", "paragraph")]
        if answer.refused:
            reason = Reason.NO_ANSWER if answer.failed else Reason.REFUSED_CAPTION
            rejects.append(Reject(item.key, reason, answer.refused))
        elif not all(words):
            rejects.append(Reject(item.key, Reason.EMPTY_CAPTION, "no sentence or no paragraph came back"))
        elif declined := next(filter(checks.declines, words), ""):
            rejects.append(
                Reject(item.key, Reason.REFUSED_CAPTION, f"the captioner declined: {declined[:80]}")
            )
        else:
            kept.append(_row(table, item, answer, captioner.name))
    return Outcome(tables.rows_of(table, kept), rejects)


def by_key(rows: pa.Table, key: str, wanted: pa.ChunkedArray) -> dict[str, dict[str, Any]]:
    """Look up the wanted rows by a column; the others are never turned into Python objects."""
    return {row[key]: row for row in rows.filter(pc.is_in(rows[key], wanted.combine_chunks())).to_pylist()}


def reader(media: Media | None, path: str) -> Callable[[], bytes]:
    """Postpone the reading of a file until a captioner wants it."""

    def read() -> bytes:
        if media is None:
            raise MediaError(Reason.MISSING_FILE, "this build gives its captioners no media files")
        return media.read(path)

    return read


def _answers(items: list[Item], captioner: Captioner, batch_size: int) -> Iterator[tuple[Item, Answer]]:
    stream = iter(track(items, "captions"))
    while batch := list(islice(stream, batch_size)):
        yield from zip(batch, captioner(batch), strict=True)


def _row(table: str, item: Item, answer: Answer, model: str) -> dict[str, Any]:
    fields = dict(answer.fields)
    words = fields["caption"], fields["paragraph"]
    contradictions = checks.CONTRADICTIONS[table](fields, item.measures)
    found = {
        "leaks": checks.leaks(checks.texts(fields), checks.names(item.facts)),
        "masked": [],
        "faults": checks.faults(*words),
        "contradictions": contradictions,
    }
    key = tables.TABLES[table].names[0]
    return dict.fromkeys(tables.TABLES[table].names) | found | fields | {key: item.key, "model": model}
