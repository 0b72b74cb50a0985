"""Files that are hashed while they are written, so that they need not be read again."""

import hashlib
import os
import threading
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Self

import pyarrow as pa

TOGETHER = 1 << 20  # bytes that are handed to the system, and to the hash, at one time
_MOST_PIECES = 512  # of one system call; Linux takes 1024
_AHEAD = 8  # pieces that a thread may lag behind, which bounds the memory


class HashedFile:
    """A new file that knows the sha256 and the size of what was written to it.

    One thread hashes and one writes while the next bytes are made, which wait for neither disk nor hash.
    What the disk says against it is raised by a later call, at the latest by `close`.
    """

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        self._hash = hashlib.sha256(usedforsecurity=False)
        self._lanes = _Lane("hash", self._update), _Lane("write", self._store)
        self._waiting: list[bytes] = []
        self._waits = 0
        self._open = True
        self.size = 0

    def write(self, data: bytes) -> int:
        """Append; returns how many bytes, which is all of them."""
        if not self._open:
            raise ValueError("the file is closed")
        kept = data if isinstance(data, bytes) else bytes(data)  # a borrowed buffer may change after this
        self._waiting.append(kept)
        self._waits += len(kept)
        self.size += len(kept)
        if self._waits >= TOGETHER or len(self._waiting) >= _MOST_PIECES:
            self.flush()
        return len(kept)

    def tell(self) -> int:
        """Return where the next byte goes."""
        return self.size

    def flush(self) -> None:
        """Hand what is buffered to the system."""
        pieces = self._waiting
        self._waiting, self._waits = [], 0
        if not pieces:
            return
        for lane in self._lanes:
            lane.add(pieces)

    def _update(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self._hash.update(piece)

    def _store(self, pieces: list[bytes]) -> None:
        size = sum(map(len, pieces))
        if (done := os.writev(self._handle, pieces)) < size:  # a full disk says so at the next call
            rest = memoryview(b"".join(pieces))
            while done < size:
                done += os.write(self._handle, rest[done:])

    def close(self) -> None:
        """Finish the file."""
        if not self._open:
            return
        self._open = False
        try:
            self.flush()
        finally:
            for lane in self._lanes:
                lane.end()
            for lane in self._lanes:
                lane.join()
            os.close(self._handle)  # not before, or a thread would write to what takes its number
        for lane in self._lanes:
            lane.check()

    @property
    def closed(self) -> bool:
        """Say whether the file is finished."""
        return not self._open

    @property
    def sha256(self) -> str:
        """The hash of the finished file, in hex."""
        if self._open:
            raise ValueError("close the file first: the hash is not known before")
        return self._hash.hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError) if error else nullcontext():  # the first error is the one to tell
            self.close()


class _Lane:
    """Pieces of a file that a thread works on in their order; hashlib and writes let other threads run."""

    def __init__(self, name: str, work: Callable[[list[bytes]], None]) -> None:
        self._work = work
        self._queue: SimpleQueue[list[bytes] | None] = SimpleQueue()
        self._room = threading.Semaphore(_AHEAD)
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def add(self, pieces: list[bytes]) -> None:
        self.check()  # first, since what fails here must take no room
        self._room.acquire()
        self._queue.put(pieces)

    def end(self) -> None:
        self._queue.put(None)

    def join(self) -> None:
        self._thread.join()

    def check(self) -> None:
        if self._failed:
            raise self._failed

    def _run(self) -> None:
        while (pieces := self._queue.get()) is not None:
            try:
                if not self._failed:
                    self._work(pieces)
            except BaseException as error:  # noqa: BLE001  # it is raised where the file is used
                self._failed = error
            self._room.release()


def rows_sha256(rows: pa.Table) -> str:
    """Identify the values of a table, however it is cut in chunks."""
    rows = rows.combine_chunks()
    with HashedFile(Path(os.devnull)) as sink, pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return sink.sha256
