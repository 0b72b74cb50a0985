import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from artsound import store as stores
from artsound import tables
from artsound.errors import Outcome, Reason, Reject, SchemaError, SourceError, StoreError
from artsound.store import Store, alone_in
from artsound.tables import TABLES
from tests.rows import row


def artists(start: int, stop: int) -> Outcome:
    ids = [f"art:{n:06d}" for n in range(start, stop)]
    rows = {"artist_id": ids, "side": ["art"] * len(ids), "name": ids, "items": list(range(start, stop))}
    others = (field for field in TABLES["artists"] if field.name not in rows)
    unknown = {field.name: [[] if pa.types.is_list(field.type) else None] * len(ids) for field in others}
    refused = [Reject(f"x{start}", Reason.UNREADABLE, "torn")] if start else []
    return Outcome(pa.table(rows | unknown), refused)


def vectors(rows: int, dim: int = 4) -> Outcome:
    flat = pa.array(np.random.default_rng(0).standard_normal(rows * dim).astype(np.float32))
    stored = pa.FixedSizeListArray.from_arrays(flat, dim)
    ids = [str(n) for n in range(rows)]
    return Outcome(pa.table({"item_id": ids, "vector": stored, "model": ["m@1"] * rows}))


def test_a_table_reads_back_as_it_was_written(store: Store) -> None:
    store.write("artists", [artists(0, 3), artists(3, 5)], "d")
    assert store.read("artists")["items"].to_pylist() == [0, 1, 2, 3, 4]
    assert store.rejects("artists").to_pylist() == [
        {"stage": "artists", "item_id": "x3", "reason": "unreadable", "detail": "torn"}
    ]


@pytest.mark.parametrize("cut", [997, 7_000, 11_000])
def test_the_bytes_do_not_depend_on_the_cut(store: Store, cut: int) -> None:
    whole = artists(0, 12_000).rows
    pieces = (Outcome(whole.slice(at, cut)) for at in range(0, 12_000, cut))
    assert store.write("artists", pieces, "d") == store.write("artists", [Outcome(whole)], "d")


@pytest.mark.parametrize(
    ("start", "count"),
    [(0, 1), (4_999, 2), (5_000, 5_000), (0, 12_000), (11_990, 50), (12_000, 5), (30_000, 5), (7, 0)],
)
def test_a_slice_is_that_of_the_whole(store: Store, start: int, count: int) -> None:
    store.write("artists", [artists(0, 12_000)], "d")
    assert store.slice("artists", start, count).equals(store.read("artists").slice(start, count))


def test_a_wide_table_says_how_many_rows_stand_together(store: Store) -> None:
    rows = tables.rows_of("release_rows", [row("release_rows", pair_id=f"{n:04d}") for n in range(2_500)])
    whole = store.write("release_rows", [Outcome(rows)], "d")
    file = pq.ParquetFile(store.path("release_rows"))
    assert [file.metadata.row_group(group).num_rows for group in range(3)] == [1_000, 1_000, 500]
    pieces = (Outcome(rows.slice(at, 400)) for at in range(0, 2_500, 400))
    assert store.write("release_rows", pieces, "d") == whole


def test_a_part_that_was_stored_is_let_go(store: Store) -> None:
    parts = store.parts("artists", "k")
    for number in range(5):  # as long as a group, so that nothing copies it on the way
        parts.once(number, lambda at=5_000 * number: artists(at, at + 5_000))  # type: ignore[misc]
    held: list[int] = []

    def pieces() -> Iterator[Outcome]:
        for number in range(5):
            held.append(Path("/proc/self/maps").read_text().count(str(parts.folder)))
            yield parts.read(number)

    store.write("artists", pieces(), "d")
    assert max(held) <= 2


def test_an_empty_table_keeps_its_columns(store: Store) -> None:
    made = store.write("artists", [artists(0, 0), artists(0, 0)], "d")
    assert made.rows == 0
    assert store.read("artists").schema.names == TABLES["artists"].names


def test_vectors_are_read_without_a_copy(store: Store) -> None:
    store.write("art_image_vectors", [vectors(1000)], "d")
    before = pa.total_allocated_bytes()
    column = store.read("art_image_vectors")["vector"].chunk(0)
    view = column.flatten().to_numpy(zero_copy_only=True).reshape(-1, 4)
    assert pa.total_allocated_bytes() - before < 1000
    np.testing.assert_array_equal(view[0], vectors(1000).rows["vector"][0].as_py())


def test_a_key_repeated_in_another_piece_is_refused_and_nothing_is_kept(store: Store) -> None:
    with pytest.raises(SchemaError, match="2 repeated"):
        store.write("artists", [artists(0, 4), artists(2, 6)], "d")
    assert store.manifest("artists") is None


def test_a_table_that_is_not_built_is_said_so(store: Store) -> None:
    with pytest.raises(StoreError, match="artists is not built yet"):
        store.read("artists")


def test_a_damaged_manifest_is_said_so(store: Store) -> None:
    store.write("artists", [artists(0, 2)], "d")
    (store.root / "tables" / "artists.json").write_text("{")
    with pytest.raises(StoreError, match=r"artists\.json is damaged"):
        store.manifest("artists")


@pytest.mark.parametrize(("name", "made"), [("artists", artists(0, 9)), ("art_image_vectors", vectors(9))])
def test_a_damaged_table_is_said_so(store: Store, name: str, made: Outcome) -> None:
    store.write(name, [made], "d")
    path = next((store.root / "tables").glob(f"{name}.[pa]*"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match="damaged"):
        store.read(name)


def test_a_read_only_store_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"), Store(tmp_path / "file" / "store").writing():
        pass


def test_a_piece_is_made_once(store: Store) -> None:
    parts = store.parts("artists", "k")
    parts.once(0, lambda: artists(1, 3))
    parts.once(0, lambda: pytest.fail("made twice"))
    assert parts.read(0).rejects == [Reject("x1", Reason.UNREADABLE, "torn")]


def test_finishing_a_table_clears_its_pieces(store: Store) -> None:
    parts = store.parts("artists", "k")
    parts.once(0, lambda: artists(0, 3))
    store.write("artists", [parts.read(0)], "d")
    assert not parts.folder.exists()


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")

    def half(part: Path) -> None:
        part.write_text("ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stores.write_whole(path, half)
    assert path.read_text() == "old"


def test_what_goes_on_keeps_what_came_unless_the_disk_failed_or_nothing_came(tmp_path: Path) -> None:
    path, part = tmp_path / "x", tmp_path / "x.part"

    def more(error: BaseException | None, text: str) -> None:
        with part.open("a") as file:
            file.write(text)
        if error:
            raise error

    for error, text, kept in (
        (KeyboardInterrupt(), "", None),
        (KeyboardInterrupt(), "ab", "ab"),
        (SourceError(), "cd", "abcd"),
        (OSError(), "ef", None),
        (SourceError(), "ab", "ab"),
    ):
        with pytest.raises(type(error)):
            stores.write_whole(path, lambda _, error=error, text=text: more(error, text), goes_on=True)  # type: ignore[misc]
        assert (part.read_text() if part.exists() else None) == kept
    stores.write_whole(path, lambda _: more(None, "cd"), goes_on=True)
    assert (path.read_text(), part.exists()) == ("abcd", False)


def test_a_folder_is_held_by_one_and_goes_when_nothing_was_put_into_it(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    with alone_in(folder):
        with pytest.raises(StoreError, match="another run is writing to"), alone_in(folder):
            pass
        assert folder.is_dir()
    assert not folder.exists()
    folder.mkdir()
    with alone_in(folder):
        pass
    assert folder.is_dir()  # it was there before


def _hold(root: Path, ready: "multiprocessing.synchronize.Event") -> None:
    with Store(root).writing():
        ready.set()
        signal.pause()


def test_a_second_writer_is_refused_until_the_first_is_gone_even_killed(store: Store) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(store.root, ready))
    holder.start()
    assert ready.wait(60)
    with pytest.raises(StoreError, match="another run is writing"), store.writing():
        pass
    assert holder.pid
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with store.writing():
        pass
