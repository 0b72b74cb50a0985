"""The report as a page: plots with intervals, tables, every system to hear. Opens from disk, no scripts."""

import io
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
import soxr

from artsound.evaluate.report import Column, best, cell, number, shown_columns
from artsound.media.audio import Sound
from artsound.media.image import decode_image
from artsound.review.pictures import RATE, spectrogram, thumbnail

if TYPE_CHECKING:
    from artsound.evaluate.report import Example, Report

LABEL, WIDTH, LINE = 190, 520, 26  # of a plot, px
PICTURE = 480  # longest side, px
REAL = "the real clip"


def write_page(folder: Path, report: "Report", examples: "Sequence[Example]", rate: int) -> None:
    """Write index.html with its media."""
    (folder / "media").mkdir(exist_ok=True)
    parts = [
        _header(report),
        _section("Does the picture matter?", _GAPS, *_gap_plots(report)),
        _section("How close to real music?", _KAD, *_distance_plots(report)),
        _section("What changes a piece?", _CHANGES, _sensitivity(report)),
        *(_table(report, judge) for judge in report.judges),
        _section("Listen", "", *(_example(folder, at, one, rate) for at, one in enumerate(examples))),
        _section("What the rows are", "", _list(f"{name}: {how}" for name, how in report.how.items())),
        _section(
            "Who chose the pairs",
            "What these models hear or see is marked †: a figure of theirs alone is no evidence.",
            _list(f"{one['name']}: {one['part']}" for one in report.miners),
        ),
        _section(
            "Not measured",
            "",
            _list(f"{name}: {why}" for name, why in (*report.absent.items(), *report.missing.items())),
        ),
        _section("Notes", "", _list(report.notes)),
    ]
    (folder / "index.html").write_text(_PAGE.format(body="\n".join(parts)), encoding="utf-8")
    style = resources.files("artsound.evaluate").joinpath("static", "report.css").read_bytes()
    (folder / "report.css").write_bytes(style)


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'self'; img-src 'self'; \
media-src 'self'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Evaluation</title>
<link rel="stylesheet" href="report.css">
</head>
<body>
{body}
</body>
</html>
"""
_GAPS = (
    "Score of own pairs minus that of shuffled pairs, with a 95 % interval over clips. "
    "Only an interval that lies right of 0 says that the music follows the picture."
)
_CHANGES = (
    "Mean cosine distance between two pieces, less what all real clips share. A model that ignores pictures "
    "has 0 in the first column; one that knows one tune a picture has 0 in the second, and Vendi 1."
)
_KAD = "Kernel audio distance to the real clips, with a 95 % bootstrap interval; 0 is the same distribution."


def _section(title: str, about: str, *parts: str) -> str:
    text = f"<p class='about'>{escape(about)}</p>" if about else ""
    return f"<section><h2>{escape(title)}</h2>{text}{''.join(parts)}</section>"


def _list(lines: Any) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def _header(report: "Report") -> str:
    about = report.about
    facts = [
        ("release", about["release"]),
        ("judged on", f"{about['clips']} clips of {about['split']}"),
        ("prior", f"{about['prior']}, {about['rate']} Hz, {about['seconds']} s"),
        ("picture encoder", about["visual_encoder"]),
        ("supervision", str(about["supervision"]).replace("_", " ")),
        ("language", about["language"]),
    ]
    shown = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>" for name, value in facts
    )
    return f"<header><h1>Evaluation</h1><dl>{shown}</dl>{_likelihood(report.likelihood)}</header>"


def _likelihood(found: Mapping[str, Any]) -> str:
    if not found:
        return ""
    seen = found["retrieval"]
    tiles = [
        (f"{found['relative_gap']:+.3f}", "relative gap of the loss, own against shuffled pictures"),
        (f"{found['gap']['win_rate']:.0%}", "of clips are explained better by their own picture"),
        (f"{seen['recall_at_1']:.2f}", f"R@1 by likelihood; chance is {1 / seen['candidates']:.3f}"),
    ]
    shown = "".join(f"<div><b>{value}</b><span>{escape(text)}</span></div>" for value, text in tiles)
    return f"<div class='tiles'>{shown}</div>"


def _gap_plots(report: "Report") -> list[str]:
    return [
        _plot(
            f"{score['name']}{_mark(score)}",
            {name: _interval(row["scores"][score["name"]]["gap"]) for name, row in report.rows.items()},
        )
        for score in report.scores
    ]


def _distance_plots(report: "Report") -> list[str]:
    return [
        _plot(
            f"{judge['name']}{_mark(judge)}",
            {
                system: (found["value"], found["low"], found["high"])
                for system, row in report.rows.items()
                for found in [row["kad"][judge["ear"]]]
            },
        )
        for judge in report.judges
    ]


def _interval(gap: Mapping[str, float]) -> tuple[float, float, float]:
    return gap["difference"], gap["low"], gap["high"]


def _mark(judge: Mapping[str, Any]) -> str:
    """Mark what had a part in choosing the pairs."""
    return " †" if judge["circular"] else ""


def _sensitivity(report: "Report") -> str:
    titles = ("other picture, same noise", "same picture, other noise", "both other", "Vendi a picture")
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    rows = ""
    for ear, found in report.sensitivity.items():
        cells = "".join(f"<td>{value:.3f}</td>" for value in found.values())
        rows += f"<tr><th scope='row'>{escape(ear)}</th>{cells}</tr>"
    return (
        f"<div class='wide'><table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _plot(title: str, points: Mapping[str, tuple[float, float, float]]) -> str:
    """Draw one dot with its interval a system, and a line at 0."""
    low = min(0.0, *(one[1] for one in points.values()))
    high = max(0.0, *(one[2] for one in points.values()))
    scale = WIDTH / ((high - low) or 1.0)
    zero = LABEL - low * scale
    marks = [f"<line class='zero' x1='{zero:.1f}' x2='{zero:.1f}' y1='4' y2='{LINE * len(points) + 4}'/>"]
    for row, (name, (value, start, end)) in enumerate(points.items()):
        y = LINE * row + LINE / 2 + 4
        x, left, right = (LABEL + (at - low) * scale for at in (value, start, end))
        kind = "ours" if name == "model" else "other"
        marks.append(
            f"<text x='{LABEL - 14}' y='{y + 4}' text-anchor='end' class='{kind}'>{escape(name)}</text>"
            f"<line class='{kind}' x1='{left:.1f}' x2='{right:.1f}' y1='{y}' y2='{y}'/>"
            f"<circle class='{kind}' cx='{x:.1f}' cy='{y}' r='5'>"
            f"<title>{value:.4g} ({start:.4g} to {end:.4g})</title></circle>"
            f"<text class='value' x='{LABEL + WIDTH + 12}' y='{y + 4}'>{value:+.3g}</text>"
        )
    height = LINE * len(points) + 8
    drawing = f"<svg viewBox='0 0 {LABEL + WIDTH + 76} {height}' role='img'>{''.join(marks)}</svg>"
    return f"<figure class='plot'><figcaption>{escape(title)}</figcaption>{drawing}</figure>"


def _table(report: "Report", judge: Mapping[str, Any]) -> str:
    ear = judge["ear"]
    shown = shown_columns(report, ear)
    head = "".join(f"<th>{escape(one.title)}&nbsp;{_arrow(one)}</th>" for one in shown)
    rows = []
    for name, row in report.rows.items():
        cells = "".join(_cell(report, one, ear, cell(row, one, ear)) for one in shown)
        kind = " class='ours'" if name == "model" else ""
        rows.append(f"<tr{kind}><th scope='row'>{escape(name)}</th>{cells}</tr>")
    for name in report.absent:
        rows.append(f"<tr><th scope='row'>{escape(name)}</th>{'<td>–</td>' * len(shown)}</tr>")
    circular = judge["circular"]
    about = f"† {circular}: circular, not evidence by itself." if circular else ""
    table = f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return _section(f"Heard by {judge['name']}{_mark(judge)}", about, f"<div class='wide'>{table}</div>")


def _arrow(column: Column) -> str:
    return {True: "↓", False: "↑", None: ""}[column.lower_is_better]


def _cell(report: "Report", column: Column, ear: str, value: float | None) -> str:
    kind = " class='best'" if value is not None and value == best(report, column, ear) else ""
    return f"<td{kind}>{number(value, column.digits)}</td>"


def _example(folder: Path, at: int, example: "Example", rate: int) -> str:
    name = f"{at:02d}"  # never by what the release calls it: that could be a path
    pixels = decode_image(example.image, max_megapixels=float("inf")).pixels
    (folder / "media" / f"{name}.jpg").write_bytes(thumbnail(pixels, PICTURE))
    clips = {REAL: example.real, **example.clips}
    players = "".join(
        _player(folder, f"{name}-{row}", system, clip, rate)
        for row, (system, clip) in enumerate(clips.items())
    )
    picture = f"<img src='media/{name}.jpg' alt='{escape(example.caption, quote=True)}'>"
    words = f"<figcaption>{escape(example.caption)}<br><code>{escape(example.pair_id)}</code></figcaption>"
    return f"<article><figure>{picture}{words}</figure><div class='players'>{players}</div></article>"


def _player(folder: Path, stem: str, system: str, clip: np.ndarray, rate: int) -> str:
    file = io.BytesIO()
    peak = max(1.0, float(np.abs(clip).max(initial=0)))  # levelled clips may pass full scale
    soundfile.write(file, clip / peak, rate, subtype="PCM_16", format="WAV")
    (folder / "media" / f"{stem}.wav").write_bytes(file.getvalue())
    samples = soxr.resample(clip, rate, RATE).astype(np.float32)
    sound = Sound(samples, RATE, len(clip) / rate, rate, 1, "wav")
    (folder / "media" / f"{stem}.jpg").write_bytes(spectrogram(sound))
    kind = {"model": " class='ours'", REAL: " class='real'"}.get(system, "")
    return (
        f"<div{kind}><span>{escape(system)}</span><img src='media/{stem}.jpg' alt=''>"
        f"<audio controls preload='none' src='media/{stem}.wav'></audio></div>"
    )
