"""The embedding stage against its model alone: ViT-B/32 images and HTSAT clips, random weights.

The bare model runs forward on preloaded batches of the same size; the stage reads, decodes, prepares, runs
the model and makes the table, part after part. The two take turns. The model gets `--threads`
cores, so that on a machine without a GPU the decoding workers have one, as they have beside a GPU.
"""

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import soundfile
from PIL import Image

from artsound.embeddings import embed_artworks, embed_clips
from artsound.media.files import open_media

IMAGES, CLIPS, SECONDS = 256, 18, 30  # a part, above what is worth worker processes


def _own() -> float:
    """CPU seconds of this process, which runs the model; its decoding workers are others."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _workers() -> float:
    """CPU seconds of the living workers."""
    ticks = 0
    for child in multiprocessing.active_children():
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _timed(work: Callable[[], Any]) -> tuple[float, float, float]:
    own, others, wall = _own(), _workers(), time.perf_counter()
    work()
    return _own() - own, _workers() - others, time.perf_counter() - wall


def _compare(what: str, count: int, bare: Callable[[], Any], stage: Callable[[], Any], turns: int) -> None:
    """Let the two take turns; print rates, their ratio, and the memory after the first and the last part."""
    stage()  # starts the workers, as the first part of a table does
    bares, stages, peaks = [], [], []
    for _ in range(turns):
        bares.append(_timed(bare))
        stages.append(_timed(stage))
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
    alone, whole = (min(wall for *_, wall in times) for times in (bares, stages))
    each = sorted(bare[2] / stage[2] for bare, stage in zip(bares, stages, strict=True))
    own = sorted(bare[0] / stage[0] for bare, stage in zip(bares, stages, strict=True))
    spent = sum(workers for _, workers, _ in stages) / turns / count
    print(
        f"{what}: bare {count / alone:.2f}/s, stage {count / whole:.2f}/s, best against best "
        f"{alone / whole:.3f}; turn by turn {', '.join(f'{one:.3f}' for one in each)}; in CPU seconds of the "
        f"model's process, median {own[turns // 2]:.3f}; workers {1000 * spent:.1f} CPU ms an item; "
        f"peak memory {peaks[0]:.2f} GB after part 2, {peaks[-1]:.2f} GB after part {turns + 1}",
        flush=True,
    )


def _forward(encode: Callable[[Sequence[Any]], np.ndarray], prepared: list[Any], size: int) -> None:
    for start in range(0, len(prepared), size):
        encode(prepared[start : start + size])


def _images(folder: Path, weights: Path, given: argparse.Namespace) -> None:
    from artsound.models.openclip import ClipImages

    encoder = ClipImages(weights)
    random = np.random.default_rng(0)
    for number in range(IMAGES):
        smooth = Image.fromarray(random.integers(0, 256, (24, 32, 3), np.uint8)).resize((1024, 768))
        smooth.save(folder / f"{number}.jpg", quality=90)
    names = [f"{number}.jpg" for number in range(IMAGES)]
    rows = pa.table({"artwork_id": names, "image_path": names})
    prepared = [encoder.prepare(random.integers(0, 256, (224, 224, 3), np.uint8)) for _ in range(IMAGES)]
    media, size = open_media(folder), given.batch_size
    stage = partial(
        *(embed_artworks, rows),
        encoder=encoder,
        media=media,
        max_megapixels=10,
        batch_size=size,
        workers=given.workers,
    )
    _compare("images, ViT-B/32", IMAGES, lambda: _forward(encoder, prepared, size), stage, given.turns)


def _clips(folder: Path, weights: Path, given: argparse.Namespace) -> None:
    from artsound.models.clap import ClapSounds
    from artsound.models.windows import WindowRule

    encoder = ClapSounds(weights, rule=WindowRule(10, 10, "mean"))
    random = np.random.default_rng(0)
    for number in range(CLIPS):
        noise = random.standard_normal((44_100 * SECONDS, 2)).astype(np.float32) * 0.1
        soundfile.write(folder / f"{number}.mp3", noise, 44_100)
    names = [f"{number}.mp3" for number in range(CLIPS)]
    rows = pa.table({"clip_id": names, "audio_path": names})
    prepared = [encoder.prepare(random.standard_normal(48_000 * SECONDS).astype(np.float32)) for _ in names]
    media, size = open_media(folder), given.batch_size
    stage = partial(embed_clips, rows, encoder=encoder, media=media, batch_size=size, workers=given.workers)
    _compare("clips of 30 s, HTSAT", CLIPS, lambda: _forward(encoder, prepared, size), stage, given.turns)


def main() -> None:
    """Measure both sides; needs the extra `models`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", choices=("images", "clips"))
    given, _ = parser.parse_known_args()
    import torch

    from tests.models import tiny

    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for side, work, make in (("images", _images, tiny.clip_vit_b_32), ("clips", _clips, tiny.clap_htsat)):
            if given.only in (None, side):
                (folder / side).mkdir()
                work(folder / side, make(folder / f"{side}-weights"), given)


if __name__ == "__main__":
    main()
