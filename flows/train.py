"""Train on a release, after it was pulled or built: prepare, then train, each as one Prefect task.

A killed run goes on from its last checkpoint when the flow is run again.
"""

from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from artsound.train.journal import read_journal
from artsound.train.run import Prepared
from artsound.train.run import prepare as fill
from artsound.train.run import run as fit
from artsound.train.settings import TrainSettings


@task(cache_policy=NO_CACHE)
def prepare(settings: TrainSettings) -> Prepared:
    """Bring the latent cache up to date."""
    return fill(settings)


@task(cache_policy=NO_CACHE)
def train(settings: TrainSettings) -> Path:
    """Train from the last checkpoint on; returns where the model is."""
    return fit(settings)


@flow(name="train-generator")
def train_generator(config: Path, release: Path | None = None) -> Path:
    """Train on the release that the settings name, or on another one, such as a version just pulled."""
    settings = TrainSettings.load(config)
    if release:
        settings = settings.model_copy(update={"release": release})
    prepare(settings)
    model = train(settings)
    lines = read_journal(settings.run / "projector" / "journal.jsonl")
    create_table_artifact(lines, key="training", description="Losses by samples seen")
    return model
