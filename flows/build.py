"""Build the dataset: every step of `artsound.pipeline`, its parts as mapped Prefect tasks."""

from pathlib import Path
from typing import Any

from prefect import Task, flow, task, unmapped
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from artsound import pipeline
from artsound.errors import SourceError
from artsound.settings import Settings
from artsound.steps import Job, Made
from artsound.store import Store


def source_failed(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Retry only what may pass by itself: a bug or a bad setting fails at once."""
    return isinstance(state.result(raise_on_failure=False), SourceError)


@task(cache_policy=NO_CACHE, retries=2, retry_delay_seconds=[10, 60], retry_condition_fn=source_failed)
def run_part(config: Path, step: str, job: Job, number: int) -> None:
    """Make one part. The store knows what is done; a second cache could only disagree with it."""
    pipeline.step(Settings.load(config), step).run(job, number)


@task(cache_policy=NO_CACHE)
def finish(config: Path, step: str, job: Job) -> Made:
    """Put the parts of a step together."""
    return pipeline.step(Settings.load(config), step).finish(job)


@flow(name="build-dataset")
def build(config: Path) -> dict[str, Made]:
    """Bring every step up to date; its parts run where the task runner puts them, here one by one."""
    settings = Settings.load(config)
    pipeline.check(settings)
    store, made = Store(settings.root), dict[str, Made]()
    with store.writing():
        for step in pipeline.all_steps(settings):
            made[step.name] = step.current() or _make(config, step.name, step.begin())
        store.clear_parts()
    rows = [{"step": name, "rows": one.rows, "refused": dict(one.rejects)} for name, one in made.items()]
    create_table_artifact(rows, key="build", description="What every step left behind")
    return made


def _make(config: Path, step: str, job: Job) -> Made:
    named = run_part.with_options(name=f"{step} part")
    named.map(unmapped(config), unmapped(step), unmapped(job), range(job.parts)).result()
    return finish.with_options(name=step)(config, step, job)
