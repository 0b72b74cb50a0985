"""`costs.json`: what each step of the build took. It differs from run to run: no hash of the release has it.

The manifest names it; it vouches for itself: its last entry is the sha256 of all the others, so that a
changed byte is found here as well. A version keeps the sheet that it was published with.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from artsound.errors import ReleaseError

COSTS = "costs.json"
FORMAT = "artsound-costs/1"
LARGEST_COSTS = 2**20  # bytes
ABOUT = (
    "Seconds of finished parts, measured when they ran: wall time summed over parts, CPU time of "
    "all threads and worker processes. gpu_seconds: wall time of parts that ran with a model on a CUDA "
    "device; a step that does not name it used none. bytes: of the rows' file. null: not measured."
)


@dataclass(frozen=True)
class Cost:
    """What one step took."""

    step: str
    rows: int
    bytes: int | None = None
    parts: int | None = None
    wall_seconds: float | None = None
    cpu_seconds: float | None = None
    requests: int | None = None  # questions that models answered, by the log of their answers
    tokens: int | None = None
    model_seconds: float | None = None  # until those answers came
    gpu_seconds: float | None = None  # wall time of parts that ran with a model on a CUDA device


def costs_text(costs: Sequence[Cost], machine: Mapping[str, Any]) -> str:
    """Write a cost sheet as JSON."""
    steps = [{name: value for name, value in vars(cost).items() if _told(name, value)} for cost in costs]
    names = ("bytes", "wall_seconds", "cpu_seconds", "gpu_seconds", "requests", "tokens")
    totals = {name: round(sum(getattr(cost, name) or 0 for cost in costs), 3) for name in names}
    told = {"format": FORMAT, "about": ABOUT, "machine": dict(machine), "steps": steps, "total": totals}
    return _signed(told)


def _told(name: str, value: Any) -> bool:
    return value is not None or name in ("wall_seconds", "cpu_seconds")


def _signed(told: Mapping[str, Any]) -> str:
    text = json.dumps(told, sort_keys=True, ensure_ascii=False)
    signed = {**told, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    return json.dumps(signed, indent=2, ensure_ascii=False) + "\n"


def parse_costs(data: bytes) -> dict[str, Any]:
    """Understand a cost sheet.

    Raises:
        ReleaseError: it is none, or a byte of it was changed.
    """
    try:
        told: dict[str, Any] = json.loads(data)
        sound = told.pop("format") == FORMAT and told.pop("sha256") and isinstance(told["steps"], list)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ReleaseError(f"{COSTS}: is no cost sheet ({error})") from error
    if not sound or _signed({"format": FORMAT, **told}).encode() != data:
        raise ReleaseError(f"{COSTS}: its bytes were changed (sha256 differs)")
    return told


_COLUMNS = (
    *("step", "rows", "parts", "wall_seconds", "cpu_seconds", "gpu_seconds"),
    *("bytes", "requests", "tokens"),
)


def sheet_lines(told: Mapping[str, Any]) -> list[str]:
    """Lay a cost sheet out as a table."""
    rows = [*told["steps"], {"step": "total", **told["total"]}]
    cells = [list(_COLUMNS), *([_cell(row.get(name)) for name in _COLUMNS] for row in rows)]
    widths = [max(len(row[number]) for row in cells) for number in range(len(_COLUMNS))]
    lines = []
    for first, *rest in cells:
        numbers = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        lines.append("  ".join([first.ljust(widths[0]), *numbers]).rstrip())
    return lines


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.1f}" if isinstance(value, float) else str(value)
