"""What an evaluation leaves behind: report.json for machines, report.md to paste, a page to look at."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from artsound.errors import StoreError
from artsound.evaluate.measure import Measured
from artsound.store import write_whole

DIGITS = 6  # significant ones in the JSON
REAL_OR_TOLD = {"oracle conditioning", "nearest training picture", "real clip through the codec"}


class Example(NamedTuple):
    """One picture and what every system plays to it."""

    pair_id: str
    caption: str
    image: bytes
    real: np.ndarray  # the clip that belongs to the picture
    clips: Mapping[str, np.ndarray]  # system → clip


@dataclass(frozen=True)
class Report:
    """Everything that was found."""

    about: Mapping[str, Any]
    judges: Sequence[Mapping[str, Any]]  # ear, name, and what part it had in the pairs (empty: none)
    rows: Mapping[str, Measured]  # system → metrics
    scores: Sequence[Mapping[str, Any]]  # conditional scores: name, ear, and what part they had in the pairs
    miners: Sequence[Mapping[str, str]] = ()  # who chose the pairs
    likelihood: Mapping[str, Any] = field(default_factory=dict)  # what the model's own losses say
    sensitivity: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # ear → what changes a piece
    how: Mapping[str, str] = field(default_factory=dict)  # row → what it is with this prior
    absent: Mapping[str, str] = field(default_factory=dict)  # row → why this prior cannot have it
    missing: Mapping[str, str] = field(default_factory=dict)  # metric → why it is not there
    notes: Sequence[str] = ()


class Column(NamedTuple):
    """One column of a table."""

    title: str
    lower_is_better: bool | None  # None: neither
    path: tuple[str, ...]  # into a row's metrics; `{ear}` stands for the ear
    digits: int
    sign: int = 1  # -1 where the score is the negative of what the column shows


SAME = "same sound, {ear}"
COLUMNS = (
    Column("FAD∞", True, ("fad_infinity", "{ear}", "value"), 2),
    Column("± 95 %", None, ("fad_infinity", "{ear}", "within"), 2),
    Column("FAD", True, ("fad", "{ear}"), 2),
    Column("KAD", True, ("kad", "{ear}", "value"), 2),
    Column("FAD∞ full width", True, ("whole", "fad_infinity", "{ear}", "value"), 2),
    Column("KAD full width", True, ("whole", "kad", "{ear}", "value"), 2),
    Column("KL softmax", True, ("scores", "minus KL (softmax), {ear}", "gap", "matched"), 3, -1),
    Column("KL sigmoid", True, ("scores", "minus KL (sigmoid), {ear}", "gap", "matched"), 3, -1),
    Column("IS", False, ("inception_score", "{ear}"), 2),
    Column("Vendi", False, ("vendi", "{ear}"), 1),
    Column("distance", False, ("pairwise_distance", "{ear}"), 3),
    Column("R@1", False, ("scores", SAME, "retrieval", "recall_at_1"), 3),
    Column("R@5", False, ("scores", SAME, "retrieval", "recall_at_5"), 3),
    Column("R@10", False, ("scores", SAME, "retrieval", "recall_at_10"), 3),
    Column("median rank", True, ("scores", SAME, "retrieval", "median_rank"), 1),
)


def write_report(folder: Path, report: Report, examples: Sequence[Example], rate: int) -> None:
    """Write the three forms of a report into a folder; the JSON comes last and means *done*.

    Raises:
        StoreError: the folder cannot be written.
    """
    from artsound.evaluate.markdown import markdown  # noqa: PLC0415  # both forms read this module's columns
    from artsound.evaluate.page import write_page  # noqa: PLC0415

    text = json.dumps(rounded(asdict(report)), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_page(folder, report, examples, rate)
        write_whole(folder / "report.md", lambda part: part.write_text(markdown(report), encoding="utf-8"))
        write_whole(folder / "report.json", lambda part: part.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise StoreError(
            f"cannot write to {folder}: {error.strerror or error}; name another --out"
        ) from error


def rounded(value: Any) -> Any:
    """Cut numbers to `DIGITS`; what is not a finite number is null."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: rounded(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inner) for inner in value]
    return value


def cell(metrics: Measured, column: Column, ear: str) -> float | None:
    """Look a number up; None where the ear or the size of the set does not give it."""
    found: Any = metrics
    for name in column.path:
        found = found.get(name.format(ear=ear)) if isinstance(found, Mapping) else None
    return None if found is None else column.sign * float(found)


def shown_columns(report: Report, ear: str) -> list[Column]:
    """List the columns that an ear has numbers for."""
    return [one for one in COLUMNS if any(cell(row, one, ear) is not None for row in report.rows.values())]


def best(report: Report, column: Column, ear: str) -> float | None:
    """Find the best number that a prior reached without hearing the real clip or playing a real one."""
    found = [
        value
        for name, row in report.rows.items()
        if name not in REAL_OR_TOLD and (value := cell(row, column, ear)) is not None
    ]
    if column.lower_is_better is None or not found:
        return None
    return min(found) if column.lower_is_better else max(found)


def number(value: float | None, digits: int) -> str:
    """Print a number, or a dash for none."""
    return "–" if value is None else f"{value:.{digits}f}"
