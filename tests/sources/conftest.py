"""A server that misbehaves."""

import threading
from collections.abc import Iterator

import pytest

from tests.sources.rude import RudeServer


@pytest.fixture
def server() -> Iterator[RudeServer]:
    with RudeServer() as started:
        thread = threading.Thread(target=started.serve_forever)
        thread.start()
        yield started
        started.shutdown()
        thread.join()
