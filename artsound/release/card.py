"""The dataset card: what a release holds, how to open it, what to know before using it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from artsound.release.about import datasheet, known_limits, summary
from artsound.release.attribution import escape
from artsound.release.header import card_header, tar_header
from artsound.release.layout import ReleaseOptions
from artsound.release.manifest import CERTIFICATE, ReleaseManifest
from artsound.release.rows import Plan
from artsound.release.sides import SIDES
from artsound.release.tiers import withheld
from artsound.review.plots import PLOTS


def card(made: ReleaseManifest, options: ReleaseOptions) -> str:
    """Write `README.md`: a YAML header for the Hub, then the text."""
    return f"---\n{card_header(made)}\n---\n\n" + "\n\n".join(_body(made, options)) + "\n"


def tar_card(made: ReleaseManifest, plan: Plan) -> str:
    """Write `webdataset/README.md`, which tells the `datasets` library what stands in the tars."""
    return f"---\n{tar_header(made, plan)}\n---\n\nThe tars of {made.name} {made.version}.\n"


def _body(made: ReleaseManifest, options: ReleaseOptions) -> Iterator[str]:
    yield f"# {made.name} {made.version}"
    yield summary(made)
    yield _table(("split", "pairs"), made.splits)
    yield "## Open it"
    yield from _use(made)
    yield "## Files"
    yield _table(("role", "files"), Counter(record.role for record in made.files))
    if made.arrays:
        yield "## Vectors and latents"
        yield from _arrays(made)
    if any(record.role == CERTIFICATE for record in made.files):
        yield "## Matching"
        yield from _proof(made)
    yield "## Licences"
    yield from _licences(made)
    yield "## Leaks between splits"
    yield from _leaks(made.facts.get("leaks"))
    yield "## Scores against shuffles"
    yield from _chance(made)
    yield "## Made by"
    yield _table(
        ("what", "by"),
        _flat({"code": made.facts.get("code_version", ""), "models": made.facts.get("models", {})}),
    )
    if sources := made.facts.get("sources"):
        yield "## Made from"
        yield _sources(sources)
    if made.costs:
        yield f"What each build step took stands in `{made.costs}`; `artsound release costs` prints it."
    yield "## Limits"
    yield "\n".join(f"- {escape(text)}" for text in known_limits(made))
    yield "# Datasheet"
    for title, text in datasheet(made).items():
        yield f"## {title}\n\n{escape(text)}"
    if options.plots:
        yield "# Plots"
        yield "\n".join(f"![{name}](plots/{name}.png)" for name in PLOTS)


def _leaks(told: Mapping[str, Any] | None) -> Iterator[str]:
    """Show what `splits.leak_report` found; anything else as it is."""
    if not told or "sides" not in told:
        yield _table(("check", "found"), _flat(told)) if told else "Not examined."
        return
    yield (
        "How many of them stand in more than one split, and how many would be expected to if every item were "
        "drawn by itself. A group is what was drawn together: all that artists, albums and duplicates tie."
    )
    sides = [(title, told["sides"][side]) for side, title in _TITLES.items()]
    yield _rows(
        ("in more than one split", *sides[0][1]["divided"]),
        *(
            (what, *found[key].values())
            for title, found in sides
            for what, key in ((title, "divided"), (f"{title}, if drawn one by one", "divided_if_random"))
        ),
    )
    yield _rows(
        ("items that were drawn", *sides[0][1]["items"], "in the largest group"),
        *(
            (title, *found["items"].values(), f"{100 * found['largest_group_share']:.1f} %")
            for title, found in sides
        ),
    )
    if short := ", ".join(f"{count} of {split}" for split, count in told["shortfall"].items() if count):
        yield f"Clips for which their split has too few artworks: {short}."


_TITLES = {"art": "artworks", "music": "music"}


def _rows(*rows: Sequence[Any]) -> str:
    """Lay out a table, the first row its head."""
    lines = [f"| {' | '.join(escape(str(cell)) for cell in row)} |" for row in rows]
    return "\n".join([lines[0], "|--" * len(rows[0]) + "|", *lines[1:]])


def _chance(made: ReleaseManifest) -> Iterator[str]:
    rows = made.facts.get("chance")
    if not rows:
        yield "Not examined."
        return
    yield (
        "The same items paired by chance, inside each split: everybody keeps as many partners, who belongs "
        "to whom is drawn anew. Of the whole matching, with the pairs that licences or reviews keep out."
    )
    head = ("split", "mean score", "lowest tenth", "by chance", "95 % of the shuffles", "shuffles as good")
    lines = [f"| {' | '.join(head)} |", "|--" * len(head) + "|"]
    for row in rows:
        told = (f"{row[name]:.4f}" for name in ("mean", "worst_decile", "chance_mean"))
        between = f"{row['chance_low']:.4f} to {row['chance_high']:.4f}"
        good = f"{row['beaten']:.3f} of {row['shuffles']}"
        lines.append(f"| {escape(row['split'])} | {' | '.join(told)} | {between} | {good} |")
    yield "\n".join(lines)


def _arrays(made: ReleaseManifest) -> Iterator[str]:
    where = "in the Parquet files of their family" + (
        ", and as `.npy` members in the tars" if made.npy else ""
    )
    yield f"One of each for every pair, {where}; they change without the media."
    rows = [
        f"| {one.name} | {one.family} | {' × '.join(map(str, one.shape))} {one.dtype} | {escape(one.model)} |"
        for one in made.arrays
    ]
    yield "\n".join(["| column | family | shape | computed by |", "|--|--|--|--|", *rows])


def _proof(made: ReleaseManifest) -> Iterator[str]:
    yield (
        f"`{CERTIFICATE}/` proves how good the matching is: all pairs with their scores, and a dual price of "
        "every item of both sides, matched or not. The prices bound what any matching of the split could be "
        "worth; the gap is how far below that bound this one may lie, 0 % being optimal. Recompute it with "
        "`artsound verify`."
    )
    head = ("split", "artworks", "clips", "pairs", "worth", "at most", "gap")
    rows = [
        (
            *(str(one[name]) for name in head[:4]),
            *(f"{one[name]:.6f}" for name in ("primal", "bound")),
            f"{100 * one['gap']:.6f} %",
        )
        for one in made.facts.get("matching", ())
    ]
    if rows:
        yield "\n".join("| " + " | ".join(row) + " |" for row in (head, ("--",) * len(head), *rows))


def _sources(sources: Mapping[str, Any]) -> str:
    lines = ["| side | source | version | cite | media | sha256 of their list |", "|--|--|--|--|--|--|"]
    for side, told in sources.items():
        media = told["media"]
        files = f"{media['files']} files, {media['bytes'] / 1e6:.1f} MB"
        cells = (side, told["source"], told["version"], told["citation"], files, media["sha256"])
        lines.append(f"| {' | '.join(map(escape, cells))} |")
    return "\n".join(lines)


def _licences(made: ReleaseManifest) -> Iterator[str]:
    yield "Every item keeps its own licence; `ATTRIBUTION.md` names maker, source and licence of each."
    yield _table(("tier of the pair", "pairs"), made.tiers)
    if made.media and (count := withheld(made.tiers)):
        yield f"**Not to be passed on**: the licences of {count} pairs do not allow it, or are not known."
    for side, title in _TITLES.items():
        yield _table((f"licence ({title})", "pairs"), made.licences[side])


def _use(made: ReleaseManifest) -> Iterator[str]:
    """Show how what is there is opened, and what it looks like."""
    folder, split = f"{made.name}-{made.version}", next(iter(made.splits), "train")
    roles = {record.role for record in made.files}
    lines = ["```python", "from datasets import load_dataset"]
    if "parquet" in roles:
        others = ", ".join(f'"{role}"' for role in SIDES if role in roles)
        more = f"  # or {others}" if others else ""
        lines.append(f'pairs = load_dataset("{folder}", "parquet", split="{split}"){more}')
    if "webdataset" in roles:
        lines.append(f'shards = load_dataset("{folder}/webdataset", split="{split}", streaming=True)')
    yield "\n".join([*lines, "```"])
    told = [f"Check it with `artsound verify {folder}` or `sha256sum -c SHA256SUMS`."]
    if "webdataset" in roles:
        told.append(
            "In the tars, the members of a pair share its id: image, audio, `.json` (all that is known), "
            "`.art.txt` and `.music.txt` (captions); all pairs of one tar have the same file types."
        )
    if made.media:
        told.append("Media are the original bytes.")
    yield " ".join(told)


def _table(head: tuple[str, str], values: Mapping[str, Any]) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "|--|--|"]
    return "\n".join(
        [*lines, *(f"| {escape(str(name))} | {escape(str(value))} |" for name, value in values.items())]
    )


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Open nested objects into one, names joined by dots."""
    if not isinstance(value, Mapping):
        return {name: ", ".join(map(str, value)) if isinstance(value, list | tuple) else value}
    inner = [_flat(more, f"{name}.{key}".strip(".")) for key, more in value.items()]
    return {key: more for some in inner for key, more in some.items()}
