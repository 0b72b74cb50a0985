"""Retrieval from the vectors of a build: an image finds tracks, a recording finds artworks, words find both.

Exact: every vector is compared. With ImageBind in the settings an image and a recording meet in its space;
with CLIP or CLAP they are compared with the other side's words; without any of them a file is measured and
described offline, and its words are compared.
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


def by_text(settings: Settings, text: str) -> Query:
    """Ask in words."""
    encoder = registry.texts_of("sentence", settings.embeddings)
    return Query("sentence", encoder.name, encoder([text])[0])


def by_image(settings: Settings, path: Path) -> Query:
    """Ask with an image.

    Raises:
        ConfigError: the file cannot be read.
    """
    try:
        pixels = decode_image(_bytes(path), max_megapixels=MEGAPIXELS).pixels
    except MediaError as error:
        raise ConfigError(f"{path}: {error.detail}") from error
    if space := _first(settings, "imagebind", "clip"):
        encoder = registry.images_of(space, settings.embeddings)
        return Query(space, encoder.name, encoder([encoder.prepare(pixels)])[0])
    facts: dict[str, Any] = {"tags": [], "title": None, "artist": None}
    return _described(settings, registry.art_captioner(Chosen()), facts, measure_picture(pixels))


def by_audio(settings: Settings, path: Path) -> Query:
    """Ask with a recording.

    Raises:
        ConfigError: the file cannot be read.
    """
    data = _bytes(path)
    try:
        if space := _first(settings, "imagebind", "clap"):
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


def _first(settings: Settings, *spaces: str) -> str:
    """Name the first of some spaces that this run has a model for; empty where it has none."""
    return next((space for space in spaces if getattr(settings.embeddings, space)), "")


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
