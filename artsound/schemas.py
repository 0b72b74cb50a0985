"""Write the contract of every table as JSON: `python -m artsound.schemas`, or `make schemas`."""

import json
import sys
from pathlib import Path

from artsound import tables


def write_schemas(folder: Path) -> None:
    """Write `<table>.json` for every table."""
    for name in tables.TABLES:
        text = json.dumps(tables.contract(name), indent=2, ensure_ascii=False) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(*sys.argv[1:2] or ["schemas"]))
