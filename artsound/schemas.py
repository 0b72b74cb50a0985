"""Write what others read as contracts: tables, a released sample, a release's manifest, a captioner's answer.

`python -m artsound.schemas`, or `make schemas`.
"""

import json
import sys
from pathlib import Path

from artsound import tables
from artsound.captions import fields
from artsound.release.manifest import manifest_schema
from artsound.release.sample import sample_schema


def write_schemas(folder: Path) -> None:
    """Write `<table>.json` for every table, and the JSON schemas of what is no table."""
    contracts = {name: tables.contract(name) for name in tables.TABLES}
    contracts |= {"sample.schema": sample_schema(), "manifest.schema": manifest_schema()}
    contracts |= {"art_answer.schema": fields.ArtworkAnswer.model_json_schema()}
    contracts |= {"music_answer.schema": fields.ClipAnswer.model_json_schema()}
    for name, contract in contracts.items():
        text = json.dumps(contract, indent=2, ensure_ascii=False) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(*sys.argv[1:2] or ["schemas"]))
