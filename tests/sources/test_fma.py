"""FMA's two archives, made up in their true layout."""

import csv
import json
import shutil
import zipfile
from functools import partial
from pathlib import Path

import pytest

from artsound import tables
from artsound.catalog.clips import check_clips
from artsound.catalog.duplicates import find_duplicates
from artsound.catalog.tracks import clean_tracks
from artsound.errors import ConfigError, Reason, SourceError
from artsound.media.files import Media, open_media
from artsound.sources.artgraph_model import SOURCE as ARTGRAPH
from artsound.sources.base import Source
from artsound.sources.fma import SOURCE, check_metadata, read_tracks
from artsound.sources.fma_check import (
    CLIPS,
    KNOWN_COUNTS,
    Members,
    Tally,
    check_archive,
    check_audio,
    check_members,
    compare,
    subset_of,
)
from artsound.sources.fma_makers import read_albums, read_musicians
from artsound.sources.folder import SOURCE as FOLDER
from artsound.sources.synthetic_fma import COLUMNS, Planted, make_fma
from tests.rows import artworks

TRACKS = 14


@pytest.fixture(scope="module")
def fma(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Planted]:
    folder = tmp_path_factory.mktemp("fma")
    return folder, make_fma(folder, TRACKS, faults=True)


def audio(folder: Path) -> Media:
    return open_media(folder / "fma_large.zip")


def test_every_planted_fault_is_found_under_its_reason(fma: tuple[Path, Planted]) -> None:
    folder, planted = fma
    raw = read_tracks(folder / "fma_metadata.zip", audio(folder))
    tables.conform("raw_tracks", raw.rows)
    assert {reject.item_id: reject.reason for reject in raw.rejects} == {
        planted.missing: Reason.MISSING_FILE,
        f"fma_large/000/{int(planted.unlisted):06d}.mp3": Reason.NOT_LISTED,
    }
    clips = check_clips(clean_tracks(raw.rows).rows, media=audio(folder), min_seconds=10, workers=2)
    assert {reject.item_id: reject.reason for reject in clips.rejects} == {
        planted.empty: Reason.EMPTY_FILE,
        planted.stub: Reason.UNREADABLE,
        planted.short: Reason.TOO_SHORT,
    }
    assert len(clips.rows) == TRACKS - 5
    rows = clips.rows.to_pylist()
    assert [row["clip_id"] for row in rows if row["silent"] == 1] == [planted.silent]
    assert [row["clip_id"] for row in rows if row["clipped"] > 0.01] == [planted.clipped]
    assert [row["clip_id"] for row in rows if row["constant"] and row["peak"] > 0] == [planted.constant]
    copies = find_duplicates(artworks(), clips.rows, near_bits=4).rows
    assert sorted(copies["item_id"].to_pylist()) == sorted([planted.copy, planted.original])


def test_of_several_files_of_one_id_one_is_taken_and_the_others_are_told(
    fma: tuple[Path, Planted], tmp_path: Path
) -> None:
    folder, planted = fma
    raw = read_tracks(folder / "fma_metadata.zip", audio(folder))
    first, second, third = raw.rows["audio_path"].to_pylist()[:3]
    with zipfile.ZipFile(folder / "fma_large.zip") as archive:
        archive.extractall(tmp_path / "f")
    (tmp_path / "f/more").mkdir()
    shutil.copy(tmp_path / "f" / first, tmp_path / "f/more")
    (tmp_path / "f/more" / Path(second).name).write_bytes(b"other")
    shutil.copy(tmp_path / "f" / third, (tmp_path / "f" / third).with_suffix(".MP3"))
    stray = tmp_path / "f/more" / f"{int(planted.unlisted):06d}.mp3"
    stray.write_bytes(b"a second one of no track")
    shutil.make_archive(str(tmp_path / "z"), "zip", tmp_path / "f")
    for media in (open_media(tmp_path / "f"), open_media(tmp_path / "z.zip")):
        more = read_tracks(folder / "fma_metadata.zip", media)
        assert more.rows.drop_columns("audio_path").equals(raw.rows.drop_columns("audio_path"))
        assert more.rows["audio_path"].to_pylist()[:2] == [first, second]
        told = {one.item_id: one for one in more.rejects if one not in raw.rejects}
        assert {name: one.reason for name, one in told.items()} == {
            f"more/{Path(first).name}": Reason.DUPLICATE_CONTENT,
            f"more/{Path(second).name}": Reason.DUPLICATE_KEY,
            third: Reason.DUPLICATE_CONTENT,
            f"more/{stray.name}": Reason.NOT_LISTED,
        }
        assert first in told[f"more/{Path(first).name}"].detail


def write(path: Path, lines: list[list[str]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(lines)


def test_lines_of_no_set_and_ids_told_twice_are_refused(fma: tuple[Path, Planted], tmp_path: Path) -> None:
    with zipfile.ZipFile(fma[0] / "fma_metadata.zip") as archive:
        archive.extractall(tmp_path)
    place = tmp_path / "fma_metadata"
    before = read_tracks(place, audio(fma[0]))
    with (place / "tracks.csv").open(newline="") as file:
        *head, first, second = csv.reader(file)
    unlike = [f"x{first[0]}", *first[1:]]
    write(place / "tracks.csv", [*head, first, second, second, unlike])
    for name in ("raw_artists.csv", "raw_albums.csv", "raw_tracks.csv"):
        with (place / name).open(newline="") as file:
            lines = list(csv.reader(file))
        write(place / name, [*lines, lines[1]])
    again = read_tracks(place, audio(fma[0]))
    assert again.rows.equals(before.rows)
    told = [(one.item_id, one.reason) for one in again.rejects if one not in before.rejects]
    keys = [(key, Reason.DUPLICATE_KEY) for key in (second[0], lines[1][0])]
    assert told == [(unlike[0], Reason.MISSING_FILE), *keys]
    for read in (read_musicians, read_albums):
        assert [one.reason for one in read(place).rejects] == [Reason.DUPLICATE_KEY]


def test_what_the_metadata_says_comes_along(fma: tuple[Path, Planted]) -> None:
    folder, _ = fma
    rows = {
        row["track_id"]: row
        for row in read_tracks(folder / "fma_metadata.zip", audio(folder)).rows.to_pylist()
    }
    row = rows["32"]
    assert row["audio_path"] == "fma_large/000/000032.mp3"
    assert (row["title"], row["artist"], row["album"]) == ("Söng &amp; Dance 32", "Bänd 2", "Album 5")
    assert (row["artist_key"], row["album_key"]) == ("2", "5")
    assert row["genres"] == ["Rock"]
    assert row["tags"] == ["it's", "a tag"]
    assert row["licence"].endswith("3.0 International")
    assert row["licence_url"] == "http://creativecommons.org/licenses/by-nc-sa/3.0/"
    assert row["date"] == "2009-01-05 00:00:00"
    extra = json.loads(row["extra"])
    assert (extra["track.bit_rate"], extra["set.subset"]) == ("256000", "small")
    assert "artist.bio" not in extra


def test_what_tracks_csv_left_out_comes_along(fma: tuple[Path, Planted]) -> None:
    """Each column of raw_tracks.csv is told once: what tracks.csv has, by its name there."""
    folder, _ = fma
    raw = read_tracks(folder / "fma_metadata.zip", audio(folder)).rows
    rows = {row["track_id"]: row for row in raw.to_pylist()}
    first = "© 2009 Tonträger &amp; Co"
    told = [rows[key]["copyright"] for key in ("2", "20", "32")]
    assert told == [None, first, f"{first}; ℗ 2009 Bänd"]
    extra = json.loads(rows["32"]["extra"])
    assert (extra["track_disc_number"], extra["track_instrumental"]) == ("1", "0")
    assert {name for name in extra if "." not in name} == {"track_disc_number", "track_instrumental"}


def test_columns_are_those_of_the_real_tracks_file() -> None:
    assert [len(names.split()) for names in COLUMNS.values()] == [13, 17, 2, 20]


def test_a_subset_holds_those_below_it(fma: tuple[Path, Planted], tmp_path: Path) -> None:
    folder, _ = fma
    sizes = []
    for subset in ("small", "medium", "large"):
        outcome = read_tracks(folder / "fma_metadata.zip", audio(folder), subset=subset)  # type: ignore[arg-type]
        sizes.append(len(outcome.rows))
    assert 0 < sizes[0] < sizes[1] < sizes[2]


def test_folders_serve_as_zips(fma: tuple[Path, Planted], tmp_path: Path) -> None:
    folder, _ = fma
    for name in ("fma_metadata", "fma_large"):
        with zipfile.ZipFile(folder / f"{name}.zip") as archive:
            archive.extractall(tmp_path)
    zipped = read_tracks(folder / "fma_metadata.zip", audio(folder))
    unpacked = read_tracks(tmp_path / "fma_metadata", open_media(tmp_path))
    assert zipped.rows.equals(unpacked.rows)


def test_decoding_counts_what_is_kept_failed_and_short(fma: tuple[Path, Planted]) -> None:
    folder, planted = fma
    tally = check_audio(audio(folder), workers=2)
    assert tally.kept == TRACKS - 4
    assert [Path(name).stem.lstrip("0") for name in tally.failed] == [planted.empty, planted.stub]
    assert [Path(name).stem.lstrip("0") for name in tally.short] == [planted.short]
    assert [why.partition(":")[0] for why in tally.failed.values()] == ["empty_file", "unreadable"]
    assert all(0 < seconds < 10 for seconds in tally.short.values())


def test_what_macos_puts_beside_recordings_is_no_recording(fma: tuple[Path, Planted], tmp_path: Path) -> None:
    shutil.copy(fma[0] / "fma_large.zip", tmp_path)
    with zipfile.ZipFile(tmp_path / "fma_large.zip", "a") as archive:
        archive.writestr("__MACOSX/fma_large/000/._000002.mp3", b"fork")
    before, after = (read_tracks(fma[0] / "fma_metadata.zip", audio(place)) for place in (fma[0], tmp_path))
    assert after.rows.equals(before.rows)
    assert {one.item_id for one in after.rejects} - {one.item_id for one in before.rejects} == {"._*"}
    assert check_audio(audio(tmp_path), workers=2) == check_audio(audio(fma[0]), workers=2)
    assert check_members(audio(tmp_path), workers=2).wrong == []


@pytest.mark.parametrize(
    ("name", "subset"), [("fma_full.zip", "full"), ("fma_small", "small"), ("x", "large")]
)
def test_the_name_of_an_archive_tells_its_subset(name: str, subset: str) -> None:
    assert subset_of(Path(name)) == subset


def test_a_folder_without_recordings_is_told(tmp_path: Path) -> None:
    (tmp_path / "tracks.csv").write_text("no audio")
    with pytest.raises(ConfigError, match=r"no \.mp3 in it"):
        check_audio(open_media(tmp_path), workers=1)


def test_the_known_counts_add_up_to_the_subsets() -> None:
    assert {name: sum(counts) for name, counts in KNOWN_COUNTS.items()} == {
        "large": CLIPS["large"],
        "medium": CLIPS["medium"],
    }


def test_each_set_is_held_against_what_is_known_of_it_and_no_more() -> None:
    """Of fma_full its tracks and copies are known, and not how many of them decode."""
    tally = Tally(106_570, dict.fromkeys("abc", "unreadable"), {"d": 9.9})
    full = {count.what: count for count in compare("full", tally, Members([], 936))}
    assert {name: count.known for name, count in full.items()} == {
        "kept": None,
        "failed": None,
        "short": None,
        "clips": 106_574,
        "copies": 937,
    }
    assert [name for name, count in full.items() if count.differs] == ["copies"]
    large = compare("large", tally)
    assert [count.what for count in large if count.differs] == ["kept", "failed", "short"]


def test_checksums_of_the_files_are_verified(fma: tuple[Path, Planted], tmp_path: Path) -> None:
    folder, _ = fma
    assert check_members(audio(folder), workers=2) == ([], 1)
    with zipfile.ZipFile(folder / "fma_large.zip") as archive:
        archive.extractall(tmp_path)
    (tmp_path / "fma_large/000/000002.mp3").write_bytes(b"other")
    (tmp_path / "fma_large/000/000032.mp3").unlink()
    shutil.copy(tmp_path / "fma_large/000/000035.mp3", tmp_path / "fma_large/000/009999.mp3")
    expected = [f"fma_large/000/{name}.mp3" for name in ("000002", "000032", "009999")]
    assert check_members(open_media(tmp_path), workers=2) == (expected, 1)
    for garbage in (b"", b"\xff\xfe"):
        (tmp_path / "fma_large/checksums").write_bytes(garbage)
        with pytest.raises(SourceError, match="cannot read fma_large/checksums"):
            check_members(open_media(tmp_path), workers=2)
    (tmp_path / "fma_large/checksums").unlink()
    with pytest.raises(SourceError, match="holds no `checksums`"):
        check_members(open_media(tmp_path), workers=2)


def test_an_archive_of_a_published_name_must_have_its_checksum(
    fma: tuple[Path, Planted], tmp_path: Path
) -> None:
    assert check_archive(fma[0] / "fma_large.zip") is False
    shutil.copy(fma[0] / "fma_large.zip", tmp_path / "mine.zip")
    assert check_archive(tmp_path / "mine.zip") is None


def test_metadata_that_is_not_fmas_is_told(fma: tuple[Path, Planted], tmp_path: Path) -> None:
    media = audio(fma[0])
    with pytest.raises(ConfigError, match="does not exist"):
        read_tracks(tmp_path / "none.zip", media)
    with pytest.raises(ConfigError, match=r"holds no tracks\.csv"):
        read_tracks(tmp_path, media)
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(ConfigError, match="no sound zip"):
        read_tracks(tmp_path / "text.zip", media)
    (tmp_path / "tracks.csv").write_text(",track\n,title\ntrack_id,\n2,song\n")
    with pytest.raises(ConfigError, match=r"lacks album\.date_released, .*track\.license"):
        read_tracks(tmp_path, media)
    with pytest.raises(ConfigError, match="lacks album"):
        check_metadata(tmp_path)
    (tmp_path / "tracks.csv").write_text("")
    with pytest.raises(ConfigError, match="lacks album"):
        check_metadata(tmp_path)
    check_metadata(fma[0] / "fma_metadata.zip")


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("tracks", "ö".encode(), b"\xf6", r"tracks\.csv of .* cannot be read \(.*invalid UTF8"),
        ("tracks", b",large,", b",", r"tracks\.csv of .* cannot be read \(.*Expected 53 columns"),
        ("genres", b"genre_id", b"id", r"genres\.csv of .* has no column genre_id"),
        ("raw_tracks", b"track_id,", b"id,", r"raw_tracks\.csv of .* has no column track_id"),
        ("raw_artists", b"artist_id,", b"id,", r"raw_artists\.csv of .* has no column artist_id"),
        ("raw_albums", b"album_id,", b"id,", r"raw_albums\.csv of .* has no column album_id"),
    ],
)
def test_a_metadata_file_that_is_spoilt_is_told(
    fma: tuple[Path, Planted], tmp_path: Path, name: str, old: bytes, new: bytes, told: str
) -> None:
    with zipfile.ZipFile(fma[0] / "fma_metadata.zip") as archive:
        archive.extractall(tmp_path)
    spoilt = tmp_path / f"fma_metadata/{name}.csv"
    spoilt.write_bytes(spoilt.read_bytes().replace(old, new))
    readers = {"raw_artists": read_musicians, "raw_albums": read_albums}
    read = readers.get(name, partial(read_tracks, media=audio(fma[0])))
    with pytest.raises(ConfigError, match=told):
        read(tmp_path)


def test_a_metadata_zip_with_damaged_bytes_is_told(fma: tuple[Path, Planted], tmp_path: Path) -> None:
    data = bytearray((fma[0] / "fma_metadata.zip").read_bytes())
    with zipfile.ZipFile(fma[0] / "fma_metadata.zip") as archive:
        data[archive.getinfo("fma_metadata/tracks.csv").header_offset + 200] ^= 0xFF
    (tmp_path / "bad.zip").write_bytes(data)
    with pytest.raises(ConfigError, match=r"tracks\.csv of .* is damaged .*: download it again"):
        check_metadata(tmp_path / "bad.zip")


@pytest.mark.parametrize("source", [SOURCE, ARTGRAPH, FOLDER], ids=lambda source: source.name)
def test_every_source_says_whom_to_credit(source: Source) -> None:
    assert source.about
    assert source.licence
    assert source.citation
    assert all(len(remote.checksum) in (0, 45) for remote in source.remotes)


def test_artists_and_albums_are_read_once_with_all_that_is_told_of_them(fma: tuple[Path, Planted]) -> None:
    folder, _ = fma
    artist = next(
        row
        for row in read_musicians(folder / "fma_metadata.zip").rows.to_pylist()
        if row["artist_key"] == "2"
    )
    assert (artist["side"], artist["name"], artist["location"]) == ("music", "Bänd 2", "Somewhere")
    assert (artist["active_from"], artist["active_to"]) == (1999, None)
    assert artist["labels"] == ["Netlabel One", "Zweite Platten"]
    assert artist["biography"] == 'A note, with a line break and "quotes".'
    assert json.loads(artist["extra"]) == {"artist_contact": "by post", "artist_active_year_begin": "1999"}
    album = next(
        row for row in read_albums(folder / "fma_metadata.zip").rows.to_pylist() if row["album_id"] == "5"
    )
    assert (album["title"], album["album_type"]) == ("Album 5", "Live Performance")
    assert (album["producer"], album["engineer"]) == ("A & B", "An Engineer")
    assert (album["year_from"], album["year_to"]) == (2009, 2009)
    assert album["information"] == artist["biography"]
    assert album["tags"] == ["live"]


def test_labels_and_credits_stand_on_the_track(fma: tuple[Path, Planted]) -> None:
    folder, _ = fma
    raw = read_tracks(folder / "fma_metadata.zip", audio(folder)).rows
    tracks = {row["track_id"]: row for row in clean_tracks(raw).rows.to_pylist()}
    assert tracks["38"]["labels"] == ["Netlabel One", "Zweite Platten"]
    assert (tracks["38"]["album_type"], tracks["38"]["producer"]) == ("Live Performance", "A & B")
    assert "artist.associated_labels" not in raw["extra"][0].as_py()


def test_a_metadata_file_that_is_missing_is_told_before_anything_runs(
    fma: tuple[Path, Planted], tmp_path: Path
) -> None:
    with zipfile.ZipFile(fma[0] / "fma_metadata.zip") as archive:
        archive.extractall(tmp_path)
    (tmp_path / "fma_metadata/raw_albums.csv").unlink()
    with pytest.raises(ConfigError, match=r"holds no raw_albums\.csv"):
        check_metadata(tmp_path)
