"""The certificate of a release: it proves the matching, and what was tampered with is found.

Every change is made in all files that tell of it, with right hashes, so that only the arithmetic can find it.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from artsound.matching.policy import Policy
from artsound.matching.stage import calibrate, certify, explain_pairs, fused_splits, match_splits
from artsound.release.arrays import array_schema, vectors_of
from artsound.release.certificate import PAIRS, PRICES, SCHEMAS, STATEMENT, VECTORS, Proof, write_certificate
from artsound.release.claims import KEYS
from artsound.release.manifest import MANIFEST, SUMS, read_manifest, record_of
from artsound.release.proof import examine_certificate
from artsound.release.sample import plain
from artsound.release.verify import verify
from tests.matching import made
from tests.release import world

SPLITS = made.splits(train=(40, 31), val=(6, 9), test=(3, 0))
SIDES = made.sides(SPLITS)
CALIBRATION = calibrate(SPLITS, *SIDES, weights=made.WEIGHTS).rows


def proof(policy: Policy) -> Proof:
    matching = match_splits(CALIBRATION, SPLITS, *SIDES, policy=policy).rows
    certificates = certify(matching, CALIBRATION, SPLITS, *SIDES, policy=policy).rows
    pairs = explain_pairs(matching, CALIBRATION, SPLITS, *SIDES).rows
    return Proof(matching, pairs, SPLITS, CALIBRATION, certificates, policy)


PROOF = proof(Policy())


def released(folder: Path, given: Proof, other: Path) -> None:
    """Write a release that has a certificate and the table of scores, and nothing else of another's files."""
    (folder / "scores").mkdir()
    records = write_certificate(folder, given)
    counts = {
        split: given.pairs.filter(pa.compute.equal(given.pairs["split"], split)) for split in ("train", "val")
    }
    for split, rows in counts.items():
        path = f"scores/{split}-00000-of-00001.parquet"
        pq.write_table(pa.Table.from_pylist(plain(rows.to_pylist()), schema=rows.schema), folder / path)
        records.append(record_of(folder, path, role="scores", split=split, rows=len(rows)))
    splits = {split: len(rows) for split, rows in counts.items()}
    manifest = replace(read_manifest(other), splits=splits, pairs=len(given.pairs), files=tuple(records))
    (folder / MANIFEST).write_text(manifest.text())
    (folder / SUMS).write_text(manifest.sums())


def problems(folder: Path) -> list[str]:
    return examine_certificate(folder, read_manifest(folder)).problems


def altered(folder: Path, path: str, change: Callable[[list[dict[str, Any]]], None]) -> None:
    table = pq.read_table(folder / path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), folder / path)


@pytest.mark.parametrize("policy", made.POLICIES, ids=str)
def test_a_matching_under_every_rule_is_proved_from_the_files_of_its_release(
    policy: Policy, finished: Path, tmp_path: Path
) -> None:
    released(tmp_path, proof(policy), finished)
    assert problems(tmp_path) == []


def test_a_release_without_a_certificate_claims_nothing(finished: Path) -> None:
    assert examine_certificate(finished, read_manifest(finished)) == ([], [])


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    released(tmp_path, PROOF, finished)
    return tmp_path


@pytest.mark.parametrize("change", [3e-5, -3e-5, 0.4, -0.4])
@pytest.mark.parametrize("side", ["art", "music"])
def test_a_changed_price_is_found(folder: Path, side: str, change: float) -> None:
    def dearer(rows: list[dict[str, Any]]) -> None:
        row = max((r for r in rows if r["side"] == side and r["split"] == "train"), key=lambda r: r["price"])
        row["price"] += change

    altered(folder, PRICES, dearer)
    assert any("claims a bound" in problem for problem in problems(folder))


def test_prices_changed_so_that_their_sum_stays_are_found(folder: Path) -> None:
    def moved(rows: list[dict[str, Any]]) -> None:
        dear = [r for r in rows if r["side"] == "art" and r["split"] == "train" and r["price"] > 0.01]
        dear[0]["price"] += 0.005
        dear[1]["price"] -= 0.005

    altered(folder, PRICES, moved)
    found = problems(folder)
    assert any("exceeds the prices" in problem for problem in found)
    assert any("its prices are not those of the table of scores" in problem for problem in found)


def test_a_changed_score_is_found(folder: Path) -> None:
    altered(folder, PAIRS, lambda rows: rows[0].update(score=rows[0]["score"] - 0.01))
    found = problems(folder)
    assert any("claims a primal" in problem for problem in found)
    assert any("not the one of the table of scores" in problem for problem in found)


def test_a_changed_pair_is_found(folder: Path) -> None:
    def exchanged(rows: list[dict[str, Any]]) -> None:
        rows[0]["clip_id"], rows[1]["clip_id"] = rows[1]["clip_id"], rows[0]["clip_id"]

    altered(folder, PAIRS, exchanged)
    assert any("is not of train-a" in problem for problem in problems(folder))


def test_an_item_used_twice_is_found(folder: Path) -> None:
    altered(folder, PAIRS, lambda rows: rows[0].update(artwork_id=rows[1]["artwork_id"]))
    assert any("stands in 2 pairs" in problem for problem in problems(folder))


def test_a_pair_left_out_is_found(folder: Path) -> None:
    altered(folder, PAIRS, lambda rows: rows.pop())
    assert any("claims 6 pairs, has 5" in problem for problem in problems(folder))


def test_a_runner_up_that_beats_its_prices_is_found(folder: Path) -> None:
    def raised(rows: list[dict[str, Any]]) -> None:
        rows[0]["other_clips"][0]["value"] += 5

    altered(folder, "scores/train-00000-of-00001.parquet", raised)
    assert any("their score exceeds their prices" in problem for problem in problems(folder))


@pytest.mark.parametrize(
    ("claim", "says"),
    [
        ({"primal": 1.0}, "claims a primal"),
        ({"bound": 1.0}, "claims a bound"),
        ({"gap": 0.5}, "claims a gap"),
        ({"violated": 2}, "2 prices are not"),
        ({"clips": 30}, "claims 30 clips, has 31"),
        ({"unmatched_artworks": 1}, "claims 1 unmatched_artworks, has 9"),
    ],
)
def test_a_false_claim_is_found(folder: Path, claim: dict[str, Any], says: str) -> None:
    said = json.loads((folder / STATEMENT).read_text())
    next(one for one in said["splits"] if one["split"] == "train").update(claim)
    (folder / STATEMENT).write_text(json.dumps(said))
    assert any(says in problem for problem in problems(folder))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": "artsound-certificate/9", "quantum": 1e-6}',
    ],
)
def test_a_damaged_statement_is_said_to_be_one(folder: Path, text: str) -> None:
    (folder / STATEMENT).write_text(text)
    assert "is damaged" in problems(folder)[0]


def test_a_price_that_is_no_number_is_found(folder: Path) -> None:
    altered(folder, PRICES, lambda rows: rows[0].update(price=float("nan")))
    assert any("has the price nan" in problem for problem in problems(folder))


def test_a_certificate_with_a_file_missing_is_none(folder: Path) -> None:
    manifest = read_manifest(folder)
    less = replace(manifest, files=tuple(r for r in manifest.files if r.path != PAIRS))
    assert "not the files of a certificate" in examine_certificate(folder, less).problems[0]


def test_verify_of_a_finished_release_checks_its_certificate(
    media: Path, rows: pa.Table, tmp_path: Path
) -> None:
    making = world.release(media, rows, tmp_path)
    for number in range(making.parts()):
        making.run(number)
    making.finish(add=[lambda folder: write_certificate(folder, PROOF)])
    listed = {record.path for record in read_manifest(making.folder).files if record.role == "certificate"}
    assert listed == {STATEMENT, *SCHEMAS}
    found = verify(making.folder).problems  # it is the certificate of another matching
    assert any("is not the one of the table of scores" in problem for problem in found)
    card = (making.folder / "README.md").read_text()
    described = (making.folder / "croissant.json").read_text()
    assert "`certificate/` proves how good the matching is" in card
    assert f'"@id": "file/{PAIRS}"' in described


DENSE = PROOF._replace(fused=partial(fused_splits, CALIBRATION, SPLITS, *SIDES))
SCORES = "scores/train-00000-of-00001.parquet"


@pytest.fixture
def with_vectors(finished: Path, tmp_path: Path) -> Path:
    """A release that publishes the vectors of its pairs, and has those of all items in its certificate."""
    released(tmp_path, DENSE, finished)
    (tmp_path / "vectors").mkdir()
    manifest = read_manifest(tmp_path)
    arrays = [
        vectors_of(table, f"{side}_sentence", key, side)
        for side, key, table in zip(KEYS, KEYS.values(), SIDES, strict=False)
    ]
    records = []
    for split in manifest.splits:
        rows = PROOF.pairs.filter(pa.compute.equal(PROOF.pairs["split"], split))
        own = [rows[one.key].to_pylist() for one in arrays]
        flat = [
            one.chunks[0][rows_of_items(one.ids, ids)].ravel() for one, ids in zip(arrays, own, strict=True)
        ]
        schema = array_schema([one.record for one in arrays])
        lists = [
            pa.FixedSizeListArray.from_arrays(pa.array(values), type=field.type)
            for values, field in zip(flat, list(schema)[1:], strict=True)
        ]
        path = f"vectors/{split}-00000-of-00001.parquet"
        pq.write_table(pa.Table.from_arrays([rows["pair_id"], *lists], schema=schema), tmp_path / path)
        records.append(record_of(tmp_path, path, role="vectors", split=split, rows=len(rows)))
    listed = tuple(one.record for one in arrays)
    manifest = replace(manifest, files=(*manifest.files, *records), arrays=listed)
    (tmp_path / MANIFEST).write_text(manifest.text())
    return tmp_path


def rows_of_items(ids: pa.Array, wanted: list[str]) -> list[int]:
    return [ids.index(item).as_py() for item in wanted]


def test_a_release_with_vectors_is_proved_over_every_pair_there_could_be(with_vectors: Path) -> None:
    problems, proved = examine_certificate(with_vectors, read_manifest(with_vectors))
    assert problems == []
    assert [line.split(": ")[1] for line in proved] == ["train", "val"]
    assert "31 pairs, proved gap 0.000000 %" in proved[0]
    assert "from vectors and prices over all 40 × 31 pairs" in proved[0]


def test_without_vectors_it_is_said_what_the_proof_rests_on(folder: Path) -> None:
    proved = examine_certificate(folder, read_manifest(folder)).proved
    assert "31 pairs and their runners-up held against the prices of 40 × 31 items" in proved[0]


def test_prices_that_only_pairs_without_a_score_contradict_are_found_by_the_vectors(
    with_vectors: Path,
) -> None:
    pair = PROOF.pairs.filter(pa.compute.equal(PROOF.pairs["split"], "train")).to_pylist()[0]
    moved = {pair["artwork_id"]: 0.5, pair["clip_id"]: -0.5}  # the sum stays, and the pair still fits

    def prices(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["price"] += moved.get(row["item_id"], 0.0)

    def scores(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["artwork_price"] += moved.get(row["artwork_id"], 0.0)
            row["clip_price"] += moved.get(row["clip_id"], 0.0)
            row["other_clips"], row["other_artworks"] = [], []

    altered(with_vectors, PRICES, prices)
    altered(with_vectors, SCORES, scores)
    found = problems(with_vectors)
    assert any("over all pairs of the vectors it is" in problem for problem in found)
    assert not any("runner" in problem or "exceeds" in problem for problem in found)


def test_a_changed_vector_of_the_certificate_is_found(with_vectors: Path) -> None:
    taken = PROOF.pairs.to_pylist()[0]["clip_id"]

    def turned(rows: list[dict[str, Any]]) -> None:
        row = next(row for row in rows if row["item_id"] == taken)
        row["vector"] = [-value for value in row["vector"]]

    altered(with_vectors, VECTORS["music"], turned)
    found = problems(with_vectors)
    assert any("is not that of its vectors" in problem for problem in found)
    assert any("are not the vectors of the certificate" in problem for problem in found)


def test_a_changed_published_vector_is_found(with_vectors: Path) -> None:
    altered(
        with_vectors, "vectors/val-00000-of-00001.parquet", lambda rows: rows[0]["art_sentence"].reverse()
    )
    assert ["its art_sentence are not the vectors" in problem for problem in problems(with_vectors)] == [True]


def test_vectors_of_other_items_are_found(with_vectors: Path) -> None:
    altered(with_vectors, VECTORS["art"], lambda rows: rows.pop())
    assert any("vectors and prices of art are not of the same items" in one for one in problems(with_vectors))
