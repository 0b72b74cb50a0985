"""The audit page: a folder that opens from disk and shows every pair of a release, to look at and to judge.

`index.html` and its scripts are the same for every release. What belongs to one lies in `data/` (an index
with one short column per facet, and chunks of full records, loaded when shown) and in `media/` (by hash).
Text from the data is JSON inside scripts that the page only ever puts into text nodes.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from artsound.errors import ReleaseError
from artsound.media.audio import decode_audio
from artsound.media.files import Media, MediaError
from artsound.media.image import decode_image
from artsound.progress import track
from artsound.review.pictures import RATE, peaks, spectrogram, thumbnail

CHUNK_ROWS = 50  # full records in one file of data/
THUMBNAIL, PICTURE = 320, 1000  # longest side of an image, px
MEGAPIXELS = float("inf")  # the catalogue has refused what is too large
DECILES = 10

Row = Mapping[str, Any]  # one row of `tables.RELEASE_ROWS`, its `meta` parsed


class Facts(NamedTuple):
    """What the page must know of every pair at once."""

    pair_id: str
    split: str
    style: str
    genres: tuple[str, ...]
    licence: str
    checks: tuple[str, ...]  # what was found in the captions
    score: float
    words: str  # lower-case titles and artists, for the search
    artwork: dict[str, Any]  # how another pair names this pair's artwork
    music: dict[str, Any]  # and its clip


def write_page(
    folder: Path, rows: pa.Table, *, images: Media, audio: Media, title: str, workers: int = 1
) -> None:
    """Write the page of a release into an empty folder; the same rows and media give the same bytes.

    Args:
        folder: where to write; `index.html` is the page.
        rows: `tables.RELEASE_ROWS`, in the order of the release.
        images: the files that `image_path` names.
        audio: the files that `audio_path` names.
        title: heading of the page; verdicts are kept in the browser under it.
        workers: threads that decode media.

    Raises:
        ReleaseError: a file cannot be read as it could when the release was planned.
    """
    facts = [_facts(row) for row in _rows(rows)]
    deciles = score_deciles([fact.score for fact in facts])
    known = {fact.artwork["artwork_id"]: fact.artwork for fact in facts}
    heard = {fact.music["clip_id"]: fact.music for fact in facts}
    (folder / "data").mkdir(parents=True, exist_ok=True)
    _write_script(folder / "data" / "index.js", "takeIndex", _index(facts, deciles, title))
    make = partial(_record, folder, images=images, audio=audio)
    with ThreadPoolExecutor(workers) as pool:
        records = track(_in_order(pool, make, _rows(rows)), "audit page", total=len(rows))
        for number, chunk in enumerate(_chunks(records)):
            for at, record in enumerate(chunk, number * CHUNK_ROWS):
                record["decile"] = deciles[at]
                record["other_artworks"] = [
                    one | known.get(one["name"], {}) for one in record["other_artworks"]
                ]
                record["other_clips"] = [one | heard.get(one["name"], {}) for one in record["other_clips"]]
            _write_script(folder / "data" / f"pairs-{number:04d}.js", f"takeChunk({number},", chunk)
    for file in resources.files("artsound.review").joinpath("static").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())


def score_deciles(scores: list[float]) -> list[int]:
    """Cut the pairs into ten bins of equal count, lowest scores first; under ten pairs get one each."""
    bins = min(DECILES, len(scores))
    found = np.empty(len(scores), dtype=int)
    found[np.argsort(scores, kind="stable")] = np.arange(len(scores)) * bins // max(1, len(scores))
    return [int(number) for number in found]


def _rows(rows: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in rows.to_batches(max_chunksize=CHUNK_ROWS):
        for row in batch.to_pylist():
            yield row | {"meta": json.loads(row["meta"])}


def _in_order(
    pool: ThreadPoolExecutor, make: Callable[[Row], dict[str, Any]], rows: Iterable[Row]
) -> Iterator[dict[str, Any]]:
    """Map in threads with at most a chunk of rows under way."""
    for chunk in _chunks(rows):
        yield from pool.map(make, chunk)


def _chunks(items: Iterable[Any]) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == CHUNK_ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _facts(row: Row) -> Facts:
    art, music = row["meta"]["artwork"], row["meta"]["music"]
    pair = {"pair_id": row["pair_id"]}
    words = (art["title"], art["artist"], music["title"], music["artist"])
    return Facts(
        pair_id=row["pair_id"],
        split=row["split"],
        style=art["style"] or art["culture"] or "",
        genres=tuple(music["genres"]) or ("",),
        licence=f"{_licence(art)} / {_licence(music)}",
        score=row["score"],
        checks=tuple(_checks(art["caption"], music["caption"])) or ("clean",),
        words=" ".join(word for word in words if word).lower(),
        artwork=pair
        | _named(art, "artwork_id")
        | {"thumbnail": _media_file(row["image_sha256"], f"-{THUMBNAIL}.jpg")},
        music=pair | _named(music, "clip_id") | {"sound": _sound_file(row)},
    )


def _named(side: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: side[name] for name in (key, "title", "artist")}


def _checks(*captions: Mapping[str, Any]) -> Iterator[str]:
    """Name what the captions' own checks found, in words for the filter."""
    found = {
        "faults": "faulty text",
        "leaks": "names artist or title",
        "contradictions": "contradicts measures",
    }
    return (words for name, words in found.items() if any(caption[name] for caption in captions))


def _licence(side: Mapping[str, Any]) -> str:
    return str(side["licence"]).removeprefix("LicenseRef-")


def _index(facts: list[Facts], deciles: list[int], title: str) -> dict[str, Any]:
    """Describe all pairs by short columns; facets by code, the commonest value first."""
    values = {name: [getattr(fact, name) for fact in facts] for name in ("split", "style", "licence")}
    lists = {"genre": [fact.genres for fact in facts], "checks": [fact.checks for fact in facts]}
    facets = {name: _facet(column) for name, column in values.items()} | {
        name: _facet(chain.from_iterable(column)) for name, column in lists.items()
    }
    codes = {
        name: {value["name"]: code for code, value in enumerate(facet)} for name, facet in facets.items()
    }
    scores = [round(fact.score, 4) for fact in facts]
    return {
        "title": title,
        "chunk_rows": CHUNK_ROWS,
        "deciles": _decile_bounds(scores, deciles),
        "score_low": min(scores, default=0),
        "score_high": max(scores, default=0),
        "facets": facets,
        "columns": {
            "id": [fact.pair_id for fact in facts],
            "score": scores,
            "decile": deciles,
            "words": [fact.words for fact in facts],
        }
        | {name: [codes[name][value] for value in column] for name, column in values.items()}
        | {name: [[codes[name][value] for value in row] for row in column] for name, column in lists.items()},
    }


def _facet(column: Iterable[str]) -> list[dict[str, Any]]:
    counts = sorted(Counter(column).items(), key=lambda item: (-item[1], item[0]))
    return [{"name": name, "count": count} for name, count in counts]


def _decile_bounds(scores: list[float], deciles: list[int]) -> list[dict[str, Any]]:
    bins: dict[int, list[float]] = {}
    for score, number in zip(scores, deciles, strict=True):
        bins.setdefault(number, []).append(score)
    return [
        {"low": min(bins[number]), "high": max(bins[number]), "count": len(bins[number])}
        for number in sorted(bins)
    ]


def _record(folder: Path, row: Row, *, images: Media, audio: Media) -> dict[str, Any]:
    """Write the media of one pair and return all that the page shows of it."""
    meta = row["meta"]
    try:
        art = meta["artwork"] | _write_images(folder, row, images)
        music = meta["music"] | _write_sound(folder, row, audio)
    except MediaError as error:
        raise ReleaseError(
            f"pair {row['pair_id']} cannot be shown ({error.detail}): was a source changed? build again"
        ) from error
    return {**meta, "artwork": art, "music": music}


def _write_images(folder: Path, row: Row, images: Media) -> dict[str, str]:
    files = {name: _media_file(row["image_sha256"], f"-{size}.jpg") for name, size in _SIZES.items()}
    if not all((folder / file).exists() for file in files.values()):
        pixels = decode_image(images.read(row["image_path"]), max_megapixels=MEGAPIXELS).pixels
        for name, file in files.items():
            _write(folder / file, thumbnail(pixels, _SIZES[name]))
    return files


_SIZES = {"thumbnail": THUMBNAIL, "picture": PICTURE}


def _write_sound(folder: Path, row: Row, audio: Media) -> dict[str, Any]:
    data = audio.read(row["audio_path"])
    sound = decode_audio(data, rate=RATE)
    mel = _media_file(row["audio_sha256"], "-mel.jpg")
    _write(folder / mel, spectrogram(sound))
    _write(folder / _sound_file(row), data)
    return {"sound": _sound_file(row), "mel": mel, "peaks": peaks(sound)}


def _sound_file(row: Row) -> str:
    return _media_file(row["audio_sha256"], f".{row['audio_format']}")


def _media_file(sha256: str, ending: str) -> str:
    """Name a file by content; two levels, so that no folder grows beyond some thousand files."""
    return f"media/{sha256[:2]}/{sha256[:20]}{ending}"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _write_script(path: Path, call: str, value: Any) -> None:
    """Write a call with one JSON value; ASCII only, and no sign that could end a script element."""
    text = json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    opening = call if call.endswith(",") else f"{call}("
    path.write_text(f"Audit.{opening}{text});\n", encoding="ascii")
