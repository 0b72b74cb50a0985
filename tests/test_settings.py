from pathlib import Path

import pytest

from artsound.errors import ConfigError
from artsound.settings import Settings
from artsound.train.settings import TrainSettings

SMALLEST = 'root = "store"\n[artworks]\npath = "a"\n[tracks]\npath = "b"\n'


def load(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    return Settings.load(path)


@pytest.mark.parametrize("path", sorted(Path("configs").glob("*.toml")), ids=lambda path: path.name)
def test_shipped_settings_load(path: Path) -> None:
    """A run of the generator has settings of its own kind."""
    (TrainSettings if path.name.startswith("train-") else Settings).load(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SMALLEST + "[captions]\narts = 4\n", r"captions\.arts: Extra inputs"),
        ('root = "x"\n', r"artworks: Field required \(and 1 more\)"),
        (SMALLEST + "[splits]\nshares = {train = 0.5}\n", "shares must sum to 1"),
        (SMALLEST + '[release]\nversion = "v1"\n', r"release\.version"),
        (SMALLEST + "[matching]\naffect = inf\n", r"matching\.affect: .*finite"),
        ("root = ", "not valid TOML"),
    ],
    ids=["typo", "missing", "shares", "version", "endless", "syntax"],
)
def test_a_wrong_file_is_one_line_that_names_the_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the settings file"):
        Settings.load(tmp_path / "none.toml")


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, SMALLEST)
    assert settings.root == tmp_path / "store"
    assert settings.artworks.path == tmp_path / "a"


def test_where_things_lie_is_not_in_the_digest(tmp_path: Path) -> None:
    here = load(tmp_path, SMALLEST)
    there = load(tmp_path, SMALLEST.replace('"a"', '"elsewhere"'))
    assert here.digest("artworks", "catalog") == there.digest("artworks", "catalog")


def test_a_changed_value_changes_the_digest_of_its_section_only(tmp_path: Path) -> None:
    one, two = load(tmp_path, SMALLEST), load(tmp_path, SMALLEST + "[catalog]\nmin_seconds = 5.0\n")
    assert one.digest("catalog") != two.digest("catalog")
    assert one.digest("splits") == two.digest("splits")
