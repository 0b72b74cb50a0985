"""`artsound fma`: hold FMA's archives against what is published of them."""

import json
import os
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(no_args_is_help=True, help="Check the archives of FMA.")
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]


@app.callback()
def _group() -> None:
    """Keep `check` a command of its own."""


@app.command()
def check(
    audio: Annotated[Path, typer.Argument(help="fma_large.zip or another subset, or its folder")],
    subset: Annotated[Literal["small", "medium", "large"], typer.Option(help="which subset it is")] = "large",
    checksums: Annotated[bool, typer.Option("--checksums", help="also verify all SHA-1")] = False,
    as_json: Json = False,
) -> None:
    """Decode every clip and compare with the known counts. Exit code 1 if something differs."""
    from artsound.media.files import open_media
    from artsound.sources import fma

    media, workers = open_media(audio), os.cpu_count() or 1
    wrong = fma.check_members(media, workers=workers) if checksums else []
    whole = fma.check_archive(audio) if checksums and audio.is_file() else None
    tally = fma.check_audio(media, workers=workers)
    found = (tally.kept, len(tally.failed), len(tally.short))
    known = fma.KNOWN_COUNTS.get(subset)
    if as_json:
        report = {**tally._asdict(), "known": known, "checksum_errors": wrong, "archive_sound": whole}
        typer.echo(json.dumps(report))
    else:
        names = ("kept", "failed", "short")
        for name, count, expected in zip(names, found, known or ("?",) * 3, strict=True):
            typer.echo(f"{name:7}{count:>8}   known {expected}")
        for name in wrong:
            typer.echo(f"checksum differs: {name}")
        if whole is not None:
            typer.echo(f"archive: {'as published' if whole else 'differs from the published SHA-1'}")
    if wrong or whole is False or (known and found != known):
        raise typer.Exit(1)
