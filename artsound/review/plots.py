"""Plots for the dataset card: licences, styles × genres, durations, scores, splits.

PNG files; the same rows give the same bytes.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from artsound.errors import MissingExtra, extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACCENT, SECOND, INK, LINE = "#9a3b1f", "#3c6e8f", "#1f1c18", "#d9d3c7"
STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same everywhere
    "font.size": 9,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.dpi": 150,
}
MOST = 12  # bars of a plot, rows and columns of a table; the rest is added up
LONGEST_LABEL = 32

Meta = Mapping[str, Any]  # the parsed `meta` of one release row
Draw = Callable[["Axes", Sequence[Meta]], None]


def write_plots(folder: Path, rows: Iterable[pa.Table]) -> list[Path]:
    """Draw every plot of a release into a folder.

    Args:
        folder: is made when it is not there.
        rows: pieces of `tables.RELEASE_ROWS`; of each pair only what is drawn is kept.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415  # of the extra `publish`
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra(f"plots need matplotlib: {extra('publish')}") from error
    folder.mkdir(parents=True, exist_ok=True)
    metas = [_drawn(json.loads(text)) for piece in rows for text in piece["meta"].to_pylist()]
    paths = []
    for name, draw in PLOTS.items():
        with mpl.rc_context(STYLE):
            figure = Figure(figsize=(6.4, 4.0), layout="constrained")
            draw(figure.add_subplot(), metas)
            paths.append(folder / f"{name}.png")
            figure.savefig(paths[-1], metadata={"Software": None})
    return paths


def _drawn(meta: Meta) -> Meta:
    """Keep what the plots look at; equal words are kept once."""
    artwork, music = meta["artwork"], meta["music"]
    return {
        "split": sys.intern(meta["split"]),
        "score": meta["score"],
        "artwork": {
            name: artwork[name] and sys.intern(artwork[name]) for name in ("licence", "style", "culture")
        },
        "music": {
            "licence": sys.intern(music["licence"]),
            "genres": [sys.intern(genre) for genre in (music["genres"] or [])[:1]],
            "audio": {"duration": music["audio"]["duration"]},
        },
    }


def top(values: Sequence[str]) -> list[tuple[str, int]]:
    """Count values, the commonest first; what comes after `MOST` is added up as *others*.

    Examples:
        >>> top(["a", "b", "b"])
        [('b', 2), ('a', 1)]
    """
    counts = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))
    if len(counts) <= MOST:
        return counts
    return [*counts[: MOST - 1], ("others", sum(count for _, count in counts[MOST - 1 :]))]


def _licences(axes: "Axes", metas: Sequence[Meta]) -> None:
    sides = (("artwork", "artworks", ACCENT), ("music", "music", SECOND))
    counts = {side: Counter(_licence(meta[side]) for meta in metas) for side, *_ in sides}
    names = [name for name, _ in top([_licence(meta[side]) for meta in metas for side in counts])]
    for offset, (side, label, colour) in zip((-0.2, 0.2), sides, strict=True):
        shown = [counts[side][name] for name in names if name != "others"]
        rest = [sum(counts[side].values()) - sum(shown)] if "others" in names else []
        axes.barh(np.arange(len(names)) + offset, shown + rest, 0.38, color=colour, label=label)
    _label(axes, names)
    axes.set(title="Licences", xlabel="pairs")
    if metas:
        _legend(axes)


def _styles_genres(axes: "Axes", metas: Sequence[Meta]) -> None:
    cells = [(_style(meta["artwork"]), (meta["music"]["genres"] or ["not stated"])[0]) for meta in metas]
    styles, genres = ([name for name, _ in top([cell[side] for cell in cells])] for side in (0, 1))
    counts = np.zeros((len(styles) or 1, len(genres) or 1))
    for style, genre in cells:
        counts[_place(styles, style), _place(genres, genre)] += 1
    image = axes.imshow(counts, cmap="OrRd", aspect="auto", vmin=0)
    axes.set_xticks(range(len(genres)), [_short(name) for name in genres], rotation=35, ha="right")
    axes.set_yticks(range(len(styles)), [_short(name) for name in styles])
    axes.set(title="Styles of the artworks × genres of the music")
    axes.figure.colorbar(image, ax=axes, label="pairs", shrink=0.8)


def _durations(axes: "Axes", metas: Sequence[Meta]) -> None:
    axes.hist([meta["music"]["audio"]["duration"] for meta in metas], bins=30, color=SECOND)
    axes.set(title="Length of the clips", xlabel="s", ylabel="pairs")
    axes.locator_params(axis="y", integer=True)


def _scores(axes: "Axes", metas: Sequence[Meta]) -> None:
    splits = [name for name, _ in top([meta["split"] for meta in metas])]
    scores = [[meta["score"] for meta in metas if meta["split"] == split] for split in splits]
    axes.set(title="Scores of the pairs", xlabel="fused similarity", ylabel="pairs")
    axes.locator_params(axis="y", integer=True)
    if metas:
        axes.hist(scores, bins=30, stacked=True, label=splits, color=_shades(len(splits)))
        _legend(axes)


def _splits(axes: "Axes", metas: Sequence[Meta]) -> None:
    counts = top([meta["split"] for meta in metas])
    bars = axes.barh(range(len(counts)), [count for _, count in counts], color=ACCENT)
    axes.bar_label(bars, [f"{count:,}" for _, count in counts], padding=4)
    _label(axes, [name for name, _ in counts])
    axes.set(title="Splits", xlabel="pairs")


PLOTS: dict[str, Draw] = {
    "licences": _licences,
    "styles-genres": _styles_genres,
    "durations": _durations,
    "scores": _scores,
    "splits": _splits,
}


def _licence(side: Mapping[str, Any]) -> str:
    return str(side["licence"]).removeprefix("LicenseRef-")


def _style(artwork: Mapping[str, Any]) -> str:
    return str(artwork["style"] or artwork["culture"] or "not stated")


def _place(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else len(names) - 1


def _short(name: str) -> str:
    """Cut long labels; a dollar sign would start a formula."""
    cut = name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}…"
    return cut.replace("$", r"\$")


def _label(axes: "Axes", names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [_short(name) for name in names])
    axes.invert_yaxis()


def _legend(axes: "Axes") -> None:
    figure = axes.get_figure(root=True)
    if figure is not None:
        figure.legend(loc="outside upper right", ncols=4, frameon=False)


def _shades(count: int) -> list[str]:
    return [ACCENT, SECOND, "#c9a24b", "#6b8f5a", *["#8a8378"] * MOST][:count]
