"""Captions and images as vectors."""

import io
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from artsound import tables
from artsound.embeddings import embed_artworks, embed_captions, in_numbers
from artsound.errors import Outcome, Reason
from artsound.media.files import open_media
from artsound.models.fake import FakeImageEncoder, FakeTextEncoder
from artsound.store import Store
from tests import rows


class Broken(FakeTextEncoder):
    """Gives NaN for one text and zero for another."""

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        found = super().__call__(texts)
        for row, text in enumerate(texts):
            if "nan" in text:
                found[row, 0] = np.nan
            if "zero" in text:
                found[row] = 0
        return found


def captions(*words: str) -> pa.Table:
    return tables.rows_of(
        "art_captions",
        [rows.row("art_captions", artwork_id=word, caption=word, paragraph=word) for word in words],
    )


def vectors(table: pa.Table) -> np.ndarray:
    return np.array(table["vector"].to_pylist(), np.float32)


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_every_caption_has_a_unit_vector_whatever_the_batch(batch_size: int) -> None:
    outcome = embed_captions(
        captions("a", "b", "c"), encoder=FakeTextEncoder(), id_column="artwork_id", batch_size=batch_size
    )
    stored = tables.conform("art_sentence_vectors", outcome.rows)
    assert stored["item_id"].to_pylist() == ["a", "b", "c"]
    np.testing.assert_array_equal(vectors(stored), FakeTextEncoder()(["a a", "b b", "c c"]))
    assert stored["model"].unique().to_pylist() == ["fake@0"]


@pytest.mark.parametrize("batch_size", [1, 3])
def test_vectors_without_direction_are_refused(batch_size: int) -> None:
    outcome = embed_captions(
        captions("nan", "good", "zero", "fine"),
        encoder=Broken(),
        id_column="artwork_id",
        batch_size=batch_size,
    )
    assert outcome.rows["item_id"].to_pylist() == ["good", "fine"]
    assert [(reject.item_id, reject.reason) for reject in outcome.rejects] == [
        ("nan", Reason.BAD_VECTOR),
        ("zero", Reason.BAD_VECTOR),
    ]


def test_float16_takes_half_the_room_stays_near_and_is_mapped(store: Store) -> None:
    given = captions("a", "b", "c")

    def run(rows: pa.Table) -> Outcome:
        return embed_captions(rows, encoder=FakeTextEncoder(), id_column="artwork_id", batch_size=2)

    full, half = in_numbers(run, "float32")(given), in_numbers(run, "float16")(given)
    assert half.rows["vector"].nbytes == full.rows["vector"].nbytes // 2
    for name, outcome in (("art_clip_vectors", full), ("art_sentence_vectors", half)):
        before = pa.total_allocated_bytes()
        store.write(name, [outcome], "x")
        column = store.read(name)["vector"]
        assert column.type == outcome.rows["vector"].type
        assert pa.total_allocated_bytes() - before < 1000  # mapped, not read
    np.testing.assert_allclose(vectors(half.rows), vectors(full.rows), atol=1e-3)
    empty = in_numbers(run, "float16")(captions())
    assert tables.conform("art_sentence_vectors", empty.rows)["vector"].type.value_type == pa.float16()


def test_no_captions_give_an_empty_table_of_the_right_length() -> None:
    outcome = embed_captions(captions(), encoder=FakeTextEncoder(), id_column="artwork_id", batch_size=4)
    assert tables.conform("art_sentence_vectors", outcome.rows).schema.field("vector").type.list_size == 8


def test_unreadable_images_are_refused_and_the_rest_goes_on(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), "red").save(buffer, "PNG")
    (tmp_path / "good.png").write_bytes(buffer.getvalue())
    (tmp_path / "cut.png").write_bytes(buffer.getvalue()[:40])
    (tmp_path / "empty.png").touch()
    names = ["cut.png", "good.png", "gone.png", "empty.png"]
    outcome = embed_artworks(
        rows.artworks(*({"artwork_id": name, "image_path": name} for name in names)),
        encoder=FakeImageEncoder(),
        media=open_media(tmp_path),
        max_megapixels=1,
        batch_size=2,
    )
    assert tables.conform("art_image_vectors", outcome.rows)["item_id"].to_pylist() == ["good.png"]
    assert {reject.item_id: reject.reason for reject in outcome.rejects} == {
        "cut.png": Reason.UNREADABLE,
        "gone.png": Reason.MISSING_FILE,
        "empty.png": Reason.EMPTY_FILE,
    }


def test_images_over_the_limit_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (80, 60)).save(tmp_path / "big.png")
    outcome = embed_artworks(
        rows.artworks({"artwork_id": "big", "image_path": "big.png"}),
        encoder=FakeImageEncoder(),
        media=open_media(tmp_path),
        max_megapixels=0.001,
        batch_size=2,
    )
    assert [reject.reason for reject in outcome.rejects] == [Reason.TOO_LARGE]


def test_what_decodes_in_a_worker_process_loads_no_torch() -> None:
    modules = "artsound.embeddings, artsound.models.crop, artsound.models.mels"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
