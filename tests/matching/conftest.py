"""A small collection that is built once, for the tests that look at matching in a whole build."""

import shutil
from pathlib import Path

import pytest

from tests.builds import artsound, painting, tone

SETTINGS = """root = "store"
takedowns = "takedowns.csv"
max_reject_share = 0.9
[artworks]
path = "{folder}/art"
[tracks]
path = "{folder}/music"
[splits]
shares = {{train = 1.0}}
"""
ART, MUSIC = [f"{number}.png" for number in range(5)], ["a.wav", "bb.wav", "ccc.wav"]


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build five paintings and three tones, all by one hand; returns the settings file."""
    folder = tmp_path_factory.mktemp("whole")
    for side, names in {"art": ART, "music": MUSIC}.items():
        (folder / side).mkdir()
        rows = [f"{name},Title {name},One Hand,CC0-1.0" for name in names]
        (folder / side / "list.csv").write_text("\n".join(["file,title,artist,licence", *rows]))
    for number, name in enumerate(ART):
        painting(folder / "art" / name, 50 * number)
    for name in MUSIC:
        tone(folder / "music" / name, 10.5)
    (folder / "takedowns.csv").write_text("side,item_id,reason,date\n")
    (folder / "run.toml").write_text(SETTINGS.format(folder=folder))
    artsound("build", "--config", str(folder / "run.toml"), "--no-prefect")
    return folder / "run.toml"


@pytest.fixture
def config(whole: Path, tmp_path: Path) -> Path:
    """A copy of the store and the settings, for a test to harm."""
    shutil.copytree(whole.parent / "store", tmp_path / "store")
    shutil.copy(whole.parent / "takedowns.csv", tmp_path)
    return Path(shutil.copy(whole, tmp_path))
