"""The small release that the tests of `release` make."""

from tests.release.conftest import copied, finished, media, rows

__all__ = ["copied", "finished", "media", "rows"]
