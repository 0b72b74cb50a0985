"""A version follows on the one before: its number fits what changed, its changelog says what."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from artsound.errors import ConfigError, ReleaseError
from artsound.publish.history import PlannedVersion, before, history, told_of
from artsound.receive.diff import KINDS, PublishedVersion, compare, diff
from artsound.receive.find import find
from artsound.release.build import Release
from artsound.release.manifest import read_manifest
from tests.receive import versions
from tests.release import world
from tests.release.test_arrays import all_arrays

COUNT = 8


def following(place: Path, version: str, media: Path, **changes: Any) -> Release:
    """Plan a version beside the others, and build it as the build does."""
    making = world.release(media, world.plan(media, COUNT, **changes), place, version=version)
    changed, earlier = history(making, before(making.folder, making.options, None))
    for number in range(making.parts()):
        making.run(number)
    making.finish(changed=changed, earlier=earlier)
    return making


def row_of(number: int = 3, **said: Any) -> dict[str, list[dict[str, Any]]]:
    """Say something else of one track."""
    tracks = [{"track_id": f"t{i:04d}", "artist_id": "music:0", "licence": "CC-BY-4.0"} for i in range(COUNT)]
    tracks[number] |= said
    return {"tracks": tracks}


def artworks(media: Path, **said: Any) -> dict[str, list[dict[str, Any]]]:
    art = []
    for i in range(COUNT):
        one = world._file(media / "art", f"pic ü%20 {i}.png", "image_path", "png")
        one |= {"artwork_id": f"a{i:04d}", "artist_id": f"art:{i % 3}", "title": f"Picture {i}"}
        art.append(one | {"source_url": f"https://example.org/a/{i}", "width": 8, "height": 8})
    art[0] |= {"title": world.NASTY}
    art[3] |= said
    return {"artworks": art}


def tone(number: int, said: int) -> dict[str, str]:
    return {"clip_id": f"t{number:04d}", "caption": f"A tone, {said:04d}."}


OTHER_MEDIA = {"sha256": "0" * 64, "bytes": 5}
EDITS: dict[str, tuple[str, Any]] = {
    "a title": ("retold", lambda media: row_of(title="Another")),
    "a link": ("retold", lambda media: artworks(media, source_url="https://example.org/other")),
    "a size": ("retold", lambda media: artworks(media, width=9)),
    "a licence": ("relicensed", lambda media: row_of(licence="CC-BY-SA-4.0")),
    "a link to the licence": ("relicensed", lambda media: row_of(licence_url="https://example.org/l")),
    "an image": ("replaced", lambda media: artworks(media, **OTHER_MEDIA)),
    "a measure": (
        "retold",
        lambda _: {
            "music_measures": [{"clip_id": f"t{i:04d}", "tempo": 0.1 + (i == 3)} for i in range(COUNT)]
        },
    ),
    "a caption": (
        "recaptioned",
        lambda _: {
            "music_captions": [
                {"clip_id": f"t{i:04d}", "caption": f"A tone, {i + 9 * (i == 3):04d}."} for i in range(COUNT)
            ]
        },
    ),
}


@pytest.mark.parametrize("what", EDITS)
def test_any_edit_is_seen_as_its_kind_and_needs_a_major_step(media: Path, tmp_path: Path, what: str) -> None:
    kind, change = EDITS[what]
    following(tmp_path, "1.0.0", media)
    making = world.release(media, world.plan(media, COUNT, **change(media)), tmp_path, version="1.9.0")
    old = before(making.folder, making.options, None)
    assert old is not None
    found = compare(PublishedVersion(old), PlannedVersion(making))
    assert {name: count for name, count in found.counts().items() if count} == {kind: 1}
    assert getattr(found, kind) == (versions.pair_id("a0003", "t0003"),)
    with pytest.raises(ReleaseError, match=rf"since 1\.0\.0 \(1 {kind}\): make it 2\.0\.0"):
        history(making, old)


def test_a_planned_release_differs_from_the_one_before_as_a_written_one(media: Path, tmp_path: Path) -> None:
    first = following(tmp_path, "1.0.0", media)
    second = following(tmp_path, "2.0.0", media, **row_of(title="Another", licence="CC0-1.0"))
    written = diff(find(str(first.folder)), find(str(second.folder)))
    planned = compare(PublishedVersion(find(str(first.folder))), PlannedVersion(second))
    assert replace(written, fetch=()) == planned
    assert planned.retold == planned.relicensed != ()


def test_the_changelog_keeps_what_was_said_before_and_says_what_changed(media: Path, tmp_path: Path) -> None:
    following(tmp_path, "1.0.0", media)
    following(tmp_path, "1.0.1", media)
    last = following(tmp_path, "2.0.0", media, **row_of(title="Another"))
    text = (last.folder / "CHANGELOG.md").read_text()
    heads = [line.split()[1] for line in text.splitlines() if line.startswith("## ")]
    assert heads == ["2.0.0", "1.0.1", "1.0.0"]
    newest, older, oldest = text.split("\n## ")[1:]
    assert "Since 1.0.1: 1 pair with another title, artist, link or measure." in newest.replace("\\", "")
    assert "the same data, packed anew" in older
    assert "First version" in oldest
    assert all(f"{COUNT} pairs: 4 train, 2 val, 2 test." in one for one in (newest, older, oldest))


def test_the_newest_lower_version_is_followed_unless_another_is_named(media: Path, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.0.1", "1.0.3"):
        following(tmp_path, version, media)
    making = world.release(media, world.plan(media, COUNT), tmp_path, version="1.0.2")
    assert told_of(before(making.folder, making.options, None))["version"] == "1.0.1"
    named = tmp_path / "demo-1.0.0"
    assert told_of(before(making.folder, making.options, named))["version"] == "1.0.0"
    with pytest.raises(ConfigError, match=r"demo-1\.0\.2 cannot follow on demo 1\.0\.3"):
        before(making.folder, making.options, tmp_path / "demo-1.0.3")


def test_a_changed_changelog_is_not_carried_on(media: Path, tmp_path: Path) -> None:
    first = following(tmp_path, "1.0.0", media)
    (first.folder / "CHANGELOG.md").write_text("## 0.0.0\n\n- Not so.\n")
    with pytest.raises(ReleaseError, match="was changed: verify"):
        following(tmp_path, "1.0.1", media)


def with_arrays(media: Path, rows: pa.Table, place: Path, version: str, seed: int, *names: str) -> Release:
    chosen = [one for one in all_arrays(rows, seed) if one.record.name in names]
    making = replace(world.release(media, rows, place, version=version), arrays=chosen)
    world.build(making)
    return making


def test_arrays_that_come_go_or_change_are_told(media: Path, tmp_path: Path) -> None:
    rows = world.plan(media, COUNT)
    both = ("art_sentence", "latents")
    one = with_arrays(media, rows, tmp_path, "1.0.0", 0, *both)
    same = with_arrays(media, rows, tmp_path / "b", "1.0.1", 0, *both)
    other = with_arrays(media, rows, tmp_path / "c", "2.0.0", 9, *both)
    more = with_arrays(media, rows, tmp_path / "d", "1.1.0", 0, *both, "music_sentence")
    told = [diff(find(str(one.folder)), find(str(making.folder))) for making in (same, other, more)]
    assert [found.bump() for found in told] == ["patch", "major", "minor"]
    assert [len(found.reencoded) for found in told] == [0, COUNT, 0]
    assert told[2].gained == ("music_sentence",)
    assert diff(find(str(more.folder)), find(str(one.folder))).lost == ("music_sentence",)
    planned = compare(PublishedVersion(find(str(one.folder))), PlannedVersion(other))
    assert planned.reencoded == told[1].reencoded


def test_one_changed_vector_is_one_changed_pair(media: Path, tmp_path: Path) -> None:
    rows = world.plan(media, COUNT)
    one = with_arrays(media, rows, tmp_path, "1.0.0", 0, "latents")
    arrays = [array for array in all_arrays(rows) if array.record.name == "latents"]
    values = np.concatenate(list(arrays[0].chunks))
    values[2] += 1
    making = replace(
        world.release(media, rows, tmp_path, version="2.0.0"), arrays=[replace(arrays[0], chunks=[values])]
    )
    world.build(making)
    found = diff(find(str(one.folder)), find(str(making.folder)))
    assert found.reencoded == (arrays[0].ids[2].as_py(),)


def test_media_left_out_are_a_loss_and_packing_anew_is_none(media: Path, tmp_path: Path) -> None:
    rows = world.plan(media, COUNT)
    whole, bare, anew = (
        world.release(media, rows, tmp_path / name, **options)
        for name, options in (("a", {}), ("b", {"media": False}), ("c", {"shard_megabytes": 5}))
    )
    for making in (whole, bare, anew):
        world.build(making)
    found = diff(find(str(whole.folder)), find(str(bare.folder)))
    assert (found.lost, found.bump()) == (("media",), "major")
    assert diff(find(str(whole.folder)), find(str(anew.folder))).bump() == "patch"
    assert not set(KINDS) & {name for name, count in found.counts().items() if count}


def test_a_release_says_in_its_manifest_what_its_files_say(media: Path, tmp_path: Path) -> None:
    made = read_manifest(following(tmp_path, "1.0.0", media).folder)
    assert sum(record.rows or 0 for record in made.files if record.role == "items") == COUNT
