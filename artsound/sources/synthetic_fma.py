"""A made-up FMA of any size: the true layout of both archives, generated recordings, planted faults."""

import csv
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from jaxtyping import Float32

RATE = 22_050  # of the generated recordings, Hz: small files
MELODIES = 64  # different recordings; a large archive repeats them, with bytes of their own
COLUMNS = {
    "album": "comments date_created date_released engineer favorites id information listens producer tags "
    "title "
    "tracks type",
    "artist": "active_year_begin active_year_end associated_labels bio comments date_created favorites id "
    "latitude "
    "location longitude members name related_projects tags website wikipedia_page",
    "set": "split subset",
    "track": "bit_rate comments composer date_created date_recorded duration favorites genre_top genres "
    "genres_all "
    "information interest language_code license listens lyricist number publisher tags title",
}
LICENCES = (
    (
        "Attribution-Noncommercial-Share Alike 3.0 United States",
        "http://creativecommons.org/licenses/by-nc-sa/3.0/us/",
    ),
    ("Attribution-NonCommercial-NoDerivatives (aka Music Sharing) 3.0 International", ""),
    (
        "Attribution-NonCommercial-ShareAlike 3.0 International",
        "http://creativecommons.org/licenses/by-nc-sa/3.0/",
    ),
    ("Attribution", "http://creativecommons.org/licenses/by/4.0/"),
    ("", ""),
)
GENRES = ((1, "Rock", 0), (2, "Electronic", 0), (3, "Folk", 0), (4, "Psych-Folk", 3))
ALBUM_COLUMNS = [
    *("album_id", "album_comments", "album_date_created", "album_date_released", "album_engineer"),
    *("album_favorites", "album_handle", "album_image_file", "album_images", "album_information"),
    *("album_listens", "album_producer", "album_title", "album_tracks", "album_type", "album_url"),
    *("artist_name", "artist_url", "tags"),
]
ARTIST_COLUMNS = [
    *("artist_id", "artist_active_year_begin", "artist_active_year_end", "artist_associated_labels"),
    *("artist_bio", "artist_comments", "artist_contact", "artist_date_created", "artist_donation_url"),
    *("artist_favorites", "artist_flattr_name", "artist_handle", "artist_image_file", "artist_images"),
    *("artist_latitude", "artist_location", "artist_longitude", "artist_members", "artist_name"),
    *("artist_paypal_name", "artist_related_projects", "artist_url", "artist_website"),
    *("artist_wikipedia_page", "tags"),
]
RAW_COLUMNS = [
    *("track_id", "album_id", "album_title", "album_url", "artist_id", "artist_name", "artist_url"),
    *("artist_website", "license_image_file", "license_image_file_large", "license_parent_id"),
    *("license_title", "license_url", "tags", "track_bit_rate", "track_comments", "track_composer"),
    *("track_copyright_c", "track_copyright_p", "track_date_created", "track_date_recorded"),
    *("track_disc_number", "track_duration", "track_explicit", "track_explicit_notes", "track_favorites"),
    *("track_file", "track_genres", "track_image_file", "track_information", "track_instrumental"),
    *("track_interest", "track_language_code", "track_listens", "track_lyricist", "track_number"),
    *("track_publisher", "track_title", "track_url"),
]
LABELS = "Netlabel One; Zweite Platten"
NOTE = 'A note,\nwith a <b>line break</b> and "quotes".'


class Planted(NamedTuple):
    """Track ids of the faults that were planted."""

    empty: str = ""
    stub: str = ""  # bytes that are no audio
    short: str = ""  # 6 s
    copy: str = ""  # same bytes as `original`
    original: str = ""
    silent: str = ""
    missing: str = ""  # in the metadata, not in the archive
    unlisted: str = ""  # in the archive, not in the metadata
    recoded: str = ""  # sounds as `original`, but cut, quieter and encoded anew
    clipped: str = ""  # driven far over full scale
    constant: str = ""  # one value all the time, as WAV under a name that says mp3


def make_fma(
    folder: Path, tracks: int, *, seconds: float = 12.0, faults: bool = False, stereo: bool = False
) -> Planted:
    """Write `fma_metadata.zip` and `fma_large.zip`.

    Args:
        folder: where to.
        tracks: how many; at least 12 where faults are planted.
        seconds: length of the recordings.
        faults: plant one of each kind.
        stereo: at 44.1 kHz with two channels, as most of the real ones; else small files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ids = [2 + 3 * number for number in range(tracks)]  # not contiguous, as the real ones
    planted = Planted(*(str(number) for number in ids[1:12])) if faults else Planted()
    _write_metadata(folder / "fma_metadata.zip", [n for n in ids if str(n) != planted.unlisted])
    stored = [number for number in ids if str(number) != planted.missing]
    _write_audio(folder / "fma_large.zip", stored, planted, seconds, stereo=stereo)
    return planted


def _write_audio(path: Path, ids: list[int], planted: Planted, seconds: float, *, stereo: bool) -> None:
    sums = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("fma_large/README.txt", "made up")
        for number in ids:
            place = f"{number:06d}"[:3] + f"/{number:06d}.mp3"
            data = _recording(number, planted, seconds, "stereo" if stereo else "")
            archive.writestr(f"fma_large/{place}", data)
            sums.append(f"{hashlib.sha1(data, usedforsecurity=False).hexdigest()}  {place}\n")
        archive.writestr("fma_large/checksums", "".join(sums))


def _recording(number: int, planted: Planted, seconds: float, usual: str) -> bytes:
    """Make the file of a track; an ID3v1 tag at the end makes equal sounds differ in bytes."""
    if str(number) == planted.empty:
        return b""
    if str(number) == planted.stub:
        return b"\x00" * 1752
    if str(number) in (planted.copy, planted.original):
        return _mp3(int(planted.original), seconds) + _tag(int(planted.original))
    if str(number) == planted.constant:
        return _file(np.full(round(seconds * RATE), 0.25, np.float32), "WAV")
    plain = (number % MELODIES, seconds, usual)
    made = {
        planted.short: (number, 6.0, ""),
        planted.silent: (number, seconds, "silent"),
        planted.recoded: (int(planted.original or 0), seconds, "recoded"),
        planted.clipped: (number, seconds, "clipped"),
    }
    return _mp3(*made.get(str(number), plain)) + _tag(number)


@lru_cache(maxsize=2 * MELODIES)
def _mp3(melody: int, seconds: float, kind: str = "") -> bytes:
    return _file(_KINDS.get(kind, np.copy)(_melody(melody, seconds)), "MP3")


def _file(samples: np.ndarray, kind: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE * samples.ndim, format=kind)
    return file.getvalue()


_KINDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "silent": np.zeros_like,
    "clipped": lambda sound: np.clip(20 * sound, -1, 1),
    "stereo": lambda sound: np.repeat(sound, 2)[:, None].repeat(2, axis=1),
    "recoded": lambda sound: 0.4 * sound[round(0.55 * RATE) :],
}


def _melody(number: int, seconds: float) -> Float32[np.ndarray, " frame"]:
    """Play notes drawn by number, one after another: melodies are told apart as recordings are."""
    rng, frames = np.random.default_rng(number), round(seconds * RATE)
    pieces: list[np.ndarray] = []
    while sum(map(len, pieces)) < frames:
        pitch, length = 110 * 2 ** (rng.integers(0, 36) / 12), rng.uniform(0.2, 0.45)
        time = np.arange(round(length * RATE)) / RATE
        overtones = [np.sin(2 * np.pi * pitch * n * time) / n for n in (1, 2, 3)]
        pieces.append(np.sum(overtones, axis=0) * np.exp(-3 * time))
    return (0.3 * np.concatenate(pieces)[:frames]).astype(np.float32)


def _tag(number: int) -> bytes:
    return b"TAG" + f"{number}".encode().ljust(125, b"\0")


def _write_metadata(path: Path, ids: list[int]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fma_metadata/README.txt", "made up")
        archive.writestr("fma_metadata/not_found.pickle", b"\x80\x04never to be loaded")
        genres = ([number, 1, parent, title, parent or number] for number, title, parent in GENRES)
        header = ["genre_id", "#tracks", "parent", "title", "top_level"]
        archive.writestr("fma_metadata/genres.csv", _csv([header, *genres]))
        archive.writestr("fma_metadata/tracks.csv", _csv(_track_lines(ids)))
        archive.writestr("fma_metadata/raw_albums.csv", _csv(_albums(ids)))
        archive.writestr("fma_metadata/raw_artists.csv", _csv(_artists(ids)))
        archive.writestr("fma_metadata/raw_tracks.csv", _csv(_raw_lines(ids)))


def _track_lines(ids: list[int]) -> Iterator[list[object]]:
    names = [(group, name) for group, some in COLUMNS.items() for name in some.split()]
    yield ["", *(group for group, _ in names)]
    yield ["", *(name for _, name in names)]
    yield ["track_id", *("" for _ in names)]
    for number in ids:
        told = _told(number)
        yield [number, *(told.get(name, "") for name in names)]


def _raw_lines(ids: list[int]) -> Iterator[list[object]]:
    """Tell the tracks as the site did, under the real columns."""
    yield [*RAW_COLUMNS]
    for number in ids:
        same = {"_".join(name): value for name, value in _told(number).items()}
        told = same | {
            "track_id": number,
            "license_url": LICENCES[number % 5][1],
            "license_title": LICENCES[number % 5][0],
            "track_url": f"http://fma.example.org/{number}",
            "track_copyright_c": "2009 Tonträger &amp; Co" if number % 4 == 0 else "",
            "track_copyright_p": "℗ 2009 Bänd" if number % 8 == 0 else "",
            "track_disc_number": 1,
            "track_instrumental": number % 2,
        }
        yield [told.get(name, "") for name in RAW_COLUMNS]


def _albums(ids: list[int]) -> Iterator[Sequence[object]]:
    """Tell the albums, under the real columns."""
    yield ALBUM_COLUMNS
    for number in sorted({number // 6 for number in ids}):
        told = {
            "album_id": number,
            "album_title": f"Album {number}",
            "album_type": "Live Performance",
            "album_date_released": "1/05/2009",
            "album_engineer": "An Engineer",
            "album_producer": "A &amp; B",
            "album_information": NOTE,
            "album_url": f"http://fma.example.org/album/{number}",
            "artist_name": f"Bänd {number // 2}",
            "tags": "['live']",
        }
        yield [told.get(name, "") for name in ALBUM_COLUMNS]


def _artists(ids: list[int]) -> Iterator[Sequence[object]]:
    """Tell the artists, under the real columns."""
    yield ARTIST_COLUMNS
    for number in sorted({number // 12 for number in ids}):
        told = {
            "artist_id": number,
            "artist_name": f"Bänd {number}",
            "artist_active_year_begin": 1999,
            "artist_associated_labels": LABELS,
            "artist_bio": NOTE,
            "artist_location": "Somewhere",
            "artist_members": "One &amp; Two",
            "artist_website": f"http://band{number}.example.org",
            "artist_contact": "by post",
        }
        yield [told.get(name, "") for name in ARTIST_COLUMNS]


def _told(number: int) -> dict[tuple[str, str], object]:
    """Say what is known of a track; artists have several albums, albums several tracks."""
    genre = GENRES[number % len(GENRES)]
    return {
        ("album", "id"): number // 6,
        ("album", "title"): f"Album {number // 6}",
        ("album", "date_released"): "2009-01-05 00:00:00",
        ("album", "information"): NOTE,
        ("album", "type"): "Live Performance",
        ("album", "producer"): "A &amp; B",
        ("artist", "id"): number // 12,
        ("artist", "name"): f"Bänd {number // 12}",
        ("artist", "bio"): NOTE,
        ("artist", "associated_labels"): LABELS,
        ("set", "split"): "training",
        ("set", "subset"): ("small", "medium", "large", "large")[number % 4],
        ("track", "bit_rate"): 256_000,
        ("track", "duration"): 168,
        ("track", "genre_top"): genre[1] if number % 2 else "",
        ("track", "genres"): f"[{genre[0]}, 1]",
        ("track", "genres_all"): f"[{genre[0]}, 1]",
        ("track", "license"): LICENCES[number % 5][0],
        ("track", "tags"): "['it\\'s', \"a tag\"]" if number % 4 == 0 else "[]",
        ("track", "publisher"): "Tonträger &amp; Co" if number % 3 == 0 else "",
        ("track", "title"): f"Söng &amp; Dance {number}",
        ("track", "language_code"): "en" if number % 7 == 0 else "",
    }


def _csv(lines: object) -> str:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\n").writerows(lines)  # type: ignore[arg-type]
    return file.getvalue()
