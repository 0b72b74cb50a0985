"""The audit page: a folder that opens from disk and shows every pair of a release, to look at and to judge.

`index.html` and its scripts are the same for every release. What belongs to one lies in `data/` (an index
with one short column per facet, and chunks of full records, loaded when shown) and in `media/` (by hash).
Text from the data is JSON inside scripts that the page only ever puts into text nodes.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from artsound.errors import ReleaseError
from artsound.media.audio import decode_audio
from artsound.media.files import Folder, Media, MediaError
from artsound.media.image import decode_image
from artsound.progress import track
from artsound.review.pictures import RATE, peaks, spectrogram, thumbnail
from artsound.review.sounds import FROM_SHARDS
from artsound.store import write_whole

CHUNK_ROWS = 50  # full records in one file of data/
PART_CHUNKS = 20  # files of data/ that are made as one part
SHOWN = ("jpg", "jpeg", "png", "webp", "gif")  # formats that browsers show as they are
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


class Sources(NamedTuple):
    """Where the media of a page come from."""

    images: Media  # the files that `image_path` names
    audio: Media  # the files that `audio_path` names


@dataclass(frozen=True)
class Page:
    """The page of a release in the making: write every part, in any order, then `finish`. Parts stay small.

    Originals are linked, not copied, where they are files; what is made anew are thumbnails and mel pictures.
    """

    folder: Path  # `index.html` will be the page
    plan: pa.Table  # the columns `PLAN` of `tables.RELEASE_ROWS`, of all pairs, in their order
    title: str  # heading of the page; verdicts are kept in the browser under it
    shards: bool = False  # do sounds come out of the release's shards, since they cannot be linked?

    @cached_property
    def deciles(self) -> list[int]:
        """Say for every pair in which tenth of the scores it lies."""
        return score_deciles(self.plan["score"].to_pylist())

    @cached_property
    def _holders(self) -> dict[str, dict[str, int]]:
        """Find the pair that holds an artwork or a clip, by its place in the plan."""
        keys = ("artwork_id", "clip_id")
        return {key: {name: at for at, name in enumerate(self.plan[key].to_pylist())} for key in keys}

    def write(self, rows: pa.Table, first: int, sources: Sources, *, workers: int = 1) -> None:
        """Write one part, unless an earlier run did.

        Args:
            rows: `tables.RELEASE_ROWS`, of this part.
            first: place of its first pair in the plan; a multiple of `part_rows()`.
            sources: where the media come from.
            workers: threads that decode media.

        Raises:
            ReleaseError: a file cannot be read as it could when the release was planned.
        """
        done = self._facts_file(first)
        if done.exists():
            return
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        make = partial(_record, self.folder, sources=sources, shards=self.shards)
        facts: list[Facts] = []
        with ThreadPoolExecutor(workers) as pool:
            records = track(_in_order(pool, make, _rows(rows)), "audit page", total=len(rows))
            for number, chunk in enumerate(_chunks(records), first // CHUNK_ROWS):
                facts += [_facts(record) for record in chunk]
                for at, record in enumerate(chunk, number * CHUNK_ROWS):
                    record["decile"] = self.deciles[at]
                    for side, key in (("artworks", "artwork_id"), ("clips", "clip_id")):
                        others = record[f"other_{side}"]
                        record[f"other_{side}"] = [one | self._named(key, one["name"]) for one in others]
                write_script(self.folder / "data" / f"pairs-{number:04d}.js", f"takeChunk({number},", chunk)
        write_whole(done, lambda part: part.write_text(json.dumps(facts), encoding="utf-8"))

    def finish(self) -> None:
        """Write the index of all parts, and what is the same for every page."""
        step = part_rows()
        files = [self._facts_file(first) for first in range(0, len(self.plan), step)]
        told = chain.from_iterable(json.loads(file.read_text(encoding="utf-8")) for file in files)
        write_script(
            self.folder / "data" / "index.js", "takeIndex", index(map(_told, told), self.deciles, self.title)
        )
        for file in resources.files("artsound.review").joinpath("static").iterdir():
            (self.folder / file.name).write_bytes(file.read_bytes())
        for path in files:
            path.unlink()

    def _facts_file(self, first: int) -> Path:
        return self.folder / "data" / f".facts-{first:08d}.json"

    def _named(self, key: str, name: str) -> dict[str, Any]:
        """Say how another pair shows this artwork or clip; nothing where no pair holds it."""
        at = self._holders[key].get(name)
        if at is None:
            return {}
        row = self.plan.slice(at, 1).to_pylist()[0]
        side = "art" if key == "artwork_id" else "music"
        shown = {
            "pair_id": row["pair_id"],
            key: name,
            "title": row[f"{side}_title"],
            "artist": row[f"{side}_artist"],
        }
        if side == "art":
            return shown | {"thumbnail": _media_file(row["image_sha256"], f"-{THUMBNAIL}.jpg")}
        return shown | {"sound": _sound_file(row, self.shards)}


PLAN = (
    *("pair_id", "score", "artwork_id", "clip_id", "art_title", "art_artist", "music_title", "music_artist"),
    *("image_sha256", "audio_sha256", "audio_format"),
)


def part_rows() -> int:
    """Count the pairs of one part."""
    return PART_CHUNKS * CHUNK_ROWS


def write_page(
    folder: Path, rows: pa.Table, *, images: Media, audio: Media, title: str, workers: int = 1
) -> None:
    """Write the page of a release, all in one; the same rows and media give the same bytes.

    Raises:
        ReleaseError: a file cannot be read as it could when the release was planned.
    """
    page, step = Page(folder, rows.select(PLAN), title), part_rows()
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for first in range(0, len(rows), step):
        page.write(rows.slice(first, step), first, Sources(images, audio), workers=workers)
    page.finish()


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


def _facts(record: Row) -> Facts:
    art, music = record["artwork"], record["music"]
    words = (art["title"], art["artist"], music["title"], music["artist"])
    return Facts(
        pair_id=record["pair_id"],
        split=record["split"],
        style=art["style"] or art["culture"] or "",
        genres=tuple(music["genres"]) or ("",),
        licence=f"{_licence(art)} / {_licence(music)}",
        score=record["score"],
        checks=tuple(_checks(art["caption"], music["caption"])) or ("clean",),
        words=" ".join(word for word in words if word).lower(),
    )


def _told(given: list[Any]) -> Facts:
    made = Facts(*given)
    return made._replace(genres=tuple(made.genres), checks=tuple(made.checks))


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


def index(told: Iterable[Facts], deciles: list[int], title: str) -> dict[str, Any]:
    """Describe all pairs by short columns; facets by code, the commonest value first."""
    facts = list(told)
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


def _record(folder: Path, row: Row, *, sources: Sources, shards: bool) -> dict[str, Any]:
    """Put the media of one pair in place and return all that the page shows of it."""
    meta = row["meta"]
    try:
        art = meta["artwork"] | _put_images(folder, row, sources, shards)
        music = meta["music"] | _put_sound(folder, row, sources, shards)
    except MediaError as error:
        raise ReleaseError(
            f"pair {row['pair_id']} cannot be shown ({error.detail}): was a source changed? build again"
        ) from error
    return {**meta, "artwork": art, "music": music}


def _put_images(folder: Path, row: Row, sources: Sources, shards: bool) -> dict[str, str]:
    small = _media_file(row["image_sha256"], f"-{THUMBNAIL}.jpg")
    shown = row["image_format"] in SHOWN and isinstance(sources.images, Folder)
    large = _media_file(row["image_sha256"], f".{row['image_format']}" if shown else f"-{PICTURE}.jpg")
    needed = {small: THUMBNAIL} | ({} if shown or shards else {large: PICTURE})
    if not all((folder / file).exists() for file in needed):
        pixels = decode_image(sources.images.read(row["image_path"]), max_megapixels=MEGAPIXELS).pixels
        for file, size in needed.items():
            _write(folder / file, thumbnail(pixels, size))
    if isinstance(sources.images, Folder) and shown:
        _link(sources.images, row["image_path"], folder / large)
    return {"thumbnail": small, "picture": large if shown or not shards else small}


def _put_sound(folder: Path, row: Row, sources: Sources, shards: bool) -> dict[str, Any]:
    data = sources.audio.read(row["audio_path"])
    sound = decode_audio(data, rate=RATE)
    mel = _media_file(row["audio_sha256"], "-mel.jpg")
    _write(folder / mel, spectrogram(sound))
    file = _sound_file(row, shards)
    if isinstance(sources.audio, Folder):
        _link(sources.audio, row["audio_path"], folder / file)
    elif not shards:
        _write(folder / file, data)
    return {"sound": file, "mel": mel, "peaks": peaks(sound)}


def _sound_file(row: Row, shards: bool) -> str:
    ending = f".{row['audio_format']}"
    return f"{FROM_SHARDS}{row['pair_id']}{ending}" if shards else _media_file(row["audio_sha256"], ending)


def _media_file(sha256: str, ending: str) -> str:
    """Name a file by content; two levels, so that no folder grows beyond some thousand files."""
    return f"media/{sha256[:2]}/{sha256[:20]}{ending}"


def _write(path: Path, data: bytes) -> None:
    """Write a file of our own; never through a link to an original."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{threading.get_ident()}")
    part.write_bytes(data)
    part.replace(path)


def _link(media: Folder, name: str, path: Path) -> None:
    """Let a name of the page stand for an original: the same file, or a link to it on another disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    original = (media.root / name).resolve()
    with suppress(FileExistsError):
        try:
            path.hardlink_to(original)
        except FileExistsError:
            raise
        except OSError:
            path.symlink_to(original)


def write_script(path: Path, call: str, value: Any) -> None:
    """Write a call with one JSON value; ASCII only, and no sign that could end a script element."""
    text = json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    opening = call if call.endswith(",") else f"{call}("
    path.write_text(f"Audit.{opening}{text});\n", encoding="ascii")
