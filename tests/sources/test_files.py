"""What the sources were read from, by hash."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from artsound import tables
from artsound.settings import Collection
from artsound.sources.files import list_files
from artsound.sources.fma import SOURCE
from artsound.sources.synthetic_fma import make_fma


def collection(folder: Path, text: str = "file,title,artist,licence\n") -> Collection:
    folder.mkdir(exist_ok=True)
    (folder / "list.csv").write_text(text)
    (folder / "a.png").write_bytes(b"x")
    return Collection(path=folder)


def rows(art: Collection, music: Collection, graph: str = "") -> list[dict[str, object]]:
    return list(tables.conform("source_files", list_files(art, music, lambda: graph).rows).to_pylist())


def test_the_csv_of_a_folder_is_told_by_its_hash_and_nothing_else_is(tmp_path: Path) -> None:
    art, music = (
        collection(tmp_path / "art"),
        collection(tmp_path / "music", "file,title,artist,licence\nx\n"),
    )
    found = rows(art, music)
    assert [(row["side"], row["name"]) for row in found] == [("art", "list.csv"), ("music", "list.csv")]
    for row, place in zip(found, (art.path, music.path), strict=True):
        data = (place / "list.csv").read_bytes()
        assert (row["bytes"], row["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())


def test_a_graph_on_a_server_is_told_by_its_state(tmp_path: Path) -> None:
    art = collection(tmp_path / "art").model_copy(update={"source": "artgraph"})
    first, second = (rows(art, collection(tmp_path / "music"), state)[0] for state in ("one", "two"))
    assert first["name"] == second["name"] == "neo4j"
    assert first["sha256"] != second["sha256"]


@pytest.mark.parametrize("packed", [True, False])
def test_fma_is_told_by_its_tables_and_its_published_checksums(tmp_path: Path, packed: bool) -> None:
    make_fma(tmp_path, 3)
    metadata = tmp_path / "fma_metadata.zip"
    if not packed:
        metadata = tmp_path / "unpacked"
        with zipfile.ZipFile(tmp_path / "fma_metadata.zip") as archive:
            archive.extractall(metadata)
    music = Collection(source="fma", path=tmp_path / "fma_large.zip", metadata=metadata)
    found = {row["name"]: row for row in rows(collection(tmp_path / "art"), music) if row["side"] == "music"}
    with zipfile.ZipFile(tmp_path / "fma_metadata.zip") as archive:
        for name in ("tracks.csv", "genres.csv", "raw_tracks.csv", "raw_albums.csv", "raw_artists.csv"):
            data = archive.read(f"fma_metadata/{name}")
            assert found[name]["sha256"] == hashlib.sha256(data).hexdigest()
    published = {remote.name: remote.checksum for remote in SOURCE.remotes}
    told = {name for name, row in found.items() if row["published"]}
    assert told == {"fma_large.zip", *(["fma_metadata.zip"] if packed else [])}
    assert all(found[name]["published"] == published[name] for name in told)
