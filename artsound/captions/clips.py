"""Clips in words."""

import pyarrow as pa

from artsound.captions.stage import by_key, describe, reader
from artsound.errors import Outcome
from artsound.media.files import Media
from artsound.models.protocols import Captioner, Item


def caption_clips(
    clips: pa.Table,
    music_measures: pa.Table,
    tracks: pa.Table,
    *,
    captioner: Captioner,
    media: Media | None = None,
    batch_size: int = 32,
) -> Outcome:
    """Describe every clip that was measured; the others were refused there.

    Args:
        clips: rows of `tables.CLIPS`.
        music_measures: rows of `tables.MUSIC_MEASURES`.
        tracks: rows of `tables.TRACKS`; what they name must not stand in a caption.
        captioner: any model that keeps the contract.
        media: the files that `audio_path` names; a captioner that only needs facts does without.
        batch_size: clips handed over at a time.
    """
    measures = by_key(music_measures, "clip_id", clips["clip_id"])
    facts = by_key(tracks, "track_id", clips["track_id"])
    items = [
        Item(
            key=row["clip_id"],
            facts=row | facts[row["track_id"]],
            measures=measures[row["clip_id"]],
            read=reader(media, row["audio_path"]),
        )
        for row in clips.to_pylist()
        if row["clip_id"] in measures
    ]
    return describe("music_captions", items, captioner=captioner, batch_size=batch_size)
