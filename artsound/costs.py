"""What every step of a build takes: seconds of wall time and of CPU, kept in the store for the cost sheet.

`costs/<step>/<digest>/<part>.json` is written when a part is finished, so that a build that was stopped and
goes on still knows what its first half took. Nothing else depends on it: figures differ from run to run,
tables and releases do not.
"""

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from artsound.store import disk_errors, write_whole

FOLDER = "costs"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Spent:
    """What some work took."""

    parts: int
    wall: float  # s, summed over parts: parts that ran at once count each their own
    cpu: float  # s, of all threads and worker processes; shared out evenly between parts that ran at once
    gpu: float = 0.0  # s, wall time of parts after which a model lay on a CUDA device


@contextmanager
def counted(root: Path, step: str, job: str, what: str) -> Iterator[None]:
    """Count what a piece of work takes, and keep it once the work is done.

    Args:
        root: of the store.
        step: of the build.
        job: digest of what the step is made from.
        what: names the piece; counted again, it replaces what was counted before.
    """
    started, number = time.monotonic(), _CPU.begin()
    try:
        yield
    finally:
        cpu = _CPU.end(number)
    wall = round(time.monotonic() - started, 3)
    spent = Spent(1, wall, round(cpu, 3), wall if _on_gpu() else 0.0)
    folder = _folder(root, step, job)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / f"{what}.json", lambda part: part.write_text(json.dumps(asdict(spent))))


def _on_gpu() -> bool:
    """Say whether this process has anything of torch on a CUDA device; torch is not imported for it."""
    torch = sys.modules.get("torch")
    return bool(torch and torch.cuda.is_initialized() and torch.cuda.memory_allocated())


def spent(root: Path, step: str, job: str) -> Spent | None:
    """Add up what a step took; None where nobody counted."""
    found = []
    for path in sorted(_folder(root, step, job).glob("*.json")):
        with suppress(OSError, ValueError, TypeError):  # a figure that cannot be read is not known
            found.append(Spent(**json.loads(path.read_text())))
    if not found:
        return None
    return Spent(
        len(found), *(round(sum(getattr(one, name) for one in found), 3) for name in ("wall", "cpu", "gpu"))
    )


def forget_others(root: Path, step: str, job: str) -> None:
    """Drop what was counted for a step when it was made from other things."""
    own = _folder(root, step, job)
    for folder in own.parent.glob("*"):
        if folder != own:
            shutil.rmtree(folder, ignore_errors=True)


def _folder(root: Path, step: str, job: str) -> Path:
    return root / FOLDER / step / job[:16]


class _Shares:
    """The CPU time of this process and its workers, shared out evenly between the works that are open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[int, float] = {}
        self._count, self._last = 0, 0.0

    def begin(self) -> int:
        with self._lock:
            self._settle()
            self._count += 1
            self._open[self._count] = 0.0
            return self._count

    def end(self, number: int) -> float:
        with self._lock:
            self._settle()
            return self._open.pop(number)

    def _settle(self) -> None:
        now = _cpu()
        for number in self._open:
            self._open[number] += max(0.0, now - self._last) / len(self._open)
        self._last = now


_CPU = _Shares()


def _cpu() -> float:
    """CPU seconds of this process, its finished children, and the children that still run."""
    times = os.times()
    ended = times.user + times.system + times.children_user + times.children_system
    return ended + sum(_running(Path("/proc/self/task")))


def _running(tasks: Path) -> Iterator[float]:
    for listed in tasks.glob("*/children"):
        with suppress(OSError, ValueError, IndexError):
            for child in listed.read_text().split():
                fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
                yield (int(fields[11]) + int(fields[12])) / _TICKS
