"""Retrieval from the vectors of a build: an image finds tracks, a recording finds artworks, words find both.

Exact: every vector is compared. With ImageBind in the settings an image and a recording meet in its space;
with CLIP or CLAP they are compared with the other side's words; without any of them a file is measured and
described offline, and its words are compared. Words are compared with captions, or, in a space that is
named, with what stands there: images and captions of music in CLIP's, captions of artworks and recordings
in CLAP's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float32

from artsound.errors import ConfigError
from artsound.measures.image import measure_picture
from artsound.measures.music import measure_sound
from artsound.media.audio import decode_audio, decode_excerpt
from artsound.media.files import MediaError
from artsound.media.image import decode_image
from artsound.models import registry
from artsound.models.musicnn import Musicnn
from artsound.models.protocols import Captioner, Item
from artsound.settings import Captioner as Chosen
from artsound.settings import Settings
from artsound.store import Store

Side = Literal["art", "music"]
SPACES = ("sentence", "clip", "clap", "imagebind")
WINDOW = 30.0  # s of a recording that are measured, its middle
MEGAPIXELS = 1000.0


@dataclass(frozen=True)
class Hit:
    """One item found."""

    rank: int  # 1 is best
    score: float  # cosine, −1 to 1
    side: Side
    item_id: str
    title: str
    artist: str
    caption: str


@dataclass(frozen=True)
class Query:
    """A question as a vector, and the space it lives in."""

    space: str  # sentence, clip, clap or imagebind
    model: str  # name@revision of what made the vector
    vector: Float32[np.ndarray, " dim"]


def by_text(settings: Settings, text: str, space: str | None = None) -> Query:
    """Ask in words, in the space of sentences if none is named.

    Raises:
        ConfigError: no such space, or the settings name no model for it.
    """
    space = _chosen(settings, "words", space, SPACES)
    encoder = registry.texts_of(space, settings.embeddings)
    return Query(space, encoder.name, encoder([text])[0])


def by_image(settings: Settings, path: Path, space: str | None = None) -> Query:
    """Ask with an image; the space of sentences takes its description.

    Raises:
        ConfigError: the file cannot be read, or an image has no place in this space.
    """
    space = _chosen(settings, "an image", space, ("imagebind", "clip", "sentence"))
    try:
        pixels = decode_image(_bytes(path), max_megapixels=MEGAPIXELS).pixels
    except MediaError as error:
        raise ConfigError(f"{path}: {error.detail}") from error
    if space != "sentence":
        encoder = registry.images_of(space, settings.embeddings)
        return Query(space, encoder.name, encoder([encoder.prepare(pixels)])[0])
    facts: dict[str, Any] = {"tags": [], "title": None, "artist": None}
    return _described(settings, registry.art_captioner(Chosen()), facts, measure_picture(pixels))


def by_audio(settings: Settings, path: Path, space: str | None = None) -> Query:
    """Ask with a recording; the space of sentences takes its description.

    Raises:
        ConfigError: the file cannot be read, or a recording has no place in this space.
    """
    space = _chosen(settings, "a recording", space, ("imagebind", "clap", "sentence"))
    data = _bytes(path)
    try:
        if space != "sentence":
            encoder = registry.sounds_of(space, settings.embeddings)
            samples = decode_audio(data, rate=encoder.rate).samples
            return Query(space, encoder.name, encoder([encoder.prepare(samples)])[0])
        channels, rate = decode_excerpt(data, start=0.0, seconds=WINDOW)
    except MediaError as error:
        raise ConfigError(f"{path}: {error.detail}") from error
    facts: dict[str, Any] = {"genres": [], "title": None, "artist": None, "album": None, "language": None}
    measures = measure_sound(channels, rate, Musicnn())
    return _described(settings, registry.music_captioner(Chosen()), facts, measures)


def search(store: Store, query: Query, side: Side, limit: int) -> list[Hit]:
    """Compare a query with every vector of one side; ties by id.

    Raises:
        ConfigError: the vectors were made by another model.
        StoreError: they are not built yet.
    """
    table = f"{side}_{query.space}_vectors"
    vectors = store.read(table)
    if other := [name for name in vectors["model"].unique().to_pylist() if name != query.model]:
        raise ConfigError(f"{table} was made by {other[0]}, the settings name {query.model}: build again")
    scores = np.concatenate(
        [_scores(chunk, query.vector) for chunk in vectors["vector"].chunks] or [np.empty(0)]
    )
    keys = vectors["item_id"].to_numpy()
    best = np.lexsort((keys, -scores))[:limit]
    return _hits(store, side, [str(keys[i]) for i in best], [float(scores[i]) for i in best])


def _chosen(settings: Settings, asked: str, space: str | None, known: Sequence[str]) -> str:
    """Check a space that is named; without one, take the first that this run has a model for."""
    has = [one for one in known if one == "sentence" or getattr(settings.embeddings, one)]
    if space is None:
        return has[0]
    if space not in known:
        raise ConfigError(f"{asked} cannot be a question in the space {space!r}: take {', '.join(known)}")
    if space not in has:
        raise ConfigError(f"this run has no vectors in {space!r}: set `weights` in [embeddings.{space}]")
    return space


def _scores(
    chunk: pa.FixedSizeListArray, vector: Float32[np.ndarray, " dim"]
) -> Float32[np.ndarray, " item"]:
    rows = chunk.flatten().to_numpy(zero_copy_only=False).reshape(-1, len(vector))
    return np.asarray(rows.astype(np.float32, copy=False) @ vector)


def _hits(store: Store, side: Side, keys: Sequence[str], scores: Sequence[float]) -> list[Hit]:
    table, key, words, words_key = (
        ("artworks", "artwork_id", "art_captions", "artwork_id")
        if side == "art"
        else ("tracks", "track_id", "music_captions", "clip_id")
    )
    about = _rows(store.read(table, [key, "title", "artist"]), key, keys)
    captions = _rows(store.read(words, [words_key, "caption"]), words_key, keys)
    return [
        Hit(
            rank=rank,
            score=round(score, 6),
            side=side,
            item_id=item,
            title=about.get(item, {}).get("title") or "",
            artist=about.get(item, {}).get("artist") or "",
            caption=captions.get(item, {}).get("caption") or "",
        )
        for rank, (item, score) in enumerate(zip(keys, scores, strict=True), 1)
    ]


def _rows(table: pa.Table, key: str, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    wanted = pa.array(keys, pa.string())
    return {row[key]: row for row in table.filter(pc.is_in(table[key], wanted)).to_pylist()}


def _described(
    settings: Settings, captioner: Captioner, facts: dict[str, Any], measures: dict[str, Any]
) -> Query:
    (answer,) = captioner([Item("query", facts, measures, bytes)])
    return by_text(settings, f"{answer.fields['caption']} {answer.fields['paragraph']}")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
