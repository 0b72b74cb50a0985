"""`artsound release`: the right version, and publishing."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Give a release its version and publish it.")
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
Folder = Annotated[Path, typer.Argument(help="folder of a finished release")]


@app.command()
def bump(
    before: Annotated[str, typer.Argument(help="the earlier release: folder, URL, or URL@version")],
    after: Annotated[str, typer.Argument(help="the later one")],
    as_json: Json = False,
) -> None:
    """Say which version the later release must have; fails when it has a lower one."""
    from artsound.publish.versions import check_bump, proposed
    from artsound.receive.find import find

    old, new = find(before), find(after)
    found = check_bump(old, new)
    right = proposed(old.manifest.version, found.bump())
    if as_json:
        typer.echo(json.dumps({**found.summary(), "proposed": right}))
        return
    typer.echo(f"{old.manifest.version} → {right}: {found.bump()} ({new.manifest.version} is right)")


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
