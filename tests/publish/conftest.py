"""The small releases that the tests of `release` and `receive` make."""

from tests.receive.conftest import newer
from tests.release.conftest import copied, finished, media, rows

__all__ = ["copied", "finished", "media", "newer", "rows"]
