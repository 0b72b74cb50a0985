"""What `artsound show` prints: the tables there are, or one table's first rows, count and rejects."""

from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table

from artsound.errors import ConfigError
from artsound.store import Store
from artsound.tables import TABLES

WIDEST = 60  # characters of a cell


def overview(store: Store) -> dict[str, Any]:
    """Count the rows and rejects of every table that is built."""
    rows = []
    for name in TABLES:
        if found := store.manifest(name):
            rows.append({"table": name, "rows": found.rows, "rejects": dict(found.rejects)})
    return {"title": "tables", "rows": rows, "count": len(rows), "rejects": []}


def table_view(store: Store, name: str, limit: int) -> dict[str, Any]:
    """Read a table's first rows, and the first rejects of every reason.

    Raises:
        ConfigError: no such table; lists those there are.
        StoreError: the table is not built yet.
    """
    if name == "rejects":
        return _all_rejects(store, limit)
    if name not in TABLES:
        raise ConfigError(f"no table {name!r}; there are: {', '.join(TABLES)}")
    rows = store.read(name)
    refused = store.rejects(name).to_pylist()
    return {
        "title": name,
        "rows": rows.slice(0, limit).to_pylist(),
        "count": len(rows),
        "rejects": _first_of_each(refused, limit),
        "reasons": dict(Counter(row["reason"] for row in refused)),
    }


def _all_rejects(store: Store, limit: int) -> dict[str, Any]:
    refused = [row for name in TABLES for row in store.rejects(name).to_pylist()]
    reasons = dict(Counter(row["reason"] for row in refused))
    return {
        "title": "rejects",
        "rows": refused[:limit],
        "count": len(refused),
        "rejects": [],
        "reasons": reasons,
    }


def _first_of_each(refused: list[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    taken: Counter[str] = Counter()
    first = []
    for row in refused:
        taken[row["reason"]] += 1
        if taken[row["reason"]] <= limit:
            first.append(row)
    return first


def render(view: dict[str, Any]) -> None:
    """Print a view on standard output."""
    console = Console(soft_wrap=False)
    title = f"{view['title']} ({view['count']} rows)"
    console.print(_grid(title, view["rows"]) if view["rows"] else title)
    if view["rejects"]:
        console.print(_grid("refused, the first of each reason", view["rejects"]))
    if reasons := view.get("reasons"):
        console.print(
            "refused: " + ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        )


def _grid(title: str, rows: list[dict[str, Any]]) -> Table:
    grid = Table(title=title, title_justify="left", show_lines=len(rows[:1]) > 0 and len(rows[0]) > 6)
    if rows and len(rows[0]) > 6:  # wide tables are turned: one line a column
        grid.add_column("column", no_wrap=True)
        for number in range(len(rows)):
            grid.add_column(f"row {number}")
        for name in rows[0]:
            grid.add_row(name, *(_cell(row[name]) for row in rows))
        return grid
    for name in rows[0] if rows else ():
        grid.add_column(name)
    for row in rows:
        grid.add_row(*(_cell(value) for value in row.values()))
    return grid


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    short = text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
    return short.replace("[", r"\[")
