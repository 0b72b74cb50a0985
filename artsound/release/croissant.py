"""`croissant.json`: the release for machines, by Croissant 1.1 with its responsible-AI fields.

Every file stands in it with its sha256; the record sets read the Parquet files.
"""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from artsound.release.about import licence_links, responsible, summary
from artsound.release.certificate import ORDER, SCHEMAS
from artsound.release.layout import FOLDERS, ReleaseOptions
from artsound.release.manifest import FileRecord, ReleaseManifest
from artsound.release.parquet import MEDIA
from artsound.release.sides import columns_of

_CR = "http://mlcommons.org/croissant/"
_OWN = (
    *("arrayShape", "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty"),
    *("fileObject", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5"),
    *("parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate"),
    *("separator", "source", "subField", "transform"),
)
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": _CR,
    "rai": f"{_CR}RAI/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "conformsTo": "dct:conformsTo",
    **{name: f"cr:{name}" for name in _OWN},
}
_TYPES = {
    "string": "sc:Text",
    "bool": "sc:Boolean",
    "int32": "sc:Integer",
    "int64": "sc:Integer",
    "halffloat": "sc:Float",
    "float": "sc:Float",
    "double": "sc:Float",
}
_MEDIA = {"image": "sc:ImageObject", "audio": "sc:AudioObject"}
_FORMATS = {"parquet": "application/x-parquet", "tar": "application/x-tar", "json": "application/json"}


def croissant(made: ReleaseManifest, options: ReleaseOptions) -> str:
    """Describe a release as JSON-LD; files that are written after it are not in it."""
    columns = columns_of(made)
    described = {
        "@context": dict(sorted(_CONTEXT.items())),
        "@type": "sc:Dataset",
        "conformsTo": [f"{_CR}1.1", f"{_CR}RAI/1.0"],
        "name": made.name,
        "version": made.version,
        "description": summary(made),
        "license": licence_links(made),
        "isLiveDataset": False,
        "inLanguage": ["en"],
        "keywords": ["art", "music", "audio", "image", "cross-modal", "artwork-music pairs"],
        **_publication(made, options),
        **{f"rai:{name}": text for name, text in responsible(made).items()},
        "distribution": [*_files(made), *_sets(columns)],
        "recordSet": [
            _splits(made),
            *(_records(role, schema) for role, schema in columns.items()),
            *_proof(made),
        ],
    }
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def _publication(made: ReleaseManifest, options: ReleaseOptions) -> dict[str, Any]:
    """Say who publishes, when and where, as far as the settings say so."""
    said: dict[str, Any] = {"creator": {"@type": "sc:Organization", "name": options.creator or made.name}}
    said |= {
        "citeAs": options.citation or f"{options.creator or made.name}: {made.name}, version {made.version}"
    }
    if options.url:
        said["url"] = options.url
    if options.published:
        said["datePublished"] = options.published
    return said


def _files(made: ReleaseManifest) -> Iterator[dict[str, Any]]:
    for record in made.files:
        yield {
            "@type": "cr:FileObject",
            "@id": f"file/{record.path}",
            "name": record.path,
            "contentUrl": record.path,
            "contentSize": f"{record.bytes} B",
            "encodingFormat": _encoding(record),
            "sha256": record.sha256,
        }


def _encoding(record: FileRecord) -> str:
    return _FORMATS.get(record.path.rpartition(".")[2], "text/plain")


def _sets(columns: dict[str, pa.Schema]) -> Iterator[dict[str, Any]]:
    for role in columns:
        yield {
            "@type": "cr:FileSet",
            "@id": f"{role}-files",
            "name": f"{role} files",
            "encodingFormat": _FORMATS["parquet"],
            "includes": f"{FOLDERS.get(role, role)}/*.parquet",
        }


def _splits(made: ReleaseManifest) -> dict[str, Any]:
    kinds = {"train": "cr:TrainingSplit", "val": "cr:ValidationSplit", "test": "cr:TestSplit"}
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [
            {"@type": "cr:Field", "@id": "splits/name", "name": "name", "dataType": "sc:Text"},
            {"@type": "cr:Field", "@id": "splits/pairs", "name": "pairs", "dataType": "sc:Integer"},
            {"@type": "cr:Field", "@id": "splits/url", "name": "url", "dataType": "sc:URL"},
        ],
        "data": [
            {"splits/name": split, "splits/pairs": pairs, "splits/url": kinds.get(split, "cr:Split")}
            for split, pairs in made.splits.items()
        ],
    }


def _records(role: str, schema: pa.Schema) -> dict[str, Any]:
    name = "pairs" if role == "parquet" else role
    split = {
        "@type": "cr:Field",
        "@id": f"{name}/split",
        "name": "split",
        "description": "from the file's name",
        "dataType": "sc:Text",
        "references": {"field": {"@id": "splits/name"}},
        "source": {
            "fileSet": {"@id": f"{role}-files"},
            "extract": {"fileProperty": "fullpath"},
            "transform": {"regex": r"[^/]*/([^/]+?)-\d+-of-\d+\.parquet$"},
        },
    }
    files = {"fileSet": {"@id": f"{role}-files"}}
    fields = [
        _field(name, files, field) for field in schema if _is_plain(field.type) and field.name != "split"
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "key": {"@id": f"{name}/pair_id"},
        "field": [split, *fields],
    }


def _proof(made: ReleaseManifest) -> Iterator[dict[str, Any]]:
    """Describe the pairs and prices that prove the matching: of all items, also of those not released."""
    for path in sorted({record.path for record in made.files} & set(SCHEMAS)):
        name = path.removesuffix(".parquet")
        source = {"fileObject": {"@id": f"file/{path}"}}
        yield {
            "@type": "cr:RecordSet",
            "@id": name,
            "name": name,
            "description": "the whole matching and its proof, split by split",
            "key": [{"@id": f"{name}/{column}"} for column in ORDER[path] if column != "split"],
            "field": [_field(name, source, field) for field in SCHEMAS[path]],
        }


def _is_plain(dtype: pa.DataType) -> bool:
    """Say whether Croissant can name the type; what it cannot stands in `meta`."""
    return dtype == MEDIA or pa.types.is_fixed_size_list(dtype) or str(dtype) in _TYPES


def _field(record_set: str, files: dict[str, Any], field: pa.Field) -> dict[str, Any]:
    source = files | {"extract": {"column": field.name}}
    if field.type == MEDIA:
        source["transform"] = {"jsonPath": "bytes"}
    array, dtype = {}, field.type
    if pa.types.is_fixed_size_list(dtype):
        array, dtype = {"isArray": True, "arrayShape": str(dtype.list_size)}, dtype.value_type
    return {
        "@type": "cr:Field",
        "@id": f"{record_set}/{field.name}",
        "name": field.name,
        "dataType": _MEDIA.get(field.name) or _TYPES[str(dtype)],
        **array,
        "source": source,
    }
