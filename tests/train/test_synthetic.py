import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from artsound.catalog.names import artist_id
from artsound.errors import StoreError
from artsound.settings import Settings, Splits
from artsound.splits import draw
from artsound.train import synthetic
from artsound.train.settings import TrainSettings
from artsound.train.synthetic import Attributes


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        synthetic.write(tmp_path / name, pairs=12)
    for one in (tmp_path / "a").rglob("*.*"):
        assert one.read_bytes() == (tmp_path / "b" / one.relative_to(tmp_path / "a")).read_bytes()


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StoreError, match=r"cannot write to .*taken"):
        synthetic.write(tmp_path / "taken", pairs=10)


@pytest.mark.parametrize("name", ["art/00003.png", "music/00003.wav", "music/music.csv", "train.toml"])
def test_a_full_disk_is_one_line(name: str, tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).symlink_to(full)
    with pytest.raises(StoreError, match="No space left"):
        synthetic.write(tmp_path, pairs=10)


def test_the_two_sides_of_a_pair_have_one_title_and_draw_one_split(tmp_path: Path) -> None:
    synthetic.write(tmp_path, pairs=40)
    art, music = lines(tmp_path / "art" / "art.csv"), lines(tmp_path / "music" / "music.csv")
    chosen = Splits()
    assert len({line["title"] for line in art}) == 40
    for one, other in zip(art, music, strict=True):
        assert one["title"] == other["title"]
        splits = {
            draw(artist_id(side, "", line["artist"]), chosen.salt, chosen.shares)
            for side, line in (("art", one), ("music", other))
        }
        assert len(splits) == 1


def test_re_paired_titles_meet_another_recording_of_the_same_split(tmp_path: Path) -> None:
    synthetic.write(tmp_path, pairs=40, planted=False)
    art, music = lines(tmp_path / "art" / "art.csv"), lines(tmp_path / "music" / "music.csv")
    place = {line["title"]: number for number, line in enumerate(art)}
    partners = [place[line["title"]] for line in music]
    assert sorted(partners) == list(range(40))
    for number, partner in enumerate(partners):
        assert partner != number
        assert synthetic.SPLITS[partner % 10] == synthetic.SPLITS[number % 10]


def test_titles_stay_unique_in_large_sets() -> None:
    titles = {synthetic._title(number) for number in range(4000)}
    assert len(titles) == 4000


def test_the_settings_that_are_written_load(tmp_path: Path) -> None:
    path = synthetic.write(tmp_path, pairs=10)
    settings = Settings.load(path)
    assert settings.captions.art.backend == settings.captions.music.backend == "titles"
    TrainSettings.load(path.with_name("train.toml"))


@pytest.mark.parametrize("hue", [0.0, 0.5, 1.0])
def test_the_hue_is_the_pitch(hue: float) -> None:
    sound = synthetic.draw_sound(Attributes(hue, 0.5, 0.0), np.random.default_rng(0))
    frequency = np.abs(np.fft.rfft(sound)).argmax() / synthetic.SECONDS
    steps = 12 * np.log2(frequency / (synthetic.LOWEST * 2 ** (hue * synthetic.OCTAVES)))
    assert min(abs(steps - note) for note in synthetic.CHORD) < 0.5


def test_the_saturation_is_the_brightness_of_the_sound() -> None:
    centroids = []
    for saturation in (0.0, 0.5, 1.0):
        sound = synthetic.draw_sound(Attributes(0.3, 0.5, saturation), np.random.default_rng(0))
        spectrum = np.abs(np.fft.rfft(sound))
        centroids.append((spectrum * np.arange(len(spectrum))).sum() / spectrum.sum())
    assert centroids == sorted(centroids)


def test_recordings_last_long_enough_for_the_build(tmp_path: Path) -> None:
    synthetic.write(tmp_path, pairs=10)
    for path in (tmp_path / "music").glob("*.wav"):
        assert soundfile.info(path).duration >= 2.0


def test_a_file_name_leads_back_to_the_attributes() -> None:
    assert synthetic.number_of("00042.png") == synthetic.number_of("00042.wav") == 42
