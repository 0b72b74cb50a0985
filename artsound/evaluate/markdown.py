"""The report as Markdown: tables to paste. What comes from data is escaped."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from artsound.evaluate.report import Report, cell, number, shown_columns

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!&])")


def escaped(text: str) -> str:
    r"""Let Markdown and HTML in a text stand for themselves, on one line.

    Examples:
        >>> print(escaped("a|b <i>"))
        a\|b \<i\>
    """
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def markdown(report: Report) -> str:
    """Write the report, one section a question."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield from ("# Evaluation", "")
    yield from (f"- {escaped(name)}: {_plain(value)}" for name, value in report.about.items())
    for judge in report.judges:
        yield from ("", f"## Heard by {escaped(judge['name'])}{_part(judge)}", "")
        yield from _table(report, judge["ear"])
    yield from ("", "## Does the picture matter?", "", *_gaps(report))
    if report.likelihood:
        yield from ("", "## What the model's own losses say", "", *_losses(report.likelihood))
    if report.sensitivity:
        yield from ("", "## What changes a piece?", "", *_sensitivity(report))
    yield from _list("What the rows are", report.how.items())
    yield from _list("Who chose the pairs", [(one["name"], one["part"]) for one in report.miners])
    yield from _list("Not measured", [*report.absent.items(), *report.missing.items()])
    yield from ("", "## Notes", "", *(f"- {escaped(note)}" for note in report.notes))


def _list(title: str, of: Collection[tuple[str, str]]) -> Iterator[str]:
    if of:
        yield from ("", f"## {title}", "")
        yield from (f"- {escaped(name)}: {escaped(text)}" for name, text in of)


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return escaped(", ".join(f"{name} {one}" for name, one in value.items()))
    return escaped(str(value))


def _part(judge: Mapping[str, Any]) -> str:
    return f" († circular: {escaped(judge['circular'])})" if judge["circular"] else ""


def _table(report: Report, ear: str) -> Iterator[str]:
    shown = shown_columns(report, ear)
    arrows = [{True: " ↓", False: " ↑", None: ""}[one.lower_is_better] for one in shown]
    head = [f"{one.title}{arrow}" for one, arrow in zip(shown, arrows, strict=True)]
    yield f"| system | {' | '.join(head)} |"
    yield f"|---|{'---:|' * len(shown)}"
    for name, row in report.rows.items():
        values = [number(cell(row, one, ear), one.digits) for one in shown]
        yield f"| {escaped(name)} | {' | '.join(values)} |"
    for name in report.absent:
        yield f"| {escaped(name)} | {' | '.join(['–'] * len(shown))} |"


def _gaps(report: Report) -> Iterator[str]:
    yield "| system | score | matched | shuffled | gap | 95 % | wins | R@10 gap | 95 % |"
    yield "|---|---|---:|---:|---:|---|---:|---:|---|"
    marks = {one["name"]: " †" if one["circular"] else "" for one in report.scores}
    for system, row in report.rows.items():
        for score, found in row["scores"].items():
            one, hits = found["gap"], found["found_gap"]
            name = f"{escaped(score)}{marks.get(score, '')}"
            yield (
                f"| {escaped(system)} | {name} | {one['matched']:.3f} | {one['shuffled']:.3f} "
                f"| {_interval(one)} | {one['win_rate']:.0%} | {_interval(hits)} |"
            )


def _interval(gap: Mapping[str, float]) -> str:
    return f"{gap['difference']:+.3f} | {gap['low']:+.3f} to {gap['high']:+.3f}"


def _losses(found: Mapping[str, Any]) -> Iterator[str]:
    loss, gap, seen = found["loss"], found["gap"], found["retrieval"]
    yield (
        f"- denoising loss: matched {loss['matched']:.4f}, shuffled {loss['shuffled']:.4f}, "
        f"no picture {loss['null']:.4f}"
    )
    yield (
        f"- (shuffled − matched) / null: {found['relative_gap']:.4f}; gap {gap['difference']:.4f} "
        f"({gap['low']:.4f} to {gap['high']:.4f}), own picture wins {gap['win_rate']:.0%}"
    )
    yield (
        f"- finding the own picture among {seen['candidates']}: R@1 {seen['recall_at_1']:.3f}, "
        f"R@10 {seen['recall_at_10']:.3f}, median rank {seen['median_rank']:.1f}"
    )


def _sensitivity(report: Report) -> Iterator[str]:
    yield "| ear | other picture, same noise | same picture, other noise | both other | Vendi a picture |"
    yield "|---|---:|---:|---:|---:|"
    for ear, one in report.sensitivity.items():
        yield (
            f"| {escaped(ear)} | {one['swapped']:.3f} | {one['again']:.3f} | {one['apart']:.3f} "
            f"| {one['vendi_again']:.2f} |"
        )
