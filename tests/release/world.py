"""A small collection with real media, planned for release."""

import hashlib
import io
import math
import wave
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
from PIL import Image

from artsound import tables
from artsound.media.files import Folder
from artsound.release.build import Release, ReleaseOptions
from artsound.release.manifest import MANIFEST, SUMS, ReleaseManifest, read_manifest, record_of
from artsound.release.plan import plan_release
from tests.rows import row

NASTY = '<script>alert("x")</script>\nit’s [a](b) "quoted" | title'
FACTS = {"code_version": "0", "models": {"image": "fake@1"}, "leaks": {"shared artists": 0}, "settings": {}}


def png(number: int) -> bytes:
    """Draw a small picture."""
    out = io.BytesIO()
    Image.new("RGB", (8 + number % 3, 8), (number % 256, 80, 160)).save(out, "PNG")
    return out.getvalue()


def wav(number: int, samples: int = 400) -> bytes:
    """Play a short tone."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        tone = (int(8000 * math.sin(i * (number + 1) / 20)) for i in range(samples))
        file.writeframes(b"".join(value.to_bytes(2, "little", signed=True) for value in tone))
    return out.getvalue()


def make_media(folder: Path, count: int) -> None:
    """Write pictures and tones; names are such as users have."""
    (folder / "art").mkdir(parents=True)
    (folder / "music").mkdir(parents=True)
    for number in range(count):
        (folder / "art" / f"pic ü%20 {number}.png").write_bytes(png(number))
        (folder / "music" / f"tone {number}.wav").write_bytes(wav(number))


def plan(folder: Path, count: int, **changes: Any) -> pa.Table:
    """Plan the release of a folder of `make_media`."""
    with TemporaryDirectory() as scratch:
        planned = plan_release(tables_of(folder, count, **changes), Path(scratch) / "ordered")
        return tables.conform("release_rows", planned(0, count).rows)


def tables_of(folder: Path, count: int, **changes: Any) -> dict[str, pa.Table]:
    """Make the tables that a plan is made of."""
    names = [f"{number:04d}" for number in range(count)]
    art = [
        _file(folder / "art", f"pic ü%20 {i}.png", "image_path", "png")
        | {
            "artwork_id": f"a{name}",
            "artist_id": f"art:{i % 3}",
            "title": NASTY if i == 0 else f"Picture {i}",
        }
        | {"source_url": f"https://example.org/a/{i}", "width": 8, "height": 8}
        for i, name in enumerate(names)
    ]
    clip = [
        _file(folder / "music", f"tone {i}.wav", "audio_path", "wav")
        | {
            "clip_id": f"t{name}",
            "track_id": f"t{name}",
            "duration": 0.05,
            "sample_rate": 8000,
            "channels": 1,
            "bit_rate": 256_000,
        }
        for i, name in enumerate(names)
    ]
    track = [{"track_id": f"t{name}", "artist_id": "music:0", "licence": "CC-BY-4.0"} for name in names]
    pairs = [
        {"pair_id": _pair_id(f"a{name}", f"t{name}"), "artwork_id": f"a{name}", "clip_id": f"t{name}"}
        | {"split": ("train", "train", "val", "test")[i % 4], "score": round(0.9 - i / 1000, 6)}
        | {"terms": [{"name": "sentence", "value": 0.1}, {"name": "affect", "value": 0.2}]}
        for i, name in enumerate(names)
    ]
    given = {
        "pairs": pairs,
        "artworks": art,
        "artists": [
            {"artist_id": who, "name": None if who == "art:2" else f"Maker {who}"}
            for who in ("art:0", "art:1", "art:2", "music:0")
        ],
        "tracks": track,
        "clips": clip,
        "art_captions": [{"artwork_id": f"a{name}", "caption": f"A picture, {name}."} for name in names],
        "music_captions": [{"clip_id": f"t{name}", "caption": f"A tone, {name}."} for name in names],
        "art_measures": [{"artwork_id": f"a{name}", "lightness": 0.1} for name in names],
        "music_measures": [{"clip_id": f"t{name}", "tempo": 0.1} for name in names],
    } | changes
    return {name: tables.rows_of(name, [row(name, **one) for one in rows]) for name, rows in given.items()}


def release(folder: Path, rows: pa.Table, place: Path | None = None, **options: Any) -> Release:
    """Prepare a release of many small shards."""
    chosen = {"shard_megabytes": 0.03, "row_group_megabytes": 0.004, "published": "2026-01-02"} | options
    made = ReleaseOptions(**{"name": "demo", "version": "1.0.0"} | chosen)
    where = (place or folder / "release") / made.folder_name
    images, audio = Folder(folder / "art"), Folder(folder / "music")
    return Release(where, rows, options=made, images=images, audio=audio, facts=FACTS)


def build(making: Release) -> ReleaseManifest:
    """Drive a release from start to end."""
    for number in range(making.parts()):
        making.run(number)
    return making.finish()


def rehash(folder: Path) -> None:
    """Mend manifest and sums of a release, as someone would who wants a change not to be seen."""
    old = read_manifest(folder)
    files = tuple(
        record_of(folder, one.path, role=one.role, split=one.split, rows=one.rows) for one in old.files
    )
    new = replace(old, files=files)
    (folder / MANIFEST).write_text(new.text())
    (folder / SUMS).write_text(new.sums())


def names(folder: Path) -> list[str]:
    """List a folder."""
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    """Read all files of a folder."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def _file(root: Path, name: str, column: str, form: str) -> dict[str, Any]:
    data = (root / name).read_bytes()
    return {column: name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "format": form}


def _pair_id(artwork: str, clip: str) -> str:
    return hashlib.sha256(f"{artwork}\n{clip}".encode()).hexdigest()[:16]
