"""A quality report as files: JSON for programs, Markdown for people, and a list of who has no partner."""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from artsound.matching.changes import Changes
from artsound.matching.explain import HUB_TOP
from artsound.matching.report import Report

GROUPS_SHOWN = 20  # styles or genres a table, those with most pairs first
SIDES = {"art": "artworks", "music": "clips"}
RULES = (
    "`matching` is what the build made, under its rules. The others know no least score, no forbidden pairs "
    "and no limits but one to one, or none (top_k, captions_only); `optimal` is the best one to one."
)
ALONE = ("split", "side", "item_id", "reason", "price")


def write_report(whole: Report, matching: pa.Table, folder: Path, plots: Sequence[Path] = ()) -> None:
    """Write `report.json`, `report.md` and `unmatched.csv`.

    Args:
        whole: what `quality` reports, under `splits`, with the history of the matching.
        matching: rows of `matching`.
        folder: where they go.
        plots: pictures in that folder, to show in the Markdown.
    """
    alone = [row for row in matching.to_pylist() if not row["partners"]]
    text = json.dumps(whole, indent=2, ensure_ascii=False)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    (folder / "report.md").write_text("\n\n".join(_paragraphs(whole, alone, plots)) + "\n", encoding="utf-8")
    with (folder / "unmatched.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ALONE, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(alone, key=lambda row: (row["split"], row["side"], row["item_id"])))


def _paragraphs(whole: Report, alone: Sequence[Mapping[str, Any]], plots: Sequence[Path]) -> Iterator[str]:
    yield "# How good the matching is"
    if whole["changes"]:
        yield f"Since the matching before: {Changes(**whole['changes']).text()}."
    reasons = Counter((row["split"], row["side"], row["reason"]) for row in alone)
    if reasons:
        yield "## Without a partner"
        yield _table(
            ("split", "side", "why", "items"),
            ((split, SIDES[side], why, count) for (split, side, why), count in sorted(reasons.items())),
        )
    for split, one in whole["splits"].items():
        yield f"## {split}: {one['pairs']} pairs"
        yield from (
            f"![scores, hubs, gap]({path.name})" for path in plots if path.stem == f"matching-{split}"
        )
        yield from _scores(one)
        yield from _hubs(one["hubness"])
        yield "### Selectors on the same vectors"
        yield RULES
        yield _selectors(one["selectors"])
        for name, groups in one["groups"].items():
            yield f"### By {name}"
            yield _groups(name, groups)
        if one["rounds"]:
            yield "### Exact passes"
            yield _passes(one["rounds"])


def _scores(one: Report) -> Iterator[str]:
    score, chance, covered = one["score"], one["chance"], one["coverage"]
    yield _table(
        ("", "mean", "median", "lowest tenth", "least", "greatest"),
        [("matched", *score.values()), ("shuffled", chance["mean"], "", "", "", "")],
    )
    low, high = chance["interval"]
    yield (
        f"Shuffles of the same partners score {low:.4f} to {high:.4f} on average (95 % of them); a share of "
        f"{chance['beaten_by_shuffles']:.3f} is as good as the matching. {100 * covered['artworks']:.1f} % "
        f"of the artworks and {100 * covered['clips']:.1f} % of the clips have a partner."
    )


def _hubs(hubness: Report) -> Iterator[str]:
    yield "### Hubs"
    yield (
        f"Skewness of how often an item is among the {HUB_TOP} best of the other side: 0 where all are "
        "wanted alike; after matching it is counted at the prices."
    )
    yield _table(("side", "before", "after"), ((side, *each.values()) for side, each in hubness.items()))


def _selectors(found: Report) -> str:
    names = ("correction", "pairs", "artworks_used", "clips_used", "total", "mean", "worst_decile")
    head = ("selector", "hubs corrected by", "pairs", "artworks", "clips", "total", "mean", "lowest tenth")
    return _table(head, ((name, *(one[part] for part in names)) for name, one in found.items()))


def _groups(name: str, groups: Report) -> str:
    most = sorted(groups.items(), key=lambda item: (-item[1]["pairs"], item[0]))[:GROUPS_SHOWN]
    rows = [
        (group, one["pairs"], one["mean"], one["chance"]["mean"], *one["chance"]["interval"])
        for group, one in most
    ]
    return _table((name, "pairs", "mean", "shuffled", "95 % from", "to"), rows)


def _passes(rounds: Sequence[Report]) -> str:
    names = ("pass", "edges", "primal", "bound", "violated")
    head = ("pass", "edges", "worth", "at most", "violated", "gap, %")
    return _table(head, ((*(one[name] for name in names), f"{100 * one['gap']:.6f}") for one in rounds))


def _table(head: Sequence[str], rows: Any) -> str:
    lines = [head, ["--"] * len(head), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return str(value).replace("|", "\\|").replace("\n", " ")
