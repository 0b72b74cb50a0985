"""Captions and media → vectors of unit length."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache, partial
from itertools import islice
from multiprocessing import get_context
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Float32

from artsound.errors import Outcome, Reason, Reject, SourceError
from artsound.media.audio import decode_audio
from artsound.media.files import Media, MediaError
from artsound.media.image import decode_image
from artsound.models.protocols import AudioEncoder, ImageEncoder, TextEncoder
from artsound.progress import track

Row = dict[str, Any]
Encode = Callable[[Sequence[Any]], Float32[np.ndarray, "item dim"]]

WORTH_IMAGES, WORTH_CLIPS = 200, 16  # starting worker processes takes longer than decoding fewer
AHEAD = 3  # batches that workers may be ahead of the model, which bounds the memory


class _Given(NamedTuple):
    """What a model takes for one item, or why there is nothing to take."""

    key: str
    value: Any


def embed_captions(
    captions: pa.Table,
    *,
    encoder: TextEncoder,
    id_column: str,
    batch_size: int,
    words: Sequence[str] = ("caption", "paragraph"),
) -> Outcome:
    """Embed the words of every caption.

    Args:
        captions: rows of `tables.ART_CAPTIONS` or `tables.MUSIC_CAPTIONS`.
        encoder: any model that keeps the contract.
        id_column: `artwork_id` or `clip_id`.
        batch_size: captions at a time; changes the speed, never the vectors.
        words: columns that are joined; the sentence alone for models that read few words.
    """
    rows = captions.select([id_column, *words]).to_pylist()
    texts = (_Given(row[id_column], " ".join(row[column] for column in words)) for row in rows)
    return _embed(
        track(texts, "vectors of captions", len(rows)), encoder, encoder.dim, encoder.name, batch_size
    )


def embed_artworks(
    artworks: pa.Table,
    *,
    encoder: ImageEncoder,
    media: Media,
    max_megapixels: float,
    batch_size: int,
    workers: int = 0,
) -> Outcome:
    """Embed the image of every artwork.

    Args:
        artworks: rows of `tables.ARTWORKS`.
        encoder: any model that keeps the contract.
        media: the files that `image_path` names.
        max_megapixels: larger images are refused.
        batch_size: images at a time.
        workers: processes that decode, 0: this one; like the batch size, they change no vector.
    """
    rows = artworks.select(["artwork_id", "image_path"]).to_pylist()
    work = partial(_image, media=media, max_megapixels=max_megapixels, prepare=encoder.prepare)
    spread = workers if len(rows) >= WORTH_IMAGES else 0
    images = _ahead(work, rows, spread, AHEAD * batch_size)
    return _embed(
        track(images, "vectors of images", len(rows)), encoder, encoder.dim, encoder.name, batch_size
    )


def embed_clips(
    clips: pa.Table, *, encoder: AudioEncoder, media: Media, batch_size: int, workers: int = 0
) -> Outcome:
    """Embed the recording of every clip.

    Args:
        clips: rows of `tables.CLIPS`.
        encoder: any model that keeps the contract.
        media: the files that `audio_path` names.
        batch_size: clips at a time.
        workers: processes that decode, 0: this one; like the batch size, they change no vector.
    """
    rows = clips.select(["clip_id", "audio_path"]).to_pylist()
    work = partial(_sound, media=media, rate=encoder.rate, prepare=encoder.prepare)
    spread = workers if len(rows) >= WORTH_CLIPS else 0
    sounds = _ahead(work, rows, spread, AHEAD * batch_size)
    return _embed(
        track(sounds, "vectors of clips", len(rows)), encoder, encoder.dim, encoder.name, batch_size
    )


def _image(row: Row, *, media: Media, max_megapixels: float, prepare: Callable[[Any], Any]) -> _Given:
    try:
        picture = decode_image(media.read(row["image_path"]), max_megapixels=max_megapixels)
    except MediaError as error:
        return _Given(row["artwork_id"], error)
    return _Given(row["artwork_id"], prepare(picture.pixels))


def _sound(row: Row, *, media: Media, rate: int, prepare: Callable[[Any], Any]) -> _Given:
    try:
        sound = decode_audio(media.read(row["audio_path"]), rate=rate)
    except MediaError as error:
        return _Given(row["clip_id"], error)
    return _Given(row["clip_id"], prepare(sound.samples))


def _ahead(work: Callable[[Row], _Given], rows: list[Row], workers: int, most: int) -> Iterator[_Given]:
    """Work on rows in other processes, in order, a bounded number of them ahead of who takes the results."""
    if not workers:
        yield from map(work, rows)
        return
    try:
        pool = _pool(workers, os.getpid())
        waiting = deque(pool.submit(work, row) for row in rows[:most])
        for row in rows[most:]:
            yield waiting.popleft().result()
            waiting.append(pool.submit(work, row))
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        _pool.cache_clear()
        raise SourceError(
            "a decoding process died, perhaps for want of memory: run again, with fewer `runtime.workers`"
        ) from error


@lru_cache(maxsize=1)
def _pool(workers: int, process: int) -> ProcessPoolExecutor:
    """Keep the workers between parts: starting them takes seconds. A fork would copy the model's threads."""
    return ProcessPoolExecutor(workers, get_context("spawn"), initializer=_calm)


def _calm() -> None:
    """Leave the cores to the model: a worker decodes on one thread and yields to who feeds the model."""
    os.nice(5)


def in_numbers(run: Callable[..., Outcome], numbers: Literal["float32", "float16"]) -> Callable[..., Outcome]:
    """Let a stage store its vectors as `numbers`; float16 takes half the room and keeps three digits.

    Scores are computed in float32 either way.
    """

    def rounded(*given: Any) -> Outcome:
        outcome = run(*given)
        kind = pa.list_(pa.float16(), outcome.rows.schema.field("vector").type.list_size)
        place = outcome.rows.schema.get_field_index("vector")
        flat = _flat(outcome.rows["vector"]).astype(np.float16)
        halves = pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float16()), kind.list_size)
        return outcome._replace(rows=outcome.rows.set_column(place, "vector", halves))

    return run if numbers == "float32" else rounded


def _flat(column: pa.ChunkedArray) -> Float32[np.ndarray, " number"]:
    pieces = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    return np.concatenate(pieces or [np.empty(0, np.float32)])


def _embed(given: Iterable[_Given], encode: Encode, dim: int, model: str, batch_size: int) -> Outcome:
    """Run a model over what it is given; what cannot be read, or has no direction, is refused."""
    keys: list[str] = []
    vectors: list[np.ndarray] = [np.empty((0, dim), np.float32)]
    rejects: list[Reject] = []
    stream = iter(given)
    while batch := list(islice(stream, batch_size)):
        usable = [item for item in batch if not isinstance(item.value, MediaError)]
        found = encode([item.value for item in usable])
        good = np.isclose(np.linalg.norm(found, axis=1), 1, atol=1e-3)  # false where NaN
        keys += [item.key for item, fine in zip(usable, good, strict=True) if fine]
        vectors.append(found[good])
        fine = dict(zip((item.key for item in usable), good, strict=True))
        rejects += [_reject(item) for item in batch if not fine.get(item.key)]
    return Outcome(_rows(keys, np.concatenate(vectors), model), rejects)


def _reject(item: _Given) -> Reject:
    if isinstance(item.value, MediaError):
        return Reject(item.key, item.value.reason, item.value.detail)
    return Reject(item.key, Reason.BAD_VECTOR, "the vector is zero or not finite")


def _rows(keys: list[str], vectors: Float32[np.ndarray, "item dim"], model: str) -> pa.Table:
    flat = pa.array(vectors.reshape(-1), pa.float32())
    names = pa.array([model] * len(keys), pa.string())
    lists = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    return pa.table({"item_id": pa.array(keys, pa.string()), "vector": lists, "model": names})
