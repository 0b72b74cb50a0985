"""`artsound train` and `artsound generate`: from a release to a model, from an image to music."""

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

from artsound.errors import ConfigError, MissingExtra, extra

app = typer.Typer(no_args_is_help=True, help="Train the generator on a release.")
Config = Annotated[Path, typer.Option("--config", "-c", help="TOML settings file of a training run")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON")]


@app.command()
def prepare(config: Config, as_json: Json = False) -> None:
    """Encode a release once: latents, conditioning targets, visual tokens. Run it again to go on."""
    need_torch()
    from artsound.train.run import prepare as fill
    from artsound.train.settings import TrainSettings

    with _progress():
        done = fill(TrainSettings.load(config))
    typer.echo(json.dumps({"made": done.made}) if as_json else f"{done.made} files made, the rest was there")


@app.command()
def run(config: Config, as_json: Json = False) -> None:
    """Train on the cache. Run it again after a crash: it goes on from the last checkpoint."""
    need_torch()
    from artsound.train.run import run as train
    from artsound.train.settings import TrainSettings

    with _progress():
        path = train(TrainSettings.load(config))
    typer.echo(json.dumps({"model": path.name}) if as_json else f"model: {path}")


@app.command()
def synthetic(
    folder: Annotated[Path, typer.Argument(help="where to write the set")],
    pairs: Annotated[int, typer.Option(help="how many", min=10)] = 1000,
    seed: Annotated[int, typer.Option(help="another seed, another set")] = 0,
    repaired: Annotated[bool, typer.Option("--repaired", help="pair at random: the control")] = False,
) -> None:
    """Write a set whose pairing is known: hue is pitch, value is tempo, saturation is timbre."""
    from artsound.train.synthetic import write

    with _progress():
        path = write(folder, pairs=pairs, seed=seed, planted=not repaired)
    typer.echo(f"next: artsound build --config {path}")
    typer.echo(f"then: artsound train prepare --config {path.with_name('train.toml')}")


def generate(  # noqa: PLR0913, PLR0917  # one argument an option
    image: Annotated[Path, typer.Argument(help="an image, or a folder of images")],
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", envvar="ARTSOUND_MODEL", help="model.safetensors, or its folder"),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the music")] = Path("generated"),
    seconds: Annotated[float, typer.Option(help="length of a piece")] = 10.0,
    seed: Annotated[int, typer.Option(help="another seed, other music")] = 0,
    guidance: Annotated[
        float | None, typer.Option(help="how closely to follow the image; 1 is freely")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="of the sampler", min=1)] = None,
    count: Annotated[int, typer.Option("--n", "-n", help="pieces an image", min=1)] = 1,
    weights: Annotated[str, typer.Option(help="of the prior, where they lie elsewhere now")] = "",
    as_json: Json = False,
) -> None:
    """Make music for an image, or for every image of a folder."""
    need_torch()
    from artsound.train.generate import Request, images_in
    from artsound.train.generate import generate as make
    from artsound.train.model import load_model

    images = images_in(image)
    with _progress():
        made = make(
            load_model(_named(model), weights), images, out, Request(seconds, seed, count, steps, guidance)
        )
    if as_json:
        wavs = [{"image": piece.image.name, "wav": piece.wav.name} for piece in made.pieces]
        typer.echo(json.dumps({"pieces": wavs, "refused": [one.image.name for one in made.refused]}))
        return
    for piece in made.pieces:
        typer.echo(f"{piece.image.name} → {piece.wav}")
    for one in made.refused:
        typer.echo(f"{one.image.name} refused: {one.why}", err=True)


def _named(model: Path | None) -> Path:
    if model is None:
        raise ConfigError(
            "no model is named: give --model FOLDER or set ARTSOUND_MODEL; `make train-demo` trains a small "
            "one on a CPU, in build/train-demo/run"
        )
    return model


def _progress() -> AbstractContextManager[None]:
    from rich.console import Console

    from artsound import progress

    return progress.show(Console(stderr=True))


def need_torch() -> None:
    """Say which extra is missing before a long traceback does.

    Raises:
        MissingExtra: torch or one of its companions is not installed.
    """
    from importlib.util import find_spec

    missing = [name for name in ("torch", "accelerate", "safetensors") if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"training and generation need {', '.join(missing)}: {extra('train')}")
