"""`artsound models` and `artsound search`: which models a run uses; asking with an image, sound or words."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The models of a run: weights, licences, downloads.")
Config = Annotated[Path, typer.Option("--config", "-c", help="TOML settings file")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]


@app.command("list")
def list_(config: Config, as_json: Json = False) -> None:
    """Show every model of a run, where its weights are, and their licence. Loads nothing, fetches nothing."""
    from artsound.models.inventory import inventory
    from artsound.settings import Settings

    found = inventory(Settings.load(config))
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2, ensure_ascii=False))
        return
    for one in found:
        typer.echo(f"{one.role}: {one.name}\n  {one.state}: {one.where}\n  licence: {one.licence}")
        if one.non_commercial:
            typer.echo("  NON-COMMERCIAL: so is what is made with it")
        if one.non_commercial is None:
            typer.echo("  commercial use: not known, read the licence")
        if one.download:
            typer.echo(f"  to fetch: {one.download}")


@app.command()
def check(config: Config, as_json: Json = False) -> None:
    """Load every model that runs here and try it; fails with the first that does not work. Never fetches."""
    from itertools import chain

    from artsound.models.trial import try_captioners, try_encoders
    from artsound.settings import Settings

    settings = Settings.load(config)
    for tried in chain(try_encoders(settings), try_captioners(settings)):
        gives = f"{tried.dim} numbers" if tried.dim else "words"
        typer.echo(json.dumps(asdict(tried)) if as_json else f"{tried.role}: {tried.name}, {gives}")


@app.command()
def fetch(config: Config) -> None:
    """Download missing weights into the folders that the settings name; the only command that fetches."""
    from artsound.models.fetch import fetch as fetched
    from artsound.settings import Settings

    for line in fetched(Settings.load(config)):
        typer.echo(line)


def search(  # noqa: PLR0913, PLR0917  # options of one command
    config: Config,
    image: Annotated[Path | None, typer.Option(help="find what goes with this image")] = None,
    audio: Annotated[Path | None, typer.Option(help="find what goes with this recording")] = None,
    text: Annotated[str | None, typer.Option(help="find what these words describe")] = None,
    tracks: Annotated[bool, typer.Option("--tracks", help="among the tracks")] = False,
    artworks: Annotated[bool, typer.Option("--artworks", help="among the artworks")] = False,
    space: Annotated[
        str | None,
        typer.Option(help="sentence, clip, clap or imagebind; unless given, what suits such a question"),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="how many")] = 10,
    as_json: Json = False,
) -> None:
    """Find tracks for an image, artworks for a recording, or either for words; exact, with scores."""
    from artsound import search as library
    from artsound.errors import ConfigError
    from artsound.settings import Settings
    from artsound.store import Store

    settings = Settings.load(config)
    asked = [value for value in (image, audio, text) if value is not None]
    if len(asked) != 1:
        raise ConfigError("give exactly one of --image, --audio and --text")
    if image is not None:
        query = library.by_image(settings, image, space)
    elif audio is not None:
        query = library.by_audio(settings, audio, space)
    else:
        query = library.by_text(settings, text or "", space)
    sides: list[library.Side] = []
    if artworks or (not tracks and image is None):
        sides.append("art")
    if tracks or (not artworks and audio is None):
        sides.append("music")
    store = Store(settings.root)
    hits = [hit for side in sides for hit in library.search(store, query, side, limit)]
    if as_json:
        typer.echo(json.dumps([asdict(hit) for hit in hits], indent=2, ensure_ascii=False))
        return
    for hit in hits:
        typer.echo(f"{hit.rank:3} {hit.score:6.3f} {hit.item_id}  {hit.title} ({hit.artist or 'unknown'})")
        typer.echo(f"      {hit.caption}")
