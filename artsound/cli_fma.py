"""`artsound fma`: fetch FMA's archives, hold them against what is published of them."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(no_args_is_help=True, help="Fetch and check the archives of FMA.")
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
Mirrors = Annotated[
    list[str] | None, typer.Option("--mirror", help="folder on the web that holds the same files; repeatable")
]
Config = Annotated[Path | None, typer.Option("--config", "-c", help="TOML settings file with `mirrors`")]


@app.command()
def fetch(
    folder: Annotated[Path, typer.Argument(help="where the archives go")] = Path("data/fma"),
    size: Annotated[
        Literal["metadata", "small", "medium", "large", "full"], typer.Option(help="how much of it")
    ] = "large",
    mirror: Mirrors = None,
    config: Config = None,
) -> None:
    """Download metadata and audio; run again to go on. Mirrors are asked first, each file is hashed."""
    from artsound.settings import Settings
    from artsound.sources import fma
    from artsound.sources.download import download

    mirrors = [*(mirror or ()), *(Settings.load(config).tracks.mirrors if config else ())]
    for remote in fma.archives(size):
        typer.echo(f"{download(remote, folder, mirrors=mirrors)}: as published")


@app.command()
def check(
    audio: Annotated[Path, typer.Argument(help="fma_large.zip or another subset, or its folder")],
    subset: Annotated[
        Literal["small", "medium", "large", "full"] | None,
        typer.Option(help="which subset it is; else the archive's name tells, or it is large"),
    ] = None,
    checksums: Annotated[bool, typer.Option("--checksums", help="also verify all SHA-1")] = False,
    as_json: Json = False,
) -> None:
    """Decode every clip and compare with the known counts. Exit code 1 if something differs."""
    from artsound.media.files import open_media
    from artsound.media.surplus import left_out
    from artsound.sources import fma_check

    media, workers = open_media(audio), os.cpu_count() or 1
    members = fma_check.check_members(media, workers=workers) if checksums else None
    whole = fma_check.check_archive(audio) if checksums and audio.is_file() else None
    tally = fma_check.check_audio(media, workers=workers)
    counts = fma_check.compare(subset or fma_check.subset_of(audio), tally, members)
    wrong = members.wrong if members else []
    if as_json:
        told = {count.what: {"found": count.found, "known": count.known} for count in counts}
        report = {**tally._asdict(), "counts": told, "checksum_errors": wrong, "archive_sound": whole}
        typer.echo(json.dumps({**report, "left_out": left_out(media)}))
    else:
        for count in counts:
            known = "?" if count.known is None else count.known
            typer.echo(f"{count.what:7}{count.found:>8}   known {known}{'  ← differs' * count.differs}")
        for cause, files in sorted(Counter(tally.failed.values()).items()):
            typer.echo(f"failed:{files:>8}   {cause}")
        for reject in left_out(media):
            typer.echo(f"not read: {reject.item_id}: {reject.detail}")
        for name in wrong:
            typer.echo(f"checksum differs: {name}")
        if whole is not None:
            typer.echo(f"archive: {'as published' if whole else 'differs from the published SHA-1'}")
    if wrong or whole is False or any(count.differs for count in counts):
        raise typer.Exit(1)
