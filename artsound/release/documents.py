"""What people and other tools read beside the data of a release."""

import json
from collections.abc import Sequence
from pathlib import Path

from artsound.release.about import CHANGELOG, changelog
from artsound.release.card import card, tar_card
from artsound.release.croissant import croissant
from artsound.release.layout import ReleaseOptions
from artsound.release.manifest import ReleaseManifest
from artsound.release.rows import Plan

ENERGON = "webdataset/.nv-meta"


def documents(
    made: ReleaseManifest, plan: Plan, options: ReleaseOptions, changed: Sequence[str] = (), earlier: str = ""
) -> dict[str, str]:
    """Write all of them but the attribution.

    Args:
        made: the manifest as far as it is known: shards and tables.
        plan: what is released.
        options: who publishes it, and as what.
        changed: what it changes, for the changelog.
        earlier: what the changelog said before.
    """
    texts = {
        "README.md": card(made, options),
        CHANGELOG: changelog(made, options, changed, earlier),
        "croissant.json": croissant(made, options),
    }
    tars = {Path(record.path).name: record.rows for record in made.files if record.role == "webdataset"}
    if tars:
        texts["webdataset/sizes.json"] = _json(tars)
        texts["webdataset/README.md"] = tar_card(made, plan)
        texts |= _energon(made, tars)
    return texts


def _energon(made: ReleaseManifest, tars: dict[str, int | None]) -> dict[str, str]:
    """Tell Megatron-Energon shards and splits: `energon prepare --tar-index-only` then asks nothing."""
    parts = {split: [name for name in tars if name.startswith(f"{split}-")] for split in made.splits}
    dataset = {"__module__": "megatron.energon", "__class__": "CrudeWebdataset"}
    return {
        f"{ENERGON}/.info.json": _json({"energon_version": "7.4.1", "shard_counts": tars}),
        f"{ENERGON}/split.yaml": _json({"split_parts": parts, "exclude": []}),  # JSON is YAML
        f"{ENERGON}/dataset.yaml": _json(dataset),
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
