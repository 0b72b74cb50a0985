"""`artsound review`: look at the audit page, hand in verdicts, compare reviewers."""

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Judge pairs on the audit page and use the verdicts.")
Csvs = Annotated[list[Path], typer.Argument(help="CSV files that the audit page exported")]
Config = Annotated[Path, typer.Option("--config", "-c", help="TOML settings file")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]


@app.command("import")
def import_(files: Csvs, config: Config, as_json: Json = False) -> None:
    """Add verdicts to the table `reviews`, which the next build can use. Later words of a reviewer count."""
    from artsound.review.reviews import read_reviews, refused_pairs, store_reviews
    from artsound.settings import Settings
    from artsound.store import Store

    store = Store(Settings.load(config).root)
    made = store_reviews(store, [review for file in files for review in read_reviews(file)])
    refused = len(refused_pairs(store.read("reviews")))
    if as_json:
        typer.echo(json.dumps({"reviews": made.rows, "rejects": made.rejects, "refused_pairs": refused}))
        return
    unknown = f", {sum(made.rejects.values())} about no pair of this release" if made.rejects else ""
    typer.echo(f"reviews: {made.rows} rows, {refused} pairs refused{unknown}")


@app.command()
def agree(files: Csvs, as_json: Json = False) -> None:
    """Say how far reviewers agree: share of equal verdicts and Cohen's kappa."""
    from artsound.review.reviews import agreements, read_reviews

    found = agreements(review for file in files for review in read_reviews(file))
    if as_json:
        typer.echo(json.dumps([{**asdict(one), "kappa": finite(one.kappa)} for one in found]))
        return
    for one in found:
        kappa = "not defined" if finite(one.kappa) is None else f"{one.kappa:.2f}"
        same = f"{one.pairs} pairs, {one.observed:.0%} the same"
        typer.echo(f"{one.first} and {one.second}: {same}, kappa {kappa}")
    if not found:
        typer.echo("no two reviewers judged a pair in common")


@app.command()
def serve(
    folder: Annotated[Path | None, typer.Argument(help="folder of an audit page")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="the page these settings built")
    ] = None,
    port: Annotated[int, typer.Option(help="0 takes any free port", min=0, max=65535)] = 8765,
) -> None:
    """Show a page in the browser of this machine; nobody else can reach it. Stop with Ctrl-C."""
    from artsound.errors import ConfigError
    from artsound.review.serve import page_server

    if (folder is None) == (config is None):
        raise ConfigError("give a page's folder or --config, one of the two")
    with page_server(folder or _page(config or Path()), port) as server:
        typer.echo(f"http://127.0.0.1:{server.server_port}/  (Ctrl-C stops)")
        with suppress(KeyboardInterrupt):
            server.serve_forever()


def _page(config: Path) -> Path:
    from artsound.products import audit_folder
    from artsound.settings import Settings

    return audit_folder(Settings.load(config))


def finite(value: float) -> float | None:
    """JSON knows no NaN."""
    return value if value == value else None  # noqa: PLR0124  # NaN differs from itself
