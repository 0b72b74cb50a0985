"""The pointer to the newest version."""

import json

import pytest

from artsound.errors import ReleaseError
from artsound.release.pointer import Pointer, parse_pointer

ONE, TWO = "1" * 64, "2" * 64
FIRST = Pointer("demo", "1.0.0", {"1.0.0": ONE})


def test_a_pointer_reads_back_and_remembers_every_version() -> None:
    second = FIRST.switched("1.1.0", TWO)
    assert parse_pointer(second.text().encode()) == second
    assert (second.version, second.manifests) == ("1.1.0", {"1.0.0": ONE, "1.1.0": TWO})
    assert second.switched("1.0.0", ONE).version == "1.0.0"  # back to an older one


def test_a_published_version_never_changes_its_content() -> None:
    with pytest.raises(ReleaseError, match="published already"):
        FIRST.switched("1.0.0", TWO)


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2.0.0"},
        {"name": "../demo"},
        {"manifests": {"1.0.0": ONE, "../x": ONE}},
        {"manifests": {"1.0.0": "no hash"}},
        {"manifests": {"1.0.0": 3}},
        {"manifests": [1]},
        {"format": "other"},
        {"more": 1},
    ],
)
def test_a_pointer_that_names_something_else_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ReleaseError):
        parse_pointer(json.dumps(json.loads(FIRST.text()) | change).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(ReleaseError):
        parse_pointer(data)
