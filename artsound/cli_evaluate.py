"""`artsound evaluate`: judge a trained model beside its baselines."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.command()
def evaluate(  # noqa: PLR0913, PLR0917  # one argument an option
    run: Annotated[Path, typer.Argument(help="folder of a training run")],
    release: Annotated[Path, typer.Argument(help="folder of the release it was trained on")],
    out: Annotated[Path | None, typer.Option(help="where to write; default: RUN/report")] = None,
    split: Annotated[str, typer.Option(help="default: test, or val where there is no test")] = "",
    clips: Annotated[
        int | None, typer.Option(help="pairs to judge; default: all, at most 256", min=2)
    ] = None,
    seed: Annotated[int, typer.Option(help="of pairs, noise and shuffles")] = 0,
    judge: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FOLDER of weights: clap, clip, imagebind, ast, encodec; repeat for more"),
    ] = None,
    weights: Annotated[str, typer.Option(help="of the prior, where they lie elsewhere now")] = "",
    few: Annotated[bool, typer.Option("--few", help="go on with too few clips for FAD∞")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as JSON")] = False,
) -> None:
    """Generate every row of the comparison, measure all, and write report.json, report.md and a page."""
    from rich.console import Console

    from artsound import progress
    from artsound.cli_train import need_torch
    from artsound.evaluate.judges import named

    need_torch()
    from artsound.evaluate.markdown import markdown
    from artsound.evaluate.material import Choice
    from artsound.evaluate.report import rounded
    from artsound.evaluate.run import evaluate as compare

    folder = out or run / "report"
    with progress.show(Console(stderr=True)):
        report = compare(Choice(release, run, split, clips, seed, few, weights), folder, named(judge or []))
    if as_json:
        typer.echo(json.dumps(rounded(asdict(report)), indent=2, ensure_ascii=False))
        return
    typer.echo(markdown(report))
    typer.echo(f"page  {folder / 'index.html'}")
