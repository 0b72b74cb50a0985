"""Files that are hashed while they are written, so that they need not be read again."""

import hashlib
import os
import threading
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Self

import pyarrow as pa

TOGETHER = 1 << 20  # bytes that are handed to the system, and to the hash, at one time
_MOST_PIECES = 512  # of one system call; Linux takes 1024
_AHEAD = 8  # writes that the hash may lag behind, which bounds the memory


class HashedFile:
    """A new file that knows the sha256 and the size of what was written to it.

    A thread of its own hashes, while the next bytes are read and written: hashing waits for no disk.
    """

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        self._hash = _Hash()
        self._waiting: list[bytes] = []
        self._waits = 0
        self._open = True
        self.size = 0

    def write(self, data: bytes) -> int:
        """Append; returns how many bytes, which is all of them."""
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
        pieces, size = self._waiting, self._waits
        self._waiting, self._waits = [], 0
        if not pieces:
            return
        self._hash.add(pieces)
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
            self._hash.close()
            os.close(self._handle)

    @property
    def closed(self) -> bool:
        """Say whether the file is finished."""
        return not self._open

    @property
    def sha256(self) -> str:
        """The hash of the finished file, in hex."""
        if self._open:
            raise ValueError("close the file first: the hash is not known before")
        return self._hash.hex

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Hash:
    """A sha256 that is computed in a thread; hashlib lets other threads run meanwhile."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256(usedforsecurity=False)
        self._queue: SimpleQueue[list[bytes] | None] = SimpleQueue()
        self._room = threading.Semaphore(_AHEAD)
        self._thread = threading.Thread(target=self._run, name="hash", daemon=True)
        self._thread.start()

    def add(self, pieces: list[bytes]) -> None:
        self._room.acquire()
        self._queue.put(pieces)

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()

    @property
    def hex(self) -> str:
        return self._hash.hexdigest()

    def _run(self) -> None:
        while (pieces := self._queue.get()) is not None:
            for piece in pieces:
                self._hash.update(piece)
            self._room.release()


def rows_sha256(rows: pa.Table) -> str:
    """Identify the values of a table, however it is cut in chunks."""
    rows = rows.combine_chunks()
    with HashedFile(Path(os.devnull)) as sink, pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return sink.sha256
