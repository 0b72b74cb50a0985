"""Where media files lie: a folder or a zip, read by relative name, never unpacked as a whole.

Names are literal: a percent sign is a percent sign, and nothing is decoded or normalised.
"""

import hashlib
import lzma
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple, Protocol

from artsound.errors import ConfigError, Reason, Reject

# what zipfile was seen to raise on a damaged or encrypted zip, or on a method that Python lacks
ZIP_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, RuntimeError, ValueError)
LARGEST = 2**31  # bytes of one file; more than any image or clip, and still fits in memory


class MediaError(Exception):
    """One file cannot be used. Not an `ArtSoundError`: the stage that meets it turns it into a `Reject`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


class Media(Protocol):
    """The files of one source. Safe in threads, and picklable: a worker process opens it anew."""

    def read(self, path: str) -> bytes:
        """Return the bytes of one file.

        Raises:
            MediaError: the file is missing, empty, damaged, too large, or its path leaves the root.
        """

    def size(self, path: str) -> int:
        """Return the size of one file in bytes, without reading it.

        Raises:
            MediaError: as `read`, as far as it shows without reading.
        """

    def names(self) -> list[str]:
        """List all files that can be read, by sorted POSIX path relative to the root."""


def open_media(path: Path) -> Media:
    """Open a folder or a zip of media.

    Raises:
        ConfigError: there is nothing, nothing in it, or it is neither folder nor zip.
    """
    if not path.exists():
        raise ConfigError(f"{path} does not exist: name a folder or a .zip of media files")
    if path.is_dir():
        if next(_walk(path), None) is None:
            raise ConfigError(f"{path} has no files in it: put the media files there, or name another folder")
        return Folder(path)
    try:
        media = Zip(path)
        empty = next(media.members(), None) is None
    except ZIP_DAMAGE as error:
        raise ConfigError(f"{path} is neither a folder nor a sound .zip ({error})") from error
    if empty:
        raise ConfigError(f"{path} has no files in it: name another .zip")
    return media


def fingerprint(path: Path) -> str:
    """Identify what lies there, unread: by names and sizes, and times in a folder or checksums in a zip.

    Raises:
        ConfigError: as `open_media`.
    """
    if isinstance(media := open_media(path), Zip):
        seen: Iterable[tuple[str, int, int]] = media.members()
    else:
        found = ((name, (path / name).stat()) for name in media.names())
        seen = ((name, at.st_size, at.st_mtime_ns) for name, at in found)
    digest = hashlib.sha256()
    for name, size, mark in sorted(seen):
        digest.update(f"{name}\0{size}\0{mark}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


@dataclass(frozen=True)
class Folder:
    """Files below a folder; symbolic links may not leave it."""

    root: Path

    def read(self, path: str) -> bytes:
        """Return the bytes of one file."""
        place = self._place(path)
        try:
            with place.open("rb", buffering=0) as file:
                _check_size(path, os.fstat(file.fileno()).st_size)
                return file.readall()
        except OSError as error:
            raise MediaError(Reason.UNREADABLE, f"{path}: {error.strerror}") from error

    def size(self, path: str) -> int:
        """Return the size of one file."""
        return _check_size(path, self._place(path).stat().st_size)

    def names(self) -> list[str]:
        """List all files by sorted relative path."""
        return sorted(name for name in _walk(self.root) if self._stays(name))

    def left_out(self) -> list[Reject]:
        """List links that leave the folder or lead nowhere, linked folders, and names that are not UTF-8."""
        links = (name for name in _walk(self.root) if (self.root / name).is_symlink())
        return sorted([*_passed_over(self.root), *(out for name in links if (out := self._leaves(name)))])

    def _place(self, path: str) -> Path:
        _check_path(path)
        if _is_plain(self.root, path):
            return self.root / path
        try:
            place = (self.root / path).resolve(strict=True)
        except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links in a circle
            raise MediaError(Reason.MISSING_FILE, f"{path} is not there") from error
        if not place.is_relative_to(self.root.resolve()):
            raise MediaError(Reason.UNSAFE_PATH, f"{path} is a link out of the folder")
        if not place.is_file():
            raise MediaError(Reason.MISSING_FILE, f"{path} is not a file")
        return place

    def _stays(self, name: str) -> bool:
        return not (self.root / name).is_symlink() or self._leaves(name) is None

    def _leaves(self, name: str) -> Reject | None:
        """Say why a link cannot be followed, if so."""
        try:
            self._place(name)
        except MediaError as error:
            return Reject(name, error.reason, error.detail)
        return None


class _Member(NamedTuple):
    """A member as it is packed."""

    offset: int
    compressed: int
    size: int  # bytes, unpacked
    crc: int
    method: int
    flags: int
    link: bool


class _Members(dict[str, Any]):
    """Packs each entry that zipfile makes, name → bytes: an entry takes three times as much."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: list[tuple[str, int, int]] = []  # name, size and CRC of what a later one hides

    def __setitem__(self, name: str, info: zipfile.ZipInfo) -> None:
        if not info.is_dir():
            if name in self:
                earlier = _unpacked(self[name])
                self.hidden.append((name, earlier.size, earlier.crc))
            sizes = (info.header_offset, info.compress_size, info.file_size)
            link = stat.S_ISLNK(info.external_attr >> 16)
            packed = _MEMBER.pack(*sizes, info.CRC, info.compress_type, info.flag_bits, link)
            super().__setitem__(name, packed)


class _NoList(list[zipfile.ZipInfo]):
    """Keeps nothing."""

    def append(self, _: zipfile.ZipInfo) -> None:
        """Forget it."""


class _LeanZip(zipfile.ZipFile):
    """Packs its entries while it reads them, so that memory hardly grows with their number."""

    def __setattr__(self, name: str, value: Any) -> None:
        kinds = {"NameToInfo": _Members, "filelist": _NoList}
        super().__setattr__(name, kinds[name]() if name in kinds else value)


_MEMBER = struct.Struct("<qQQIHH?")
_TAME = re.compile(r"[^/\\:\0]+(?:/[^/\\:\0]+)*")  # without `..`, such a name stays below the root


@dataclass
class Zip:
    """Members of a zip; stored, deflated, BZIP2 (as FMA) and LZMA; of several of one name the last."""

    path: Path
    _opened: tuple[int, _LeanZip] | None = field(default=None, repr=False, compare=False)

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "_opened": None}

    def read(self, path: str) -> bytes:
        """Return the bytes of one member; its CRC is checked."""
        member = self._member(path)
        _check_size(path, member.size)
        info = zipfile.ZipInfo(path)
        info.header_offset, info.compress_size, info.file_size = member.offset, member.compressed, member.size
        info.CRC, info.compress_type, info.flag_bits = member.crc, member.method, member.flags
        try:
            return self._zip().read(info)
        except ZIP_DAMAGE as error:
            raise MediaError(Reason.UNREADABLE, f"{path}: {error}") from error

    def size(self, path: str) -> int:
        """Return the unpacked size of one member."""
        return _check_size(path, self._member(path).size)

    def names(self) -> list[str]:
        """List all members that can be read, by sorted path."""
        return sorted(name for name, _, _ in self.members())

    def left_out(self) -> list[Reject]:
        """List the members that are unsafe, and those that a later one of the same name hides."""
        found: Any = self._zip().NameToInfo
        unsafe = (
            Reject(name, Reason.UNSAFE_PATH, why)
            for name, packed in found.items()
            if (why := _climbs(name, _unpacked(packed)))
        )
        hidden = (_hidden(name, same=mark == self.mark(name)) for name, *mark in found.hidden)
        return sorted([*unsafe, *hidden])

    def mark(self, path: str) -> list[int]:
        """Tell a member's content unread: its size and CRC."""
        member = _unpacked(self._zip().NameToInfo[path])
        return [member.size, member.crc]

    def members(self) -> Iterator[tuple[str, int, int]]:
        """Give the members that are files and stay below the root: name, unpacked size, CRC."""
        for name, packed in self._zip().NameToInfo.items():
            member = _unpacked(packed)
            if _climbs(name, member) is None:
                yield name, member.size, member.crc

    def _member(self, path: str) -> _Member:
        _check_path(path)
        packed = self._zip().NameToInfo.get(path)
        if packed is None:
            raise MediaError(Reason.MISSING_FILE, f"{path} is not in {self.path.name}")
        member = _unpacked(packed)
        if why := _climbs(path, member):
            raise MediaError(Reason.UNSAFE_PATH, why)
        return member

    def _zip(self) -> _LeanZip:
        """Open the file once a process: after a fork, parent and child would share one position in it."""
        opened = self._opened
        if opened is None or opened[0] != os.getpid():
            opened = self._opened = (os.getpid(), _LeanZip(self.path))
        return opened[1]


def _hidden(name: str, *, same: bool) -> Reject:
    if same:
        return Reject(name, Reason.DUPLICATE_CONTENT, "the zip holds it twice, with the same bytes")
    return Reject(
        name, Reason.DUPLICATE_KEY, f"the zip holds {name} twice, with other bytes: the last is read"
    )


def _unpacked(packed: Any) -> _Member:
    return _Member._make(_MEMBER.unpack(packed))


def _walk(root: Path) -> Iterator[str]:
    """Find files below a folder; linked folders are not entered, names that are not UTF-8 are passed over."""
    for folder, _, files in os.walk(root):
        for file in files:
            if _is_text(name := _below(root, folder, file)):
                yield name


def _passed_over(root: Path) -> Iterator[Reject]:
    """Find what `_walk` passes over."""
    shut: list[OSError] = []
    for folder, folders, files in os.walk(root, onerror=shut.append):
        for name in (_below(root, folder, file) for file in files):
            if not _is_text(name):
                shown = name.encode(errors="surrogateescape").decode(errors="replace")
                yield Reject(shown, Reason.UNREADABLE, "its name is not UTF-8: rename it")
        for name in folders:
            if Path(folder, name).is_symlink():
                yield Reject(_below(root, folder, name), Reason.UNSAFE_PATH, "linked folders are not entered")
    yield from (
        Reject(_below(root, "", error.filename), Reason.UNREADABLE, f"{error.strerror}: not looked into")
        for error in shut
    )


def _below(root: Path, folder: str, name: str) -> str:
    return PurePosixPath(Path(folder, name).relative_to(root)).as_posix()


def _is_text(name: str) -> bool:
    return name.isascii() or name.encode(errors="replace").decode() == name


def _is_plain(root: Path, path: str) -> bool:
    """Say whether a name leads to a file with no link below the root: the usual case, quick to see."""
    place, parts = os.fspath(root), PurePosixPath(path).parts
    try:
        for part in parts[:-1]:
            place = f"{place}/{part}"
            if not stat.S_ISDIR(os.lstat(place).st_mode):
                return False
        return stat.S_ISREG(os.lstat(f"{place}/{parts[-1]}").st_mode)
    except (OSError, ValueError):
        return False


def _check_path(path: str) -> None:
    if _stays_below(path):
        return
    posix, windows = PurePosixPath(path), PureWindowsPath(path)
    if not posix.parts or "\0" in path:
        raise MediaError(Reason.MISSING_FILE, "a NUL in the name" if posix.parts else "no file name is given")
    if posix.is_absolute() or windows.is_absolute() or ".." in posix.parts or ".." in windows.parts:
        raise MediaError(Reason.UNSAFE_PATH, f"{path} leaves the folder of the source")


def _stays_below(name: str) -> bool:
    """Say at once of a usual name that it stays below the root."""
    return name[:1] != "." and ".." not in name and _TAME.fullmatch(name) is not None


def _climbs(name: str, member: _Member) -> str | None:
    """Say why a member is unsafe, if it is."""
    if member.link:
        return f"{name} is a link inside the zip"
    if _stays_below(name):
        return None
    try:
        _check_path(name)
    except MediaError as error:
        return error.detail
    return None


def _check_size(path: str, size: int) -> int:
    if size == 0:
        raise MediaError(Reason.EMPTY_FILE, f"{path} has no bytes")
    if size > LARGEST:
        raise MediaError(Reason.TOO_LARGE, f"{path} has {size} bytes, the limit is {LARGEST}")
    return size
