"""Files that are hashed while they are written, so that they need not be read again."""

import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa


class HashedFile:
    """A new file that knows the sha256 and the size of what was written to it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=1 << 20)
        self._hash = hashlib.sha256(usedforsecurity=False)
        self.size = 0

    def write(self, data: bytes) -> int:
        """Append; returns how many bytes, which is all of them."""
        self._hash.update(data)
        self._file.write(data)
        self.size += len(data)
        return len(data)

    def tell(self) -> int:
        """Return where the next byte goes."""
        return self.size

    def flush(self) -> None:
        """Hand what is buffered to the system."""
        self._file.flush()

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    @property
    def closed(self) -> bool:
        """Say whether the file is finished."""
        return self._file.closed

    @property
    def sha256(self) -> str:
        """The hash of what was written so far, in hex."""
        return self._hash.hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def rows_sha256(rows: pa.Table) -> str:
    """Identify the values of a table, however it is cut in chunks."""
    rows = rows.combine_chunks()
    with HashedFile(Path(os.devnull)) as sink:
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
        return sink.sha256
