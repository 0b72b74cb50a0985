"""`artsound release`: the right version, and publishing."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from artsound.receive.diff import Diff

app = typer.Typer(no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
Folder = Annotated[Path, typer.Argument(help="folder of a finished release")]


@app.callback(invoke_without_command=True)
def release(
    context: typer.Context,
    propose: Annotated[
        bool, typer.Option("--bump", help="with --config: say which version comes next, as the command bump")
    ] = False,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="TOML settings file")] = None,
    as_json: Json = False,
) -> None:
    """Give a release its version and publish it."""
    if context.invoked_subcommand is None and propose:
        bump(config=config, as_json=as_json)
    elif context.invoked_subcommand is None or propose or config is not None:
        raise typer.BadParameter("give a command, or --bump with --config; --help lists them")


@app.command()
def bump(
    before: Annotated[
        str | None, typer.Argument(help="the earlier release: folder, URL, or URL@version")
    ] = None,
    after: Annotated[str | None, typer.Argument(help="the later one")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="compare what these settings would release next")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say which version the later release must have; fails when it has a lower one.

    With --config nothing is written: the tables that are built are compared with the version before.
    """
    from artsound.publish.versions import proposed, refuse_lower, told

    old, new, found = _compared(before, after, config)
    right = proposed(old, found.bump())
    if as_json:
        typer.echo(json.dumps({**found.summary(), "proposed": right}))
    else:
        typer.echo(f"{old} → {right}: {found.bump()} ({told(found)})")
    refuse_lower(old, new, found)


def _compared(before: str | None, after: str | None, config: Path | None) -> tuple[str, str, "Diff"]:
    """Find both versions and what lies between them."""
    from artsound.errors import ConfigError
    from artsound.receive.diff import diff
    from artsound.receive.find import find

    if config is not None and before is None:
        from artsound.products import ReleaseFolder
        from artsound.settings import Settings

        settings = Settings.load(config)
        old, changed = ReleaseFolder(settings).changes()
        return old, settings.release.version, changed
    if before is None or after is None or config is not None:
        raise ConfigError("give two releases to compare, or --config alone")
    first, second = find(before), find(after)
    return first.manifest.version, second.manifest.version, diff(first, second)


@app.command()
def costs(
    release: Annotated[str, typer.Argument(help="folder or URL of a release")], as_json: Json = False
) -> None:
    """Print what each step of the build took: rows, parts, seconds, bytes, tokens of models."""
    from artsound.errors import ReleaseError
    from artsound.receive.find import find
    from artsound.receive.pull import fetched_costs
    from artsound.release.costs import parse_costs, sheet_lines

    text = fetched_costs(find(release))
    if text is None:
        raise ReleaseError(f"{release} has no cost sheet: it was not made by `artsound build`")
    if as_json:
        typer.echo(text, nl=False)
        return
    for line in sheet_lines(parse_costs(text.encode())):
        typer.echo(line)


@app.command()
def publish(
    folder: Folder,
    target: Annotated[str, typer.Argument(help="folder or URL that readers pull from, such as s3://sets")],
    as_json: Json = False,
) -> None:
    """Verify a release, bring its files to a place, switch the pointer; run it again after a stop."""
    from artsound.publish.place import publish as send

    done = send(folder, target)
    if as_json:
        typer.echo(json.dumps(asdict(done)))
        return
    newest = "" if done.newest else "; a newer one stays the newest"
    typer.echo(f"{done.version} is at {done.url}: {done.sent} files sent, {done.kept} were there{newest}")


@app.command()
def hub(
    folder: Folder,
    repo: Annotated[str, typer.Argument(help="dataset repository, as owner/name")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only list what would be done")] = False,
) -> None:
    """Upload a release to the Hugging Face Hub as one commit with a tag."""
    from artsound.publish.hub import plan_upload, upload

    if dry_run:
        for line in plan_upload(folder, repo):
            typer.echo(line)
        return
    typer.echo(upload(folder, repo))
