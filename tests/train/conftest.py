"""A release of synthetic pairs, small enough for a fast test."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from PIL import Image

from artsound.release.manifest import FORMAT, FileRecord, ReleaseManifest, record_of
from artsound.train import synthetic
from artsound.train.run import prepare
from artsound.train.settings import Loop, Machine, Sampling, SmallPrior, TrainSettings

SIZES = {"train": 24, "val": 6, "test": 6}
MEDIA = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def _png(number: int) -> bytes:
    file = io.BytesIO()
    pixels = synthetic.draw_image(synthetic.attributes(0, number), np.random.default_rng([1, number]))
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _wav(number: int) -> bytes:
    file = io.BytesIO()
    sound = synthetic.draw_sound(synthetic.attributes(0, number), np.random.default_rng([2, number]))
    soundfile.write(file, sound, synthetic.RATE, format="WAV")
    return file.getvalue()


def _record(folder: Path, name: str) -> FileRecord:
    split = name.split("-", maxsplit=1)[0]
    return record_of(folder, f"data/{name}", role="parquet", split=split, rows=SIZES[split])


def write_release(folder: Path, version: str = "1.0.0") -> Path:
    (folder / "data").mkdir(parents=True)
    number = 0
    for split, size in SIZES.items():
        rows = []
        for _ in range(size):
            rows.append(
                {
                    "pair_id": f"{number:016x}",
                    "score": number / 100,
                    "art_caption": "a",
                    "music_caption": "m",
                    "image": {"bytes": _png(number), "path": f"{number}.png"},
                    "audio": {"bytes": _wav(number), "path": f"{number}.wav"},
                }
            )
            number += 1
        schema = pa.schema(
            [
                ("pair_id", pa.string()),
                ("score", pa.float64()),
                ("art_caption", pa.string()),
                ("music_caption", pa.string()),
                ("image", MEDIA),
                ("audio", MEDIA),
            ]
        )
        path = folder / "data" / f"{split}-00000-of-00001.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    made = ReleaseManifest(
        format=FORMAT,
        name="tiny",
        version=version,
        made_from="test",
        pairs=number,
        splits=dict(SIZES),
        tiers={},
        licences={"art": {}, "music": {}},
        media=True,
        files=tuple(_record(folder, path.name) for path in sorted((folder / "data").iterdir())),
        facts={},
    )
    (folder / "manifest.json").write_text(made.text())
    return folder


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_release(tmp_path_factory.mktemp("release") / "tiny-1.0.0")


def tiny_settings(release: Path, run: Path) -> TrainSettings:
    loop = Loop(samples=48, batch=8, warmup=8, checkpoint_every=16, log_every=8)
    return TrainSettings(
        release=release,
        run=run,
        prior=SmallPrior(width=16, blocks=1, heads=2),
        pretrain=loop,
        loop=loop,
        sampling=Sampling(steps=1),
        machine=Machine(threads=1, part_rows=10),
    )


@pytest.fixture
def settings(release: Path, tmp_path: Path) -> TrainSettings:
    return tiny_settings(release, tmp_path / "run")


@pytest.fixture
def prepared(settings: TrainSettings) -> TrainSettings:
    prepare(settings)
    return settings
