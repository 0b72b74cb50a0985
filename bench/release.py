"""Writing and checking a release, side by side with libraries that do the same: `python -m bench.release`.

Rivals take turns within one run; CPU seconds and their ratio are the figures to trust on a busy machine.
"""

import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import webdataset

from artsound import tables
from artsound.media.files import Folder
from artsound.release.hashing import HashedFile
from artsound.release.media import Sample, samples
from artsound.release.parquet import SCHEMA, leaf_names, write_parquet
from artsound.release.sample import SAMPLE
from artsound.release.verify import verify
from artsound.release.webdataset import write_tar
from bench.release_rows import file_facts, filled, make_release

PAIRS = 2000  # a shard of the size that is set unless told otherwise
IMAGE_BYTES, AUDIO_BYTES = 80_000, 160_000  # a 640 px JPEG; 10 s of an MP3 at 128 kbit/s
ROUNDS = 5
GROUP = 64_000_000


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = collection(folder, PAIRS, IMAGE_BYTES, AUDIO_BYTES)
        out = folder / "out"
        megabytes = PAIRS * (IMAGE_BYTES + AUDIO_BYTES) / 1e6
        print(f"{PAIRS} pairs, {megabytes:.0f} MB, best of {ROUNDS}")
        _race(
            "tar",
            {
                "artsound, media checked and tar hashed": lambda: _ours_tar(folder, rows, out),
                "artsound, tar hashed, media not checked": lambda: _unchecked_tar(folder, rows, out),
                "tarfile": lambda: _tarfile(folder, rows, out),
                "tarfile, hashed as ours": lambda: _tarfile(folder, rows, out, hashed=True),
                "webdataset.ShardWriter(mtime=0)": lambda: _shard_writer(folder, rows, out),
            },
            PAIRS,
        )
        _race(
            "parquet",
            {
                "artsound, media checked and file hashed": lambda: _ours_parquet(folder, rows, out),
                "pyarrow, same options": lambda: _pyarrow(folder, rows, out),
                "pyarrow, same options, hashed as ours": lambda: _pyarrow(folder, rows, out, hashed=True),
            },
            PAIRS,
        )
        _verify_race(folder, rows)


def _race(title: str, rivals: dict[str, Callable[[], object]], items: int) -> None:
    """Let rivals take turns; print the best of each by CPU and by wall, and its CPU over the first's."""
    best: dict[str, tuple[float, ...]] = {}
    for _ in range(ROUNDS):
        for name, run in rivals.items():
            wall, cpu = time.perf_counter(), _cpu()
            run()
            took = (_cpu() - cpu, time.perf_counter() - wall)
            best[name] = tuple(map(min, best.get(name, took), took))
    first = next(iter(best.values()))
    print(f"\n{title}: items per CPU second, per second of wall time; CPU of each over CPU of the first")
    for name, (cpu, wall) in best.items():
        print(f"  {name:45s} {items / cpu:9.0f} {items / wall:9.0f}   {cpu / first[0]:.2f}")


def _cpu() -> float:
    own, children = os.times(), os.times()
    return own.user + own.system + children.children_user + children.children_system


def collection(folder: Path, pairs: int, image_bytes: int, audio_bytes: int) -> pa.Table:
    """Write media that do not compress; plan their release."""
    random = np.random.default_rng(0)
    (folder / "art").mkdir()
    (folder / "music").mkdir()
    rows = []
    for number in range(pairs):
        image, audio = random.bytes(image_bytes), random.bytes(audio_bytes)
        (folder / "art" / f"{number}.jpg").write_bytes(image)
        (folder / "music" / f"{number}.mp3").write_bytes(audio)
        rows.append(_row(number, image, audio))
    return tables.rows_of("release_rows", sorted(rows, key=lambda row: row["pair_id"]))


def _row(number: int, image: bytes, audio: bytes) -> dict[str, Any]:
    key = hashlib.sha256(str(number).encode()).hexdigest()[:16]
    tier = {"tier": "open"}
    words = {f"{side}_{name}": f"{side} {name} {number}" for side in ("art", "music") for name in _WORDS}
    caption = " ".join(f"word{(number * 7 + i) % 97}" for i in range(40))
    captions = {"art_caption": f"A painting: {caption}.", "music_caption": f"A song: {caption}."}
    sides = {
        side: {
            "title": words[f"{side}_title"],
            "artist": words[f"{side}_artist"],
            "licence": words[f"{side}_licence"],
            "licence_url": None,
            "source_url": f"https://example.org/{number}",
            "caption": {"caption": captions[f"{side}_caption"], "paragraph": f"{caption}. " * 4},
        }
        for side in ("art", "music")
    }
    artwork = sides["art"] | {"artwork_id": f"a{number}", "image": file_facts(image, "jpg")}
    music = sides["music"] | {"clip_id": f"t{number}", "audio": file_facts(audio, "mp3")}
    said = {"pair_id": key, "split": "train", "score": 0.5, "artwork": artwork, "music": music} | tier
    meta = filled(SAMPLE, said)
    media = {
        f"{kind}_{name}": value
        for kind, data, form in (("image", image, "jpg"), ("audio", audio, "mp3"))
        for name, value in {"path": f"{number}.{form}", **file_facts(data, form)}.items()
    }
    ids = {
        "pair_id": key,
        "split": "train",
        "artwork_id": f"a{number}",
        "clip_id": f"t{number}",
        "score": 0.5,
    }
    return ids | tier | words | captions | media | {"meta": json.dumps(meta, sort_keys=True)}


_WORDS = ("title", "artist", "licence")


def _ours_tar(folder: Path, rows: pa.Table, out: Path) -> None:
    with HashedFile(out) as file:
        write_tar(file, samples([rows], Folder(folder / "art"), Folder(folder / "music")))


def _unchecked_tar(folder: Path, rows: pa.Table, out: Path) -> None:
    """Write our tar of media that are read as the rivals read them."""
    with HashedFile(out) as file:
        write_tar(file, (_sample(row, _members(folder, row)) for row in rows.to_pylist()))


def _sample(row: dict[str, Any], data: dict[str, bytes]) -> Sample:
    texts = (data["json"], data["art.txt"], data["music.txt"])
    return Sample(row["pair_id"], data["jpg"], "jpg", data["mp3"], "mp3", *texts)


def _tarfile(folder: Path, rows: pa.Table, out: Path, *, hashed: bool = False) -> None:
    with tarfile.open(out, "w", format=tarfile.USTAR_FORMAT) as tar:
        for row in rows.to_pylist():
            for ending, data in _members(folder, row, hashed=hashed).items():
                info = tarfile.TarInfo(f"{row['pair_id']}.{ending}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    if hashed:
        with out.open("rb") as file:
            hashlib.file_digest(file, "sha256")


def _shard_writer(folder: Path, rows: pa.Table, out: Path) -> None:
    with webdataset.ShardWriter(f"{out}-%06d.tar", maxcount=PAIRS, maxsize=1e12, verbose=0, mtime=0) as tar:
        for row in rows.to_pylist():
            tar.write({"__key__": row["pair_id"], **_members(folder, row)})


def _members(folder: Path, row: dict[str, Any], *, hashed: bool = False) -> dict[str, bytes]:
    image = (folder / "art" / row["image_path"]).read_bytes()
    audio = (folder / "music" / row["audio_path"]).read_bytes()
    if hashed:
        assert hashlib.sha256(image).hexdigest() == row["image_sha256"]
        assert hashlib.sha256(audio).hexdigest() == row["audio_sha256"]
    texts = {"json": row["meta"], "art.txt": row["art_caption"], "music.txt": row["music_caption"]}
    return {"jpg": image, "mp3": audio, **{name: text.encode() for name, text in texts.items()}}


def _ours_parquet(folder: Path, rows: pa.Table, out: Path) -> None:
    images, audio = Folder(folder / "art"), Folder(folder / "music")
    with HashedFile(out) as file:
        write_parquet(file, [rows], images=images, audio=audio, group_bytes=GROUP)


def _pyarrow(folder: Path, rows: pa.Table, out: Path, *, hashed: bool = False) -> None:
    leaves = leaf_names(SCHEMA)
    media = [leaf for leaf in leaves if "." in leaf]
    small = [leaf for leaf in leaves if leaf not in media]
    per_group = GROUP // (IMAGE_BYTES + AUDIO_BYTES)
    with pq.ParquetWriter(
        out,
        SCHEMA,
        compression={leaf: "NONE" if leaf in media else "ZSTD" for leaf in leaves},
        use_dictionary=[leaf for leaf in small if leaf not in ("pair_id", "meta")],
        write_statistics=small,
        write_page_index=True,
        use_content_defined_chunking=True,
    ) as writer:
        for start in range(0, len(rows), per_group):
            part = rows.slice(start, per_group).to_pylist()
            for row in part:
                found = _members(folder, row, hashed=hashed)
                row["image"] = {"bytes": found["jpg"], "path": f"{row['pair_id']}.jpg"}
                row["audio"] = {"bytes": found["mp3"], "path": f"{row['pair_id']}.mp3"}
            writer.write_table(pa.Table.from_pylist(part, schema=SCHEMA))
    if hashed:
        with out.open("rb") as file:
            hashlib.file_digest(file, "sha256")


def _verify_race(folder: Path, rows: pa.Table) -> None:
    made = make_release(folder, rows)
    command = f"cut -c67- SHA256SUMS | xargs -P {os.cpu_count()} -n 6 sha256sum > /dev/null"
    _race(
        "verify",
        {
            "artsound verify": lambda: verify(made),
            "sha256sum on all cores": lambda: subprocess.run(  # noqa: S602
                command, cwd=made, check=True, shell=True
            ),
        },
        PAIRS,
    )


if __name__ == "__main__":
    main()
