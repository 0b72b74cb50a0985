"""The dataset card: what a release holds, how to open it, what to know before using it."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from artsound.release.attribution import escape
from artsound.release.layout import TEXTS
from artsound.release.manifest import ReleaseManifest
from artsound.release.parquet import MEDIA, SCHEMA, VALUE_TYPES
from artsound.release.sample import SAMPLE
from artsound.release.sides import CAPTIONS, SCORES

_COLUMNS = {"parquet": SCHEMA, "captions": CAPTIONS, "scores": SCORES}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
# the `datasets` library opens a folder with one reader for all of it: the tars have a card of their own
_FOLDERS = {"parquet": "data", "captions": "captions", "scores": "scores"}


def card(made: ReleaseManifest, rows: pa.Table) -> str:
    """Write `README.md`: a YAML header for the Hub, then the text."""
    licences = {side: Counter(rows[f"{side}_licence"].to_pylist()) for side in ("art", "music")}
    header = "\n".join(_yaml(_header(made, licences)))
    return f"---\n{header}\n---\n\n" + "\n\n".join(_body(made, licences)) + "\n"


def tar_card(made: ReleaseManifest, rows: pa.Table) -> str:
    """Write `webdataset/README.md`, which tells the `datasets` library what stands in the tars."""
    columns = _tar_columns(rows)
    header = {
        "configs": [_config(made, "webdataset", "", first=True)],
        "dataset_info": [_info(made, "webdataset", columns)],
    }
    return "---\n" + "\n".join(_yaml(header)) + f"\n---\n\nThe tars of {made.name} {made.version}.\n"


def _header(made: ReleaseManifest, licences: Mapping[str, Counter[str]]) -> dict[str, Any]:
    present = [role for role in _FOLDERS if any(record.role == role for record in made.files)]
    return {
        **_licence(licences),
        "pretty_name": f"{made.name} {made.version}",
        "language": ["en"],
        "size_categories": [next((name for limit, name in _SIZES if made.pairs < limit), "n>1M")],
        "annotations_creators": ["machine-generated"],
        "tags": ["audio", "image", "music", "art", "webdataset"],
        "configs": [_config(made, role, f"{_FOLDERS[role]}/", first=role == present[0]) for role in present],
        "dataset_info": [_info(made, role, _COLUMNS[role]) for role in present],
    }


def _licence(licences: Mapping[str, Counter[str]]) -> dict[str, str]:
    """Name one licence if there is one for all; the Hub's ids are SPDX ids in lower case."""
    names = set(licences["art"]) | set(licences["music"])
    if len(names) == 1 and not (only := next(iter(names))).startswith("LicenseRef"):
        return {"license": only.lower()}
    return {"license": "other", "license_name": "mixed", "license_link": "ATTRIBUTION.md"}


def _config(made: ReleaseManifest, role: str, folder: str, *, first: bool) -> dict[str, Any]:
    files: dict[str, list[str]] = {}
    for record in made.files:
        if record.role == role and record.split:
            files.setdefault(record.split, []).append(record.path)
    ending = "tar" if role == "webdataset" else "parquet"
    listed = [
        {"split": split, "path": f"{folder}{split}-*.{ending}"} for split in made.splits if split in files
    ]
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


def _tar_columns(rows: pa.Table) -> pa.Schema:
    """Name the columns that the `datasets` library shows of a tar: its members' endings."""
    kinds = [sorted(set(rows[name].to_pylist())) for name in ("image_format", "audio_format")]
    media = [
        pa.field(kind, MEDIA, metadata={"is": which})
        for which, some in zip(("image", "audio"), kinds, strict=True)
        for kind in some
    ]
    texts = [pa.field(name, SAMPLE if name == "json" else pa.string()) for name in TEXTS]
    return pa.schema([*media, *texts, pa.field("__key__", pa.string()), pa.field("__url__", pa.string())])


def _feature(field: pa.Field) -> dict[str, Any]:
    if field.type == MEDIA:
        return {"name": field.name, "dtype": (field.metadata or {}).get(b"is", field.name.encode()).decode()}
    return {"name": field.name, **_type(field.type)}


def _type(dtype: pa.DataType) -> dict[str, Any]:
    """Name a type as the header of a dataset card does."""
    if pa.types.is_struct(dtype):
        return {"struct": [_feature(field) for field in dtype]}
    if pa.types.is_list(dtype):
        inner = _type(dtype.value_type)
        return {"list": inner.get("dtype") or inner["struct"]}
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


def _body(made: ReleaseManifest, licences: Mapping[str, Counter[str]]) -> Iterator[str]:
    yield f"# {made.name} {made.version}"
    yield (
        f"{made.pairs} pairs of an artwork and a music clip, with captions of both sides, scores, licences\n"
        "and provenance. Pairs are matched one to one inside each split; splits were drawn by artist, album\n"
        "and duplicate before matching."
    )
    yield _table(("split", "pairs"), made.splits)
    yield "## Open it"
    yield _USE.format(folder=f"{made.name}-{made.version}", split=next(iter(made.splits), "train"))
    yield "## Files"
    yield _table(("role", "files"), Counter(record.role for record in made.files))
    yield "## Licences"
    yield "Every item keeps its own licence; `ATTRIBUTION.md` names maker, source and licence of each."
    for side, title in (("art", "artworks"), ("music", "music")):
        yield _table((f"licence ({title})", "pairs"), licences[side])
    yield "## Leaks between splits"
    leaks = made.facts.get("leaks")
    yield _table(("check", "found"), _flat(leaks)) if leaks else "Not examined."
    yield "## Made by"
    yield _table(
        ("what", "by"),
        _flat({"code": made.facts.get("code_version", ""), "models": made.facts.get("models", {})}),
    )
    yield "## Limits"
    yield _LIMITS


_USE = """```python
from datasets import load_dataset
pairs = load_dataset("{folder}", "parquet", split="{split}")  # or "captions", "scores"
shards = load_dataset("{folder}/webdataset", split="{split}", streaming=True)
```

Check it with `artsound verify {folder}` or `sha256sum -c SHA256SUMS`. In the tars, the members of a pair
share its id: image, audio, `.json` (all that is known), `.art.txt` and `.music.txt` (captions). Media are the
original bytes; all pairs of one tar have the same file types."""

_LIMITS = """- Pairs are computed, not chosen by people; a score is a similarity of machine-made descriptions.
- Captions, tags and measures are machine-made and can be wrong; each names the model that made it.
- Licences are as the sources state them; `LicenseRef-unknown` means that none is known.
- Paintings and recordings mirror the collections they come from, with their gaps."""


def _table(head: tuple[str, str], values: Mapping[str, Any]) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "|--|--|"]
    return "\n".join(
        [*lines, *(f"| {escape(str(name))} | {escape(str(value))} |" for name, value in values.items())]
    )


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Open nested objects into one, names joined by dots."""
    if not isinstance(value, Mapping):
        return {name: ", ".join(map(str, value)) if isinstance(value, list | tuple) else value}
    inner = [_flat(more, f"{name}.{key}".strip(".")) for key, more in value.items()]
    return {key: more for some in inner for key, more in some.items()}
