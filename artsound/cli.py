"""The command line: parse, load the settings, call the library. No logic lives here.

The library is imported inside the commands, so that `artsound --help` does not wait for it.
"""

import json
import logging
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from artsound import (
    cli_evaluate,
    cli_fma,
    cli_graph,
    cli_match,
    cli_models,
    cli_receive,
    cli_release,
    cli_review,
    cli_train,
    memory,
)
from artsound.errors import ArtSoundError, ConfigError, StoreError

if TYPE_CHECKING:
    from artsound.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
Config = Annotated[Path, typer.Option("--config", "-c", help="TOML settings file")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]


def _print_version(asked: bool) -> None:
    from artsound import __version__

    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="print the version and exit", callback=_print_version, is_eager=True),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="also log what the libraries say")] = False,
) -> None:
    """Pair artworks with music, release the pairs, train on them."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(stream=sys.stderr, format="%(message)s", level=level)
    logging.getLogger("artsound").setLevel(logging.INFO)
    for part in ("LOGGING", "LOGGING_INTERNAL"):
        os.environ.setdefault(f"PREFECT_{part}_LEVEL", "INFO" if verbose else "CRITICAL")


@app.command()
def plan(config: Config, as_json: Json = False) -> None:
    """Show every step and whether it would run. Touches nothing."""
    from artsound import pipeline, steps

    settings = _settings(config)
    pipeline.check(settings)
    seen = list(steps.outlook(pipeline.all_steps(settings)))
    if as_json:
        _print_json([{"step": step.name, "reads": step.reads, "state": state} for step, state in seen])
        return
    for step, state in seen:
        typer.echo(f"{state:8} {', '.join(step.reads) or 'source'} → {step.name}")


@app.command()
def build(
    config: Config,
    as_json: Json = False,
    no_prefect: Annotated[
        bool, typer.Option("--no-prefect", help="walk the same steps without Prefect")
    ] = False,
) -> None:
    """Bring every step up to date. Run it again after a failure: what was finished is kept."""
    from artsound import pipeline, products

    settings = _settings(config)
    made = pipeline.standing(settings)
    if made is None:
        with _progress():
            made = dict((pipeline.build if no_prefect else _runner("prefect"))(config))
    if as_json:
        _print_json({name: vars(one) for name, one in made.items()})
        return
    for name, one in made.items():
        refused = ", ".join(f"{count} {reason}" for reason, count in one.rejects.items())
        if one.ran:
            typer.echo(f"{name}: {one.rows} rows" + (f", refused {refused}" if refused else ""))
        if name == "matching" and one.ran and (told := cli_match.changes_told(settings)):
            typer.echo(told)
    typer.echo("all is current" if not any(one.ran for one in made.values()) else "done")
    typer.echo(f"release     {_short(products.release_folder(settings))}")
    typer.echo(f"audit page  {_short(products.audit_folder(settings) / 'index.html')}")


@app.command()
def verify(  # noqa: PLR0913, PLR0917  # an option each
    release: Annotated[
        str | None, typer.Argument(help="folder or URL of a release, or dataset@version")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="verify what these settings built")
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="also decode all media; a URL is pulled to TMPDIR for it")
    ] = False,
    repair: Annotated[bool, typer.Option("--repair", help="fetch anew what is damaged or missing")] = False,
    source: Annotated[str, typer.Option("--from", help="where to fetch from; else where it came from")] = "",
    takedowns: Annotated[
        str,
        typer.Option(
            "--takedowns", "--register", "-r", help="file or URL of a register: name what is held of it"
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Check a release against its manifest: every file, every hash, every count."""
    from artsound import products
    from artsound.receive.check import check

    if (release is None) == (config is None):
        raise ConfigError("give a release folder or --config, one of the two")
    place = release if release else str(products.release_folder(_settings(config or Path())))
    with _progress():
        report, fetched = check(place, deep=deep, mend=repair, source=source, register=takedowns)
    if fetched:
        typer.echo(f"{fetched} files fetched anew", err=True)
    if as_json:
        told = {
            "files": report.files,
            "problems": report.problems,
            "proved": report.proved,
            "unseen": report.unseen,
        }
        _print_json({"folder": _shown(place), **told})
    else:
        for line in (*report.problems, *report.proved, *report.unseen):
            typer.echo(line)
        count = len(report.problems)
        verdict = f"{count} problem{'s' * (count > 1)}" if count else "verified"
        mends = report.files and count and not (repair or takedowns or "://" in place)
        advice = "; --repair fetches files anew" if mends else ""
        typer.echo(f"{verdict}: {_shown(place)} ({report.files} files){advice}")
    if report.problems:
        raise typer.Exit(1)


@app.command()
def show(
    config: Config,
    table: Annotated[str, typer.Argument(help="name of a table; none lists them")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", help="rows to print", min=0)] = 5,
    as_json: Json = False,
) -> None:
    """Print a table's first rows, its count and its rejects."""
    from artsound import show as shown
    from artsound.store import Store

    store = Store(_settings(config).root)
    view = shown.table_view(store, table, limit) if table else shown.overview(store)
    if as_json:
        _print_json(view)
    else:
        shown.render(view)


app.add_typer(cli_receive.app)
app.add_typer(cli_review.app, name="review")
app.add_typer(cli_release.app, name="release")
app.add_typer(cli_train.app, name="train")
app.command()(cli_train.generate)
app.command()(cli_evaluate.evaluate)
app.add_typer(cli_match.app, name="match")
app.command()(cli_match.explain)
app.add_typer(cli_models.app, name="models")
app.command()(cli_models.search)
app.add_typer(cli_graph.app, name="graph")
app.add_typer(cli_fma.app, name="fma")


INTERRUPTED = 130  # what typer makes of Ctrl-C


def main() -> None:
    """Run the command line."""
    memory.lean()
    ended(app)


def ended(run: Callable[[], object]) -> None:
    """Run a command and exit: 0 when all is well, 1 when something failed, 2 after a wrong call."""
    try:
        run()
    except ConfigError as error:
        _fail(error, 2)
    except ArtSoundError as error:
        _fail(error, 1)
    except OSError as error:
        if error.filename is None:  # not of a file: a fault of ours
            raise
        _fail(StoreError(f"{error.filename}: {error.strerror}; see that it may be read and written"), 1)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            typer.echo("stopped; what was finished is kept, run the same command to go on", err=True)
        raise


def _fail(error: ArtSoundError, code: int) -> None:
    told = " ".join(str(error).splitlines())  # what a library says of its trouble may be several lines
    typer.echo(f"{type(error).__name__}: {told}", err=True)
    sys.exit(code)


def _settings(config: Path) -> "Settings":
    from artsound.settings import Settings

    return Settings.load(config)


def _progress() -> AbstractContextManager[None]:
    from rich.console import Console

    from artsound import progress

    return progress.show(Console(stderr=True))


def _runner(name: str) -> Any:
    """Load what walks the build; found by entry point, since the library must not know Prefect."""
    found = entry_points(group="artsound.runners", name=name)
    if not found:
        raise ConfigError(
            f"no runner {name!r} is installed: install the package with pip, or use --no-prefect"
        )
    return next(iter(found)).load()


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def _shown(place: str) -> str:
    return place if "://" in place else _short(Path(place))


def _short(path: Path) -> str:
    """Write a path relative to here when it lies below."""
    resolved = path.resolve()
    here = Path.cwd().resolve()
    return str(resolved.relative_to(here)) if resolved.is_relative_to(here) else str(resolved)


if __name__ == "__main__":
    main()
