"""Write what others read as contracts: every table, a released sample, a release's manifest.

`python -m artsound.schemas`, or `make schemas`.
"""

import json
import sys
from pathlib import Path

from artsound import tables
from artsound.release.manifest import manifest_schema
from artsound.release.sample import sample_schema


def write_schemas(folder: Path) -> None:
    """Write `<table>.json` for every table, `sample.schema.json` and `manifest.schema.json`."""
    contracts = {name: tables.contract(name) for name in tables.TABLES}
    contracts |= {"sample.schema": sample_schema(), "manifest.schema": manifest_schema()}
    for name, contract in contracts.items():
        text = json.dumps(contract, indent=2, ensure_ascii=False) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(*sys.argv[1:2] or ["schemas"]))
