"""The YAML headers of a release's cards: configurations and features for the Hub and for `datasets`."""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from artsound.release.layout import FOLDERS, TEXTS
from artsound.release.manifest import ArrayRecord, ReleaseManifest
from artsound.release.parquet import MEDIA, VALUE_TYPES
from artsound.release.rows import Plan
from artsound.release.sample import SAMPLE
from artsound.release.sides import columns_of

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def card_header(made: ReleaseManifest) -> str:
    """Write the header of `README.md`.

    The `datasets` library opens a folder with one reader for all of it, so the tars have a card of their own.
    """
    return "\n".join(_yaml(_header(made)))


def tar_header(made: ReleaseManifest, plan: Plan) -> str:
    """Write the header of `webdataset/README.md`: what stands in the tars."""
    header = {
        "configs": [_config(made, "webdataset", first=True)],
        "dataset_info": [_info(made, "webdataset", _tar_columns(made, plan))],
    }
    return "\n".join(_yaml(header))


def _header(made: ReleaseManifest) -> dict[str, Any]:
    columns = columns_of(made)
    first = next(iter(columns))
    return {
        **_licence(made),
        "pretty_name": f"{made.name} {made.version}",
        "language": ["en"],
        "size_categories": [next((name for limit, name in _SIZES if made.pairs < limit), "n>1M")],
        "annotations_creators": ["machine-generated"],
        "task_categories": ["other"],
        "source_datasets": ["original"],
        "tags": ["audio", "image", "music", "art", "webdataset", "croissant", "mlcroissant"],
        "configs": [_config(made, role, first=role == first) for role in columns],
        "dataset_info": [_info(made, role, schema) for role, schema in columns.items()],
    }


def _licence(made: ReleaseManifest) -> dict[str, str]:
    """Name one licence if there is one for all; the Hub's ids are SPDX ids in lower case."""
    names = {name for side in made.licences.values() for name in side}
    if len(names) == 1 and not (only := next(iter(names))).startswith("LicenseRef"):
        return {"license": only.lower()}
    return {"license": "other", "license_name": "mixed", "license_link": "ATTRIBUTION.md"}


def _config(made: ReleaseManifest, role: str, *, first: bool) -> dict[str, Any]:
    files: dict[str, list[str]] = {}
    for record in made.files:
        if record.role == role and record.split:
            files.setdefault(record.split, []).append(record.path)
    # the tars have a card of their own, in their folder
    form = "{}-*.tar" if role == "webdataset" else f"{FOLDERS.get(role, role)}/{{}}-*.parquet"
    listed = [{"split": split, "path": form.format(split)} for split in made.splits if split in files]
    return {"config_name": role, **({"default": True} if first else {}), "data_files": listed}


def _info(made: ReleaseManifest, role: str, columns: pa.Schema) -> dict[str, Any]:
    own = [record for record in made.files if record.role == role]
    sizes = {split: sum(r.bytes for r in own if r.split == split) for split in made.splits}
    total = sum(sizes.values())
    return {
        "config_name": role,
        "features": [_feature(field) for field in columns],
        "splits": [
            {"name": split, "num_bytes": sizes[split], "num_examples": made.splits[split]}
            for split in made.splits
        ],
        "download_size": total,
        "dataset_size": total,
    }


def _tar_columns(made: ReleaseManifest, plan: Plan) -> pa.Schema:
    """Name the columns that the `datasets` library shows of a tar: its members' endings."""
    kinds = [sorted(plan.counts(name)) for name in ("image_format", "audio_format")]
    media = [
        pa.field(kind, MEDIA, metadata={"is": which})
        for which, some in zip(("image", "audio"), kinds, strict=True)
        for kind in some
    ]
    texts = [pa.field(name, SAMPLE if name == "json" else pa.string()) for name in TEXTS]
    arrays = [pa.field(one.member, _nested(one)) for one in made.arrays if made.npy]
    return pa.schema(
        [*media, *texts, *arrays, pa.field("__key__", pa.string()), pa.field("__url__", pa.string())]
    )


def _nested(array: ArrayRecord) -> pa.DataType:
    """Name the type that `datasets` gives to an `.npy` file: lists in lists."""
    dtype = {"float16": pa.float16(), "float32": pa.float32()}[array.dtype]
    for _ in array.shape:
        dtype = pa.list_(dtype)
    return dtype


def _feature(field: pa.Field) -> dict[str, Any]:
    if field.type == MEDIA:
        return {"name": field.name, "dtype": (field.metadata or {}).get(b"is", field.name.encode()).decode()}
    return {"name": field.name, **_type(field.type)}


def _type(dtype: pa.DataType) -> dict[str, Any]:
    """Name a type as the header of a dataset card does."""
    if pa.types.is_struct(dtype):
        return {"struct": [_feature(field) for field in dtype]}
    if pa.types.is_fixed_size_list(dtype):
        return {"list": _type(dtype.value_type)["dtype"], "length": dtype.list_size}
    if pa.types.is_list(dtype):
        inner = _type(dtype.value_type)
        return {"list": inner.get("dtype") or inner.get("struct") or inner}
    return {"dtype": VALUE_TYPES.get(str(dtype), str(dtype))}


def _yaml(value: Any, indent: str = "") -> Iterator[str]:
    """Write plain values as YAML: blocks for objects and lists, JSON for what is not."""
    items = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for name, item in items:
        start = (
            f"{indent}- "
            if name is None
            else f"{indent}{json.dumps(name) if name.startswith('_') else name}:"
        )
        if not isinstance(item, dict | list):
            yield f"{start}{'' if name is None else ' '}{json.dumps(item, ensure_ascii=False)}"
        elif name is None:
            first, *rest = _yaml(item, f"{indent}  ")
            yield from (f"{indent}- {first.strip()}", *rest)
        else:
            yield from (start, *_yaml(item, indent if isinstance(item, list) else f"{indent}  "))
