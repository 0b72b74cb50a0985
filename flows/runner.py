"""What the command line runs: the flow, and one line when Prefect's server does not answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from prefect.exceptions import PrefectHTTPStatusError

from artsound import pipeline
from artsound.errors import RunnerError
from artsound.settings import Settings
from artsound.steps import Made
from flows.build import build

_NOT_THERE = ("Failed to reach API", "Timed out while attempting to connect to ephemeral")
_LOST = "Prefect's server cannot be reached ({}); what was finished is kept: run again, or without Prefect"


@contextmanager
def reaching_prefect() -> Iterator[None]:
    """Say in one line that Prefect's server cannot be reached.

    Raises:
        RunnerError: in place of what its client raises when the server does not start, is down, or is lost.
        KeyboardInterrupt: it was lost since somebody interrupted.
    """
    try:
        yield
    except (httpx.HTTPError, PrefectHTTPStatusError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not str(error).startswith(_NOT_THERE):
            raise
        if _interrupted(error):
            raise KeyboardInterrupt from error
        told = str(error).partition("\n")[0] or type(error).__name__
        raise RunnerError(_LOST.format(told)) from error


def _interrupted(error: BaseException | None) -> bool:
    """Say whether an interruption came first: Ctrl-C stops Prefect's private server, too."""
    while error and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def run(config: Path) -> dict[str, Made]:
    """Build under Prefect; what the settings lack is said before a server starts.

    Raises:
        RunnerError: Prefect's server cannot be reached.
    """
    pipeline.check(Settings.load(config))
    with reaching_prefect():
        return build(config)
