"""What an evaluation leaves behind: report.json for machines, report.md to paste, a page to look at."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from artsound.evaluate.measure import Measured
from artsound.store import write_whole

DIGITS = 6  # significant ones in the JSON


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
    judges: Sequence[Mapping[str, Any]]  # name, and whether it had a part in choosing the pairs
    rows: Mapping[str, Measured]  # system → metrics
    likelihood: Mapping[str, Any] = field(default_factory=dict)  # what the model's own losses say
    missing: Mapping[str, str] = field(default_factory=dict)  # row or metric → why it is not there
    notes: Sequence[str] = ()


class Column(NamedTuple):
    """One column of the table."""

    title: str
    lower_is_better: bool | None  # None: neither
    path: tuple[str, ...]  # into a row's metrics, without the ear
    digits: int


COLUMNS = (
    Column("FAD∞", True, ("fad_infinity", "value"), 3),
    Column("FAD", True, ("fad",), 3),
    Column("KAD", True, ("kad", "value"), 2),
    Column("KL softmax", True, ("kl_softmax",), 3),
    Column("KL sigmoid", True, ("kl_sigmoid",), 3),
    Column("IS", False, ("inception_score",), 2),
    Column("Vendi", False, ("vendi",), 1),
    Column("R@1", False, ("retrieval", "recall_at_1"), 3),
    Column("R@10", False, ("retrieval", "recall_at_10"), 3),
    Column("median rank", True, ("retrieval", "median_rank"), 1),
)


def write_report(folder: Path, report: Report, examples: Sequence[Example], rate: int) -> None:
    """Write the three forms of a report into a folder; the JSON comes last and means *done*."""
    from artsound.evaluate.page import write_page  # noqa: PLC0415  # the page formats by this module's columns

    folder.mkdir(parents=True, exist_ok=True)
    write_page(folder, report, examples, rate)
    write_whole(folder / "report.md", lambda part: part.write_text(markdown(report), encoding="utf-8"))
    text = json.dumps(rounded(asdict(report)), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(folder / "report.json", lambda part: part.write_text(text, encoding="utf-8"))


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
    first, *rest = column.path
    found: Any = metrics.get(first, {}).get(ear)
    for name in rest:
        found = None if found is None else found[name]
    return None if found is None else float(found)


def ears_of(report: Report) -> list[str]:
    """List the ears, in the order of the judges."""
    return list(next(iter(report.rows.values()))["fad"])


def best(report: Report, column: Column, ear: str) -> float | None:
    """Find the best number of a column among rows that are made by a prior from a picture or from nothing."""
    found = [value for row in report.rows.values() if (value := cell(row, column, ear)) is not None]
    if column.lower_is_better is None or not found:
        return None
    return min(found) if column.lower_is_better else max(found)


def markdown(report: Report) -> str:
    """Write the report as Markdown tables, one an ear."""
    lines = ["# Evaluation", "", *(f"- {name}: {_plain(value)}" for name, value in report.about.items()), ""]
    for ear, judge in zip(ears_of(report), report.judges, strict=True):
        lines += [f"## Heard by {judge['name']}{_circular(judge)}", "", *_table(report, ear), ""]
    lines += ["## Does the picture matter?", "", *_gaps(report), ""]
    if report.likelihood:
        lines += ["## What the model's own losses say", "", *_losses(report.likelihood), ""]
    if report.missing:
        lines += ["## Not measured", "", *(f"- {name}: {why}" for name, why in report.missing.items()), ""]
    return "\n".join([*lines, "## Notes", "", *(f"- {note}" for note in report.notes), ""])


def _plain(value: Any) -> str:
    return ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, Mapping) else str(value)


def _circular(judge: Mapping[str, Any]) -> str:
    return " (circular: it had a part in choosing the pairs)" if judge["circular"] else ""


def _table(report: Report, ear: str) -> list[str]:
    shown = [one for one in COLUMNS if any(cell(row, one, ear) is not None for row in report.rows.values())]
    arrows = [{True: " ↓", False: " ↑", None: ""}[one.lower_is_better] for one in shown]
    head = [f"{one.title}{arrow}" for one, arrow in zip(shown, arrows, strict=True)]
    lines = [f"| system | {' | '.join(head)} |", f"|---|{'---:|' * len(shown)}"]
    for name, row in report.rows.items():
        values = [number(cell(row, one, ear), one.digits) for one in shown]
        lines.append(f"| {name} | {' | '.join(values)} |")
    return lines


def number(value: float | None, digits: int) -> str:
    """Print a number, or a dash for none."""
    return "–" if value is None else f"{value:.{digits}f}"


def _gaps(report: Report) -> list[str]:
    lines = [
        "| system | score | matched | shuffled | gap | 95 % | wins |",
        "|---|---|---:|---:|---:|---|---:|",
    ]
    for name, row in report.rows.items():
        for score, one in row["gap"].items():
            numbers = f"{one['matched']:.3f} | {one['shuffled']:.3f} | {one['difference']:+.3f}"
            interval = f"{one['low']:+.3f} to {one['high']:+.3f}"
            lines.append(f"| {name} | {score} | {numbers} | {interval} | {one['win_rate']:.0%} |")
    return lines


def _losses(found: Mapping[str, Any]) -> list[str]:
    loss, gap, seen = found["loss"], found["gap"], found["retrieval"]
    return [
        f"- denoising loss: matched {loss['matched']:.4f}, shuffled {loss['shuffled']:.4f}, "
        f"no picture {loss['null']:.4f}",
        f"- (shuffled − matched) / null: {found['relative_gap']:.4f}; gap {gap['difference']:.4f} "
        f"({gap['low']:.4f} to {gap['high']:.4f}), own picture wins {gap['win_rate']:.0%}",
        f"- finding the own picture among {seen['candidates']}: R@1 {seen['recall_at_1']:.3f}, "
        f"R@10 {seen['recall_at_10']:.3f}, median rank {seen['median_rank']:.1f}",
    ]
