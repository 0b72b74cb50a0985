"""Train on a release by name and version: pull it, prepare, train, each as one Prefect task.

    python -m flows.train build/train-demo/train.toml https://<where>/<name>@<version>

A killed run goes on where it stopped when the flow is run again.
"""

from pathlib import Path
from typing import Annotated

import typer
from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from artsound.cli import ended
from artsound.receive.find import find
from artsound.receive.pull import pull
from artsound.train.journal import read_journal
from artsound.train.run import prepare as fill
from artsound.train.run import run as fit
from artsound.train.settings import TrainSettings
from flows.build import source_failed
from flows.runner import reaching_prefect


@task(cache_policy=NO_CACHE, retries=2, retry_delay_seconds=[10, 60], retry_condition_fn=source_failed)
def fetch(address: str, into: Path) -> Path:
    """Bring a published release into a folder of its own; returns that folder."""
    found = find(address)
    return pull(found, into / f"{found.manifest.name}-{found.manifest.version}").folder


prepare = task(name="prepare", cache_policy=NO_CACHE)(fill)
train = task(name="train", cache_policy=NO_CACHE)(fit)


@flow(name="train-generator")
def train_generator(config: Path, release: str | None = None) -> Path:
    """Train on the release that the settings name, or on a published one: `<place>/<name>@<version>`."""
    settings = TrainSettings.load(config)
    if release:
        settings = settings.model_copy(update={"release": fetch(release, settings.run / "releases")})
    prepare(settings)
    model = train(settings)
    lines = read_journal(settings.run / "projector" / "journal.jsonl")
    create_table_artifact(lines, key="training", description="Losses by samples seen")
    return model


def main(config: Path, release: Annotated[str | None, typer.Argument()] = None) -> None:
    """Train on the settings' release, or on a published version of one."""
    TrainSettings.load(config)  # a wrong file is said before a server starts
    with reaching_prefect():
        typer.echo(train_generator(config, release))


if __name__ == "__main__":
    ended(lambda: typer.run(main))
