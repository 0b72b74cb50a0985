"""What an evaluation reads: a release that verifies, a model trained on it, the pairs to be judged."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from artsound.errors import ConfigError, EvaluationError, ReleaseError
from artsound.evaluate.frechet import FEWEST
from artsound.evaluate.systems import Rows
from artsound.release.verify import verify
from artsound.train.model import Model
from artsound.train.shards import COLUMNS, Pair, Shards

SPLITS = ("test", "val")
MOST = 256  # clips that are judged where nobody says how many


@dataclass(frozen=True)
class Choice:
    """What to evaluate, and how."""

    release: Path  # the release that the run was trained on
    run: Path  # folder of the training run, with its cache
    split: str = ""  # empty: test, or val where there is no test
    clips: int | None = None  # None: all there are, at most `MOST`
    seed: int = 0
    few: bool = False  # go on with fewer than `FEWEST` clips, without FAD∞
    weights: str = ""  # of the prior, where they do not lie where the training run found them


def check_release(folder: Path) -> None:
    """Verify every hash and count of a release.

    Raises:
        ReleaseError: it is not what its manifest says.
    """
    report = verify(folder)
    if report.problems:
        more = f" and {len(report.problems) - 1} more" if report.problems[1:] else ""
        raise ReleaseError(
            f"{folder} does not verify: {report.problems[0]}{more}; run `artsound verify {folder}`, or "
            "`artsound pull` it again"
        )


def check_origin(model: Model, shards: Shards, run: Path) -> None:
    """Hold the model against the release.

    Raises:
        ConfigError: it was trained on another one: its training pairs may be judged here.
    """
    trained_on = model.provenance.get("manifest")
    if trained_on != shards.manifest:
        was = f"{model.provenance.get('release', 'unknown')}, manifest {(trained_on or 'unknown')[:12]}"
        given = f"{shards.name} {shards.version}, manifest {shards.manifest[:12]}"
        raise ConfigError(
            f"{run} was trained on another release ({was}) than {shards.folder} ({given}): name that one, or "
            "train on this one"
        )


def chosen_split(asked: str, there: list[str]) -> str:
    """Take the split that is asked for, or the first of `SPLITS` that is there.

    Raises:
        ConfigError: none is there.
    """
    found = [name for name in ((asked,) if asked else SPLITS) if name in there]
    if not found:
        raise ConfigError(
            f"the release has no split {asked or ' or '.join(SPLITS)!r}; it has {', '.join(there)}"
        )
    return found[0]


def chosen_rows(there: int, choice: Choice, split: str) -> Rows:
    """Draw the judged rows, in order.

    Raises:
        EvaluationError: the split has fewer than asked for, or too few to extrapolate from.
    """
    count = min(there, MOST) if choice.clips is None else choice.clips
    if count > there:
        raise EvaluationError(f"{count} clips are asked for, split {split} has {there}: ask for fewer")
    if count < 2:
        raise EvaluationError(f"{count} pairs cannot be evaluated: choose more, or a split with more")
    if count < FEWEST and not choice.few:
        raise EvaluationError(
            f"{count} clips are too few for FAD∞, which needs {FEWEST}: choose more, or a split with more; "
            "`--few` goes on without it"
        )
    made: Rows = np.sort(np.random.default_rng(choice.seed).permutation(there)[:count])
    return made


def pairs_at(shards: Shards, split: str, rows: Rows) -> list[Pair]:
    """Read some pairs of a split; row groups without any are skipped. A row may come twice."""
    found = dict(_wanted(shards, split, set(rows.tolist())))
    return [found[row] for row in rows.tolist()]


def music_captions(shards: Shards, split: str) -> list[str]:
    """Read the captions of all clips of a split, and of Parquet nothing else."""
    files = _parquet(shards, split)
    if not files:
        return [pair.music_caption for pair in shards.read(split)]
    tables = (pq.read_table(path, columns=["music_caption"]) for path in files)
    return [caption for table in tables for caption in table["music_caption"].to_pylist()]


def _wanted(shards: Shards, split: str, rows: set[int]) -> Iterator[tuple[int, Pair]]:
    files = _parquet(shards, split)
    if not files:
        yield from ((row, pair) for row, pair in enumerate(shards.read(split)) if row in rows)
        return
    first = 0
    for path in files:
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            here = sorted(row for row in rows if first <= row < first + count)
            if here:
                table = file.read_row_group(group, columns=list(COLUMNS)).take([row - first for row in here])
                yield from zip(here, map(_pair, table.to_pylist()), strict=True)
            first += count


def _pair(row: dict[str, Any]) -> Pair:
    return Pair(**row | {side: row[side]["bytes"] for side in ("image", "audio")})


def _parquet(shards: Shards, split: str) -> list[Path]:
    return sorted(shards.folder.glob(f"data/{split}-*.parquet"))
