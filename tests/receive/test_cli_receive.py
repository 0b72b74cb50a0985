"""Receiving by the command line."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from artsound import cli
from artsound.errors import ArtSoundError, ConfigError
from artsound.receive import fetch
from artsound.release.manifest import MANIFEST, SUMS, read_manifest
from artsound.takedown import TOMBSTONES
from tests.builds import artsound
from tests.receive.conftest import point
from tests.receive.web import Web
from tests.release import world
from tests.release.test_hostile import ATTACKS, TAR, forge, members_of


def call(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(cli.app, [str(one) for one in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.stdout


def told(*arguments: object) -> Any:
    return json.loads(call(*arguments, "--json"))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "PAUSE", 0.001)


def test_a_release_is_pulled_here_under_its_name(
    web: Web, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    count = found_files(finished)
    assert f"demo-1.0.0: {count} files, {count} fetched" in call("pull", web.demo)
    assert world.contents(finished).items() <= world.contents(tmp_path / "demo-1.0.0").items()
    assert told("pull", f"{web.demo}@1.0.0")["fetched"] == 0


def test_a_part_is_pulled_and_verified(web: Web, tmp_path: Path) -> None:
    into = tmp_path / "part"
    call("pull", web.demo, "--into", into, "--split", "val", "--split", "test", "--only", "captions")
    assert sorted(path.name.partition("-")[0] for path in (into / "captions").iterdir()) == ["test", "val"]
    assert "verified" in call("verify", into)
    with pytest.raises(ConfigError, match="has no dev"):
        call("pull", web.demo, "--into", tmp_path / "none", "--split", "dev")


@pytest.mark.parametrize("given", [[], ["--bump", "publish"], ["--config", "x.toml"], ["--bump"]])
def test_a_release_command_that_says_too_little_or_too_much_is_refused(given: list[str]) -> None:
    if given == ["--bump"]:
        with pytest.raises(ConfigError, match="give two releases to compare, or --config alone"):
            call("release", *given)
    else:
        call("release", *given, code=2)


def test_an_address_that_leads_nowhere_is_said_in_one_line(web: Web, tmp_path: Path) -> None:
    for address, said in (
        (f"{web.demo}@9.9.9", "has no version 9.9.9, only 1.0.0"),
        (f"{web.url}/nothing", "no release, and no dataset of releases"),
        ("http://[bad/demo", "is no address"),
    ):
        with pytest.raises(ArtSoundError, match=said):
            call("pull", address, "--into", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_verify_works_on_an_address_and_names_what_is_wrong(web: Web, published: Path) -> None:
    *unseen, verdict = call("verify", f"{web.url}/demo-1.0.0").splitlines()
    assert "what the manifest does not name" in unseen[0]
    assert "what stands inside files" in unseen[1]
    assert verdict.startswith(f"verified: {web.url}")
    (published / "demo-1.0.0" / "README.md").unlink()
    assert "README.md: missing" in call("verify", f"{web.url}/demo-1.0.0", code=1)
    with pytest.raises(ConfigError, match="pull the release first"):
        call("verify", f"{web.url}/demo-1.0.0", "--repair")


def test_verify_deep_sees_inside_the_files_of_an_address_and_leaves_nothing_behind(
    web: Web, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "room"))
    (tmp_path / "room").mkdir()
    there = f"{web.url}/demo-1.0.0"
    said = call("verify", there, "--deep").splitlines()
    assert said[-1].startswith(f"verified: {web.url}")
    assert not any("what stands inside files" in line for line in said)
    folder = published / "demo-1.0.0"
    forge(folder, TAR, ATTACKS["same sample twice"](members_of(folder / TAR)))
    assert said[-1] == call("verify", there).splitlines()[-1]  # bytes are those of the manifest
    assert f"{TAR}: " in call("verify", there, "--deep", code=1)
    (folder / SUMS).write_bytes(b"")
    assert f"{SUMS}: does not agree" in call("verify", there, "--deep", code=1)
    (folder / "README.md").unlink()
    assert "README.md: missing" in call("verify", there, "--deep", code=1)
    assert list((tmp_path / "room").iterdir()) == []


def test_repair_fetches_what_is_damaged_from_where_it_came(web: Web, tmp_path: Path, copied: Path) -> None:
    into = tmp_path / "pulled"
    call("pull", web.demo, "--into", into)
    (into / "README.md").write_text("x")
    said = call("verify", into, code=1)
    assert said.splitlines()[0].startswith("README.md: has 1 bytes")
    assert said.endswith("files); --repair fetches files anew\n")
    assert "verified" in call("verify", into, "--repair")
    (copied / "README.md").unlink()
    with pytest.raises(ConfigError, match="--from"):
        call("verify", copied, "--repair")
    assert "verified" in call("verify", copied, "--repair", "--from", web.demo)


def test_repair_leaves_a_stray_file_and_names_it(web: Web, tmp_path: Path) -> None:
    into = tmp_path / "pulled"
    call("pull", web.demo, "--into", into)
    (into / "mine.txt").write_text("x")
    assert "'mine.txt': is not part of the release" in call("verify", into, "--repair", code=1)
    assert (into / "mine.txt").exists()


def test_versions_are_compared_patched_and_made(finished: Path, newer: Path, tmp_path: Path) -> None:
    found = told("diff", finished, newer, "--patch", tmp_path / "patch")
    assert (found["rematched"], found["bump"]) == (2, "major")
    assert found["patch_bytes"] == (tmp_path / "patch").stat().st_size
    assert told("apply", finished, tmp_path / "patch", tmp_path / "new")["made"] == found_files(newer)
    assert world.contents(tmp_path / "new") == world.contents(newer)
    assert "rematched    2" in call("diff", finished, newer)
    with pytest.raises(ConfigError, match="is a folder: name the file that the patch shall be"):
        call("diff", finished, newer, "--patch", tmp_path)


def test_what_changed_is_named_one_by_one(finished: Path, newer: Path) -> None:
    found = told("diff", finished, newer, "--list")
    for kind in ("added", "removed", "rematched", "recaptioned", "moved", "fetch"):
        assert len(found["listed"][kind]) == found[kind]
        assert found["listed"][kind] or not found[kind]
    lines = call("diff", finished, newer, "--list").splitlines()
    assert {f"recaptioned {pair}" for pair in found["listed"]["recaptioned"]} <= set(lines)
    assert {f"rematched {clip}" for clip in found["listed"]["rematched"]} <= set(lines)
    assert all(" → " in one for one in found["listed"]["rematched"])
    assert "listed" not in told("diff", finished, newer)


def test_a_version_of_a_dataset_in_a_folder_is_verified_mended_and_patched(
    published: Path, newer: Path, web: Web, tmp_path: Path
) -> None:
    shutil.copytree(newer, published / "demo-2.0.0")
    point(published, "1.0.0", "2.0.0")
    old, new = f"{published}/demo@1.0.0", f"{published}/demo"
    for address in (old, new, f"{published}/demo-1.0.0"):
        assert "verified" in call("verify", address)
    told("diff", old, new, "--patch", tmp_path / "patch")
    told("apply", published / "demo-1.0.0", tmp_path / "patch", tmp_path / "new")
    assert world.contents(tmp_path / "new") == world.contents(newer)
    with pytest.raises(ConfigError, match=r"a patch is made of two folders: pull http://.* first"):
        call("diff", old, f"{web.demo}@2.0.0", "--patch", tmp_path / "patch")
    with pytest.raises(ArtSoundError, match=r"has no version 9\.9\.9, only 1\.0\.0, 2\.0\.0"):
        call("verify", f"{published}/demo@9.9.9")
    (published / "demo-1.0.0" / "README.md").unlink()
    assert call("verify", old, code=1).splitlines()[0] == "README.md: missing"


def found_files(folder: Path) -> int:
    return len(read_manifest(folder).files)


def test_takedowns_are_entered_listed_and_named_in_older_copies(
    web: Web, finished: Path, tmp_path: Path
) -> None:
    register = tmp_path / "register.csv"
    call("takedown", "add", "art", "a0003", "-r", register, "--reason", "asked", "--date", "2026-11-01")
    call("takedown", "add", "music", "t0004", "-r", register, "--reason", "wrong licence")
    assert [one["item_id"] for one in told("takedown", "list", "-r", register)] == ["a0003", "t0004"]
    for place in (finished, f"{web.url}/demo-1.0.0"):
        lines = call("verify", place, "--takedowns", register, code=1).splitlines()
        assert any("artwork a0003 was taken down on 2026-11-01: asked" in line for line in lines)
        assert any("clip t0004 was taken down on" in line for line in lines)
        assert lines[-1].startswith("2 problems")
    assert call("verify", finished, "-r", register, code=1) == call(
        "verify", finished, "--takedowns", register, code=1
    )
    (web.root / "register.csv").write_bytes(register.read_bytes())
    there = call("verify", finished, "-r", f"{web.url}/register.csv", code=1)
    assert there == call("verify", finished, "-r", register, code=1)
    with pytest.raises(ArtSoundError, match=r"nothing\.csv is not there"):
        call("verify", finished, "-r", f"{web.url}/nothing.csv")
    with pytest.raises(ArtSoundError, match="would name art a0003 twice"):
        call("takedown", "add", "art", "a0003", "-r", register, "--reason", "again")


@pytest.mark.slow
def test_the_next_release_leaves_out_what_was_taken_down_and_matches_anew(demo: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(demo.parent, tmp_path / "demo"))
    config, register = folder / demo.name, folder / "takedowns.csv"
    standing = next((folder / "store" / "release").glob("*/" + MANIFEST)).parent
    artwork = told("show", "pairs", "-c", config)["rows"][0]["artwork_id"]
    with pytest.raises(ConfigError, match="name the register"):
        call("takedown", "apply", "-c", config)
    text = 'takedowns = "takedowns.csv"\n' + config.read_text()
    config.write_text(text)
    call("takedown", "add", "art", artwork, "-r", register, "--reason", "asked", "--date", "2026-11-01")
    call("takedown", "add", "music", "no-such-clip", "-r", register, "--reason", "asked")
    with pytest.raises(ConfigError, match="a removal is a major step"):
        call("takedown", "apply", "-c", config)
    version = read_manifest(standing).version
    config.write_text(text.replace(f'version = "{version}"', 'version = "9.0.0"'))
    done = artsound("takedown", "apply", "-c", str(config), "--json")
    assert json.loads(done.stdout) == {
        "register": 2, "held_before": 1, "pairs": 9, "unknown": ["music no-such-clip"]
    }  # fmt: skip  # its clip has another
    new = next((folder / "store" / "release").glob("*-9.0.0"))
    tombstones = (new / TOMBSTONES).read_text()
    assert tombstones.startswith(f"side,item_id,reason,date\nart,{artwork},asked,2026-11-01\n")
    assert "verified" in call("verify", new, "--takedowns", new / TOMBSTONES)
    assert artwork in call("verify", standing, "--takedowns", new / TOMBSTONES, code=1)
    assert told("diff", standing, new)["bump"] == "major"
