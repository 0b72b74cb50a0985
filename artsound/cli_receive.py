"""`artsound pull · diff · apply · takedown`: receive what was published, and keep up with its changes."""

import datetime
import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True)
takedowns = typer.Typer(no_args_is_help=True, help="Items that must not be published any more.")
app.add_typer(takedowns, name="takedown")
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
Release = Annotated[str, typer.Argument(help="folder or URL of a release or dataset, perhaps with @version")]
Register = Annotated[Path, typer.Option("--register", "-r", help="CSV of side, item_id, reason, date")]


@app.command()
def pull(  # noqa: PLR0913, PLR0917  # an option each
    release: Release,
    into: Annotated[Path | None, typer.Option(help="folder to make; else <name>-<version> here")] = None,
    split: Annotated[list[str] | None, typer.Option(help="only this split; may be repeated")] = None,
    tier: Annotated[
        str, typer.Option(help="only pairs whose licences allow: open, share-alike, non-commercial, …")
    ] = "any",
    columns: Annotated[
        list[str] | None, typer.Option(help="only these columns of the Parquet shards: a,b,c; no tars")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="only files of this kind: parquet, webdataset, captions, scores, items, …"),
    ] = None,
    workers: Annotated[int, typer.Option(help="files fetched at one time", min=1, max=64)] = 8,
    as_json: Json = False,
) -> None:
    """Fetch a release or a part of it; every file is checked. Run it again to go on after a stop."""
    from artsound.receive.cut import pull_part
    from artsound.receive.find import find

    found = find(release)
    folder = into or Path(f"{found.manifest.name}-{found.manifest.version}")
    names = tuple(name for given in columns or () for name in given.split(",") if name)
    with _progress():
        done = pull_part(found, folder, (split or (), only or (), tier, names), workers=workers)
    told = {"folder": str(folder), "files": done.files, "fetched": done.fetched, "bytes": done.bytes}
    _tell(told, f"{folder}: {done.files} files, {done.fetched} fetched ({done.bytes / 1e6:.1f} MB)", as_json)


@app.command()
def diff(
    before: Release,
    after: Release,
    patch: Annotated[
        Path | None, typer.Option(help="also write a patch from one to the other; both must be folders")
    ] = None,
    each: Annotated[bool, typer.Option("--list", help="also name each of them")] = False,
    as_json: Json = False,
) -> None:
    """Say what changed between two versions: pairs, words, scores, licences, media, arrays, files."""
    from artsound.receive.diff import diff as compare
    from artsound.receive.find import find
    from artsound.receive.patch import patch_between

    old, new = find(before), find(after)
    with _progress():
        found = compare(old, new)
        told = found.summary()
        if patch:
            made = patch_between(old, new, patch)
            told |= {"patch_bytes": made.bytes, "new_bytes": made.new_bytes}
    listed = found.listed() if each else {}
    lines = [f"{name:12} {value}" for name, value in told.items()]
    lines += [f"{kind} {one}" for kind, some in listed.items() for one in some]
    _tell(told | ({"listed": listed} if each else {}), "\n".join(lines), as_json)


@app.command()
def apply(
    before: Annotated[Path, typer.Argument(help="folder of the old version")],
    patch: Annotated[Path, typer.Argument(help="what `artsound diff --patch` wrote")],
    into: Annotated[Path, typer.Argument(help="folder to make of the new version")],
    as_json: Json = False,
) -> None:
    """Make a new version out of an old one and a patch; every file is checked."""
    from artsound.receive.patch import apply_patch

    with _progress():
        done = apply_patch(before, patch, into)
    told = {"folder": str(into), "files": done.files, "made": done.fetched, "bytes": done.bytes}
    _tell(told, f"{into}: {done.files} files, {done.fetched} put together", as_json)


@takedowns.command()
def add(
    side: Annotated[str, typer.Argument(help="art or music")],
    item_id: Annotated[str, typer.Argument(help="artwork_id or clip_id")],
    register: Register,
    reason: Annotated[str, typer.Option(help="why; it is published as the item's tombstone")],
    date: Annotated[str, typer.Option(help="of the request, YYYY-MM-DD; else today")] = "",
) -> None:
    """Enter an item into the register. The next build leaves it out, and matches anew what it freed.

    With `freed = "leave"` in the settings, what it freed stays unpaired and no other pair changes.
    """
    from artsound.takedown import Takedown
    from artsound.takedown import add as enter

    day = date or datetime.datetime.now(datetime.UTC).date().isoformat()
    enter(register, Takedown(side, item_id, reason, day))
    typer.echo(f"{register}: {side} {item_id} entered")


@takedowns.command("list")
def list_(register: Register, as_json: Json = False) -> None:
    """Print the register."""
    from artsound.takedown import read_register

    found = [one._asdict() for one in read_register(register)]
    _tell(found, "\n".join("  ".join(one.values()) for one in found) or "nothing was taken down", as_json)


@takedowns.command("apply")
def apply_(
    config: Annotated[Path, typer.Option("--config", "-c", help="TOML settings that name the register")],
    as_json: Json = False,
) -> None:
    """Build the release without the items of the register that the settings name."""
    from artsound import pipeline
    from artsound.settings import Settings
    from artsound.takedown import to_apply, without_item

    settings = Settings.load(config)
    taken, held = to_apply(settings)
    with _progress():
        made = dict(pipeline.build(config))
    unknown = [f"{one.side} {one.item_id}" for one in without_item(settings)]
    counts = {"register": len(taken), "held_before": len(held), "pairs": made["release_rows"].rows}
    text = (
        f"{counts['pairs']} pairs without the {len(taken)} in the register; "
        f"{len(held)} stood in the version before"
    )
    if unknown:
        text += f"\nno usable item of the sources: {', '.join(unknown)}; compare the ids"
    _tell(counts | {"unknown": unknown}, text, as_json)


def _progress() -> AbstractContextManager[None]:
    from rich.console import Console

    from artsound import progress

    return progress.show(Console(stderr=True))


def _tell(value: Any, text: str, as_json: bool) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False) if as_json else text)
