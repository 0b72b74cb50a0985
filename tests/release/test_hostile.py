"""Releases made to harm who opens them: their sums are right, and still they are refused."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from artsound.release.manifest import MANIFEST, SUMS, parse_manifest
from artsound.release.verify import verify

TAR = "webdataset/train-000000.tar"
Members = list[tuple[tarfile.TarInfo, bytes]]


def forge(folder: Path, path: str, data: bytes) -> None:
    """Replace a file and mend manifest and sums, as someone would who means harm."""
    (folder / path).write_bytes(data)
    given = json.loads((folder / MANIFEST).read_text())
    record = next(record for record in given["files"] if record["path"] == path)
    record.update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    made = parse_manifest(json.dumps(given).encode())
    (folder / MANIFEST).write_text(made.text())
    (folder / SUMS).write_text(made.sums())


def members_of(path: Path) -> Members:
    with tarfile.open(path) as tar:
        return [(info, (tar.extractfile(info) or io.BytesIO()).read()) for info in tar]


def _packed(members: Members, form: int = tarfile.USTAR_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for info, data in members:
            info.size = len(data) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _first(**changes: Any) -> Callable[[Members], bytes]:
    def change(members: Members) -> bytes:
        for name, value in changes.items():
            setattr(members[0][0], name, value)
        return _packed(members)

    return change


def _link(kind: bytes) -> Callable[[Members], bytes]:
    def change(members: Members) -> bytes:
        members[0][0].type, members[0][0].linkname = kind, "/etc/passwd"
        return _packed(members)

    return change


ATTACKS: dict[str, Callable[[Members], bytes]] = {
    "climbs out": _first(name="../../outside.png"),
    "absolute": _first(name="/etc/passwd.png"),
    "symbolic link": _link(tarfile.SYMTYPE),
    "hard link": _link(tarfile.LNKTYPE),
    "device": _link(tarfile.CHRTYPE),
    "folder": _link(tarfile.DIRTYPE),
    "runs as root": _first(mode=0o4755),
    "owner": _first(uid=1000),
    "time": _first(mtime=1),
    "same member twice": lambda members: _packed([members[0], *members]),
    "same sample twice": lambda members: _packed([*members[:5], *members]),
    "members apart": lambda members: _packed([members[5], *members[:5], *members[6:]]),
    "member missing": lambda members: _packed(members[1:]),
    "order": lambda members: _packed([members[1], members[0], *members[2:]]),
    "extended header": lambda members: _packed(_long(members), tarfile.PAX_FORMAT),
    "long name header": lambda members: _packed(_long(members), tarfile.GNU_FORMAT),
    "more after the end": lambda members: _packed(members) + _packed(members),
    "cut": lambda members: _packed(members)[:-5000],
    "no tar": lambda _: b"not a tar" * 1000,
    "empty": lambda _: b"",
    "size beyond the end": lambda members: _grown(_packed(members)),
}


def _long(members: Members) -> Members:
    members[0][0].name = "x" * 5000 + ".png"
    return members


def _grown(data: bytes) -> bytes:
    """Let the first header claim 8 GB."""
    info = tarfile.TarInfo.frombuf(data[:512], "utf-8", "strict")
    info.size = 8**11 - 1
    return info.tobuf(tarfile.USTAR_FORMAT) + data[512:]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hostile_tar_is_refused_though_its_hash_is_right(copied: Path, attack: str) -> None:
    forge(copied, TAR, ATTACKS[attack](members_of(copied / TAR)))
    assert any("webdataset" in problem for problem in verify(copied).problems)


def test_the_forgery_itself_is_not_what_is_found(copied: Path) -> None:
    forge(copied, TAR, _packed(members_of(copied / TAR)))
    assert verify(copied).problems == []


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        ("art.txt", "a caption differs"),
        ("json", "the formats differ"),
        ("png", "sha256 differs"),
        ("wav", "sha256"),
    ],
)
def test_words_and_media_that_were_exchanged_are_found(copied: Path, ending: str, told: str) -> None:
    members = members_of(copied / TAR)
    place = next(i for i, (info, _) in enumerate(members) if info.name.endswith(ending))
    info, data = members[place]
    members[place] = (info, data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
    forge(copied, TAR, _packed(members))
    assert any(told in problem for problem in verify(copied, deep=True).problems)


def test_columns_that_do_not_belong_are_found(copied: Path) -> None:
    path = next(copied.glob("data/train-*")).relative_to(copied).as_posix()
    rows = pq.read_table(copied / path)
    out = pa.BufferOutputStream()
    pq.write_table(rows.drop_columns(["score"]), out)
    forge(copied, path, out.getvalue().to_pybytes())
    assert verify(copied).problems == [f"{path}: its columns are not those of parquet"]


def test_a_pair_that_was_taken_out_of_one_table_is_found(copied: Path) -> None:
    path = "scores/val-00000-of-00001.parquet"
    rows = pq.read_table(copied / path)
    out = pa.BufferOutputStream()
    pq.write_table(rows.slice(1), out)
    forge(copied, path, out.getvalue().to_pybytes())
    assert any("scores" in problem for problem in verify(copied).problems)


def test_an_apostrophe_stays_an_apostrophe_in_the_attribution() -> None:
    from artsound.release.attribution import escape

    assert escape('the collections\' "view"') == 'the collections\' "view"'
    assert "<" not in escape("<b>")
