"""`artsound match` and `artsound explain`: prove a matching again, say why two belong together."""

import json
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from artsound.errors import MatchingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from artsound.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Prove a matching and report its quality.")
Config = Annotated[Path, typer.Option("--config", "-c", help="TOML settings file")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
PROVED = 1e-5  # largest gap that counts as proved where the settings ask for less


@app.command()
def check(config: Config, as_json: Json = False) -> None:
    """Prove every matching anew, from vectors, pairs and prices alone; exit 1 when one is not proved.

    No matching under the same rules is worth more than "at most"; the gap is how far below it this one lies.
    Refused where settings or tables changed since the build: the proof would be of another matching.
    """
    from rich.console import Console

    from artsound import progress
    from artsound.matching.check import AGAIN
    from artsound.settings import Settings

    settings = Settings.load(config)
    _check_current(settings)
    with progress.show(Console(stderr=True)):
        proof = made_again(settings, "certificates").to_pylist()
    limit = max(PROVED, settings.matching.gap)
    if as_json:
        typer.echo(json.dumps(proof, indent=2))
    else:
        for row in proof:
            unmatched = f"{row['unmatched_artworks']} artworks and {row['unmatched_clips']} clips unmatched"
            values = (
                f"objective {row['primal']:.6f}, at most {row['bound']:.6f}, gap {100 * row['gap']:.6f} %"
            )
            typer.echo(f"{row['split']}: {row['pairs']} pairs, {unmatched}; {values}")
    if any(row["gap"] > limit for row in proof):
        typer.echo(f"not proved to {100 * limit:g} %: {AGAIN}", err=True)
        raise typer.Exit(1)
    if not as_json:
        typer.echo(f"proved: at most {100 * limit:g} % of the best that the rules allow is missing")


def _check_current(settings: "Settings") -> None:
    """Compare what the stored matching was made from with what these settings would make it from.

    Raises:
        MatchingError: they differ; says in which settings, as far as the store tells.
    """
    from artsound import pipeline
    from artsound.matching.history import read_history
    from artsound.settings import values
    from artsound.store import Store

    if Store(settings.root).manifest("matching") is None or pipeline.step(settings, "matching").current():
        return
    then, now = (
        json.loads(json.dumps(one))
        for one in (read_history(settings.root)["settings"], values(settings.matching))
    )
    unlike = [
        f"matching.{name} was {json.dumps(then[name])}, is {json.dumps(value)}"
        for name, value in now.items()
        if name in then and then[name] != value
    ]
    what = "; ".join(unlike) or "its tables, its settings or the version of artsound are not those of then"
    raise MatchingError(f"the matching is of another build ({what}): build again, or undo the change")


@app.command()
def report(
    config: Config,
    folder: Annotated[Path, typer.Option("--out", help="folder for the report and its plots")],
    correction: Annotated[
        str,
        typer.Option(help="of hubs, for the other selectors: none, csls, inverted_softmax, mutual_proximity"),
    ] = "none",
    by_engines: Annotated[
        bool, typer.Option("--engines", help="also solve by every engine here, and compare the objectives")
    ] = False,
    as_json: Json = False,
) -> None:
    """Report quality against shuffles, by style and genre, hubness, and all selectors on the same vectors.

    Writes report.md and report.json, a plot a split, and unmatched.csv: who has no partner, and why.
    """
    from rich.console import Console

    from artsound import progress
    from artsound.errors import MissingExtra
    from artsound.matching.engines import installed
    from artsound.matching.history import read_history
    from artsound.matching.plots import draw
    from artsound.matching.report import engines, quality
    from artsound.matching.stage import fused_splits, rules_of
    from artsound.matching.summary import write_report
    from artsound.settings import Settings
    from artsound.store import Store, check_place, disk_errors
    from artsound.wiring import policy_of

    settings = Settings.load(config)
    check_place(folder, "name another --out")
    store = Store(settings.root)
    told, read = read_history(settings.root), [store.read(name) for name in _reads(settings, "matching")]
    matching = store.read("matching")
    with progress.show(Console(stderr=True)):
        made = quality(fused_splits(*read), matching, store.read("artworks"), correction)
        if by_engines:
            rules = partial(rules_of, *read[:2], policy=policy_of(settings))
            told["engines"] = engines(fused_splits(*read), matching, rules, installed())
    for split, one in made.items():
        one["rounds"] = told["rounds"].get(split, [])
    whole = {name: value for name, value in told.items() if name != "rounds"} | {"splits": made}
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        plots = []
        try:
            plots = draw(made, folder)
        except MissingExtra as error:
            typer.echo(f"no pictures: {error}", err=True)
        write_report(whole, matching, folder, plots)
    if as_json:
        typer.echo(json.dumps(whole, indent=2, ensure_ascii=False))
        return
    for line in (changes_told(settings), *_told(whole)):
        if line:
            typer.echo(line)
    typer.echo(f"written: {folder / 'report.md'}")


def changes_told(settings: "Settings") -> str:
    """Say what the present matching changed of the one before it; nothing where it is the first."""
    from artsound.matching.changes import Changes
    from artsound.matching.history import read_history

    found = read_history(settings.root)["changes"]
    return f"since the matching before: {Changes(**found).text()}" if found else ""


def _told(whole: dict[str, Any]) -> "Iterator[str]":
    for split, one in whole["splits"].items():
        chance = "{:.4f} [{:.4f}, {:.4f}]".format(one["chance"]["mean"], *one["chance"]["interval"])
        worst = f"lowest tenth {one['score']['worst_decile']:.4f}"
        yield f"{split}: {one['pairs']} pairs, mean {one['score']['mean']:.4f}, {worst}; shuffled {chance}"
    for split, each in whole.get("engines", {}).items():
        for one in each.values():
            differs = f"{one['difference']:+.6f} from the stored matching, {one['other_pairs']} other pairs"
            yield f"{split}: by {one['engine']} objective {one['objective']:.6f}, {differs}"


@app.command()
def select(
    selector: Annotated[str, typer.Argument(help="greedy, greedy_sorted, mutual, top_k, captions_only …")],
    config: Config,
    out: Annotated[Path, typer.Option("--out", help="Parquet file for the pairs")],
    correction: Annotated[str, typer.Option(help="of hubs; see `match report`")] = "none",
    k: Annotated[int, typer.Option("--k", min=1, help="artworks a clip, for top_k")] = 1,
) -> None:
    """Let another selector choose on a build's vectors, for comparison; the build keeps its own pairs."""
    import pyarrow.parquet as pq
    from rich.console import Console

    from artsound import progress
    from artsound.matching.report import selected
    from artsound.matching.stage import fused_splits
    from artsound.settings import Settings
    from artsound.store import Store, check_place, disk_errors

    settings = Settings.load(config)
    if out.is_dir():
        raise MatchingError(f"--out: {out} is a folder: name a file")
    check_place(out.parent, "name another --out")
    store = Store(settings.root)
    read = [store.read(name) for name in _reads(settings, "matching")]
    with progress.show(Console(stderr=True)):
        rows = selected(fused_splits(*read), selector, correction, k)
    with disk_errors(out.parent):
        out.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, out)
    typer.echo(f"{out}: {len(rows)} pairs")


@app.command()
def changes(
    before: Annotated[Path, typer.Argument(help="an earlier matching.parquet")],
    config: Config,
    as_json: Json = False,
) -> None:
    """Say how many pairs differ from an earlier matching."""
    import pyarrow.parquet as pq

    from artsound.matching.changes import changes as compare
    from artsound.settings import Settings
    from artsound.store import Store

    try:
        old = pq.read_table(before, columns=["side", "item_id", "partners"])
    except (OSError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise MatchingError(
            f"{before} cannot be read as a table `matching` ({first}): name the tables/matching.parquet of "
            "an earlier build"
        ) from error
    made = compare(old, Store(Settings.load(config).root).read("matching"))
    if as_json:
        typer.echo(json.dumps(made._asdict()))
        return
    typer.echo(made.text())


def _reads(settings: "Settings", name: str) -> tuple[str, ...]:
    from artsound import pipeline

    return next(stage.reads for stage in pipeline.stages(settings) if stage.writes == name)


def made_again(settings: "Settings", name: str) -> "pa.Table":
    """Run the stage of one table on what is in the store, and store nothing."""
    from artsound import pipeline
    from artsound.store import Store

    store = Store(settings.root)
    stage = next(stage for stage in pipeline.stages(settings) if stage.writes == name)
    return stage.wire(settings)(*(store.read(table) for table in stage.reads)).rows


def explain(
    artwork: Annotated[str, typer.Argument(help="artwork_id")], config: Config, as_json: Json = False
) -> None:
    """Say why an artwork has its music: terms, ranks, margins, prices, the best other clips."""
    import pyarrow.compute as pc

    from artsound.settings import Settings
    from artsound.store import Store

    store = Store(Settings.load(config).root)
    every = store.read("pairs")
    pairs = every.filter(pc.equal(every["artwork_id"], artwork)).to_pylist()
    if not pairs:
        items = store.read("matching").to_pylist()
        why = [row["reason"] for row in items if row["side"] == "art" and row["item_id"] == artwork]
        if why:
            raise MatchingError(f"{artwork} is unmatched: {why[0]}")
        near = get_close_matches(artwork, (row["item_id"] for row in items if row["side"] == "art"), 3, 0.5)
        there = f"there is {' '.join(near)}" if near else f"`artsound show -c {config} pairs` shows some"
        raise MatchingError(f"no artwork {artwork!r}; {there}")
    if as_json:
        typer.echo(json.dumps(pairs, indent=2, ensure_ascii=False))
        return
    for pair in pairs:
        for line in _lines(pair):
            typer.echo(line)


def _lines(pair: dict[str, Any]) -> list[str]:
    terms = ", ".join(f"{term['name']} {term['value']:+.3f}" for term in pair["terms"])
    return [
        f"{pair['artwork_id']} – {pair['clip_id']} ({pair['split']}): score {pair['score']:.6f} = {terms}",
        f"  the clip is number {pair['clip_rank']} for the artwork, the artwork number {pair['artwork_rank']}"
        f" for the clip; {pair['hubness']} artworks have the clip among their ten best",
        f"  price of the artwork {pair['artwork_price']:.4f}, of the clip {pair['clip_price']:.4f}",
        f"  other clips: {_rivals(pair['other_clips'])} (margin {_margin(pair['clip_margin'])})",
        f"  other artworks: {_rivals(pair['other_artworks'])} (margin {_margin(pair['artwork_margin'])})",
    ]


def _rivals(others: list[dict[str, Any]]) -> str:
    return ", ".join(f"{other['name']} {other['value']:.3f}" for other in others) or "none"


def _margin(margin: float | None) -> str:
    return "none" if margin is None else f"{margin:+.3f}"
