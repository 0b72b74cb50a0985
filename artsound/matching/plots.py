"""Plots of a quality report: scores against chance, hubness, and how the gap closed, a picture a split."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from artsound.errors import MissingExtra, extra
from artsound.matching.explain import HUB_TOP
from artsound.matching.report import Report

LEAST_GAP = 1e-9  # drawn for a gap of 0, which a logarithmic axis has no place for
DPI = 110


def draw(report: Report, folder: Path) -> list[Path]:
    """Draw each split of a report as a PNG file.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise MissingExtra(f"plots need the extra `publish`: {extra('publish')}") from error
    made = []
    for split, one in report.items():
        figure = Figure(figsize=(14, 4), layout="constrained")
        scores, hubs, gaps = figure.subplots(1, 3)
        _draw_scores(scores, one, f"{split}: {one['pairs']} pairs")
        _draw_hubs(hubs, one["hub_curve"])
        _draw_gaps(gaps, one.get("rounds", ()))
        made.append(folder / f"matching-{split}.png")
        figure.savefig(made[-1], dpi=DPI, metadata={"Software": None})
    return made


def _draw_scores(axes: Any, one: Report, title: str) -> None:
    for name, label in (("pairs", "matched"), ("chance", "shuffled")):
        axes.stairs(one["histogram"][name], one["histogram"]["edges"], fill=True, alpha=0.6, label=label)
    axes.set(xlabel="score", ylabel="share of pairs", title=title)
    axes.legend()


def _draw_hubs(axes: Any, curve: Sequence[int]) -> None:
    axes.step(range(1, len(curve) + 1), curve, where="mid")
    axes.set(
        xlabel="artworks, most wanted first",
        ylabel=f"clips that have it among their {HUB_TOP} best",
        title="hubness before matching",
        ylim=(0, None),
    )


def _draw_gaps(axes: Any, rounds: Sequence[Report]) -> None:
    axes.set(title="certified gap after each exact pass", xlabel="pass", ylabel="gap, % of the objective")
    if not rounds:
        text = "solved on all pairs at once:\nno passes, gap 0 %"
        axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
        axes.set(xticks=[], yticks=[])
        return
    passes = [one["pass"] for one in rounds]
    gaps = [100 * max(one["gap"], LEAST_GAP) for one in rounds]
    axes.semilogy(passes, gaps, marker="o")
    axes.set(xticks=passes)
    axes.margins(x=0.2, y=0.2)
    for at, one, gap in zip(passes, rounds, gaps, strict=True):
        label = f"{100 * one['gap']:.2g} %"
        axes.annotate(label, (at, gap), xytext=(6, 6), textcoords="offset points")
