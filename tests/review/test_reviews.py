import math
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from artsound import cli_review
from artsound.errors import ConfigError, Outcome, Reason
from artsound.review.reviews import (
    agreement,
    agreements,
    merge_reviews,
    read_reviews,
    refused_pairs,
    stored_reviews,
    without_refused,
)
from artsound.store import Store
from tests.review import pairs

SHOWN = pairs.pairs(3).select(["pair_id", "artwork_id", "clip_id"])
IDS = SHOWN["pair_id"].to_pylist()


def review(pair_id: str, reviewer: str, verdict: str, note: str = "") -> dict[str, str]:
    return {"pair_id": pair_id, "reviewer": reviewer, "verdict": verdict, "note": note}


def written(path: Path, *lines: str) -> Path:
    path.write_text("\r\n".join(["pair_id,reviewer,verdict,note", *lines, ""]), encoding="utf-8")
    return path


def test_quotes_commas_line_breaks_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        '\ufeffpair_id,reviewer,verdict,note\r\n"01","A, ""B""","reject","two\nlines"\r\n', encoding="utf-8"
    )
    assert read_reviews(path) == [review("01", 'A, "B"', "reject", "two\nlines")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pair_id,verdict\n1,accept\n", "lacks reviewer, note"),
        ("pair_id,reviewer,verdict,note\n1,Ann,accept,\n2,Ann,maybe,\n", "line 3: verdict 'maybe'"),
        ("pair_id,reviewer,verdict,note\n1,,accept,\n", "line 2: pair_id and reviewer"),
        ("", "lacks pair_id"),
    ],
)
def test_a_wrong_csv_is_refused_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        read_reviews(path)


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x00")
    for name in ("a.csv", "b.csv"):
        with pytest.raises(ConfigError, match=name):
            read_reviews(tmp_path / name)


def test_a_later_word_counts_and_unknown_pairs_are_rejects() -> None:
    given = [
        review(IDS[0], "Ann", "accept"),
        review("f" * 16, "Ann", "accept"),
        review(IDS[0], "Ann", "reject"),
    ]
    rows, rejects = merge_reviews(given, SHOWN)
    assert [(row["artwork_id"], row["clip_id"], row["verdict"]) for row in rows.to_pylist()] == [
        ("art-0", "clip-0", "reject")
    ]
    assert [(reject.item_id, reject.reason) for reject in rejects] == [("f" * 16, Reason.NOT_LISTED)]


def test_earlier_reviews_stay_though_their_pairs_are_gone() -> None:
    earlier, _ = merge_reviews([review(IDS[0], "Ann", "reject"), review(IDS[1], "Bo", "accept")], SHOWN)
    rows, rejects = merge_reviews([review(IDS[0], "Bo", "reject")], SHOWN.slice(2), earlier)
    assert len(rows) == 3
    assert not rejects


def test_a_pair_is_refused_when_more_reject_than_accept() -> None:
    votes = [("Ann", "reject"), ("Bo", "accept"), ("Cy", "reject")]
    given = [review(IDS[0], name, verdict) for name, verdict in votes]
    given += [
        review(IDS[1], "Ann", "reject"),
        review(IDS[1], "Bo", "accept"),
        review(IDS[2], "Ann", "unsure"),
    ]
    rows, _ = merge_reviews(given, SHOWN)
    assert refused_pairs(rows).to_pylist() == [{"artwork_id": "art-0", "clip_id": "clip-0"}]


def test_refused_pairs_are_left_out_of_the_release_and_counted() -> None:
    given = [review(IDS[1], "Ann", "reject"), review(IDS[2], "Ann", "unsure")]
    reviews, _ = merge_reviews(given, SHOWN)
    rows, rejects = without_refused(reviews, SHOWN)
    assert rows["pair_id"].to_pylist() == [IDS[0], IDS[2]]
    assert [(reject.item_id, reject.reason) for reject in rejects] == [(IDS[1], Reason.REVIEWED_OUT)]


def test_without_reviews_all_pairs_stay(store: Store) -> None:
    rows, rejects = without_refused(stored_reviews(store), SHOWN)
    assert rows.equals(SHOWN)
    assert rejects == []


def test_kappa_is_one_for_equals_zero_for_chance_and_known_between() -> None:
    def judged(text: str) -> dict[str, str]:
        names = {"a": "accept", "u": "unsure", "r": "reject"}
        return {str(at): names[letter] for at, letter in enumerate(text)}

    assert agreement("x", judged("aurau"), "y", judged("aurau")).kappa == 1
    assert agreement("x", judged("aarr"), "y", judged("arar")).kappa == 0
    # observed 3/4; chance 2/4·3/4 + 1/4·1/4 = 7/16
    assert agreement("x", judged("aaru"), "y", judged("aara")).kappa == pytest.approx(5 / 9)
    assert math.isnan(agreement("x", judged("aa"), "y", judged("aa")).kappa)


def test_every_two_reviewers_with_a_pair_in_common_are_compared() -> None:
    given = [review(IDS[0], name, "accept") for name in ("Ann", "Bo")] + [review(IDS[1], "Cy", "reject")]
    assert [(one.first, one.second, one.pairs) for one in agreements(given)] == [("Ann", "Bo", 1)]


def test_the_command_keeps_reviews_in_the_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with store.writing():
        store.write("release_rows", [Outcome(pairs.pairs(3))], "test")
    config = tmp_path / "c.toml"
    config.write_text('root = "store"\n[artworks]\npath = "."\n[tracks]\npath = "."\n')
    first = written(tmp_path / "ann.csv", f"{IDS[0]},Ann,reject,", f"{IDS[1]},Ann,accept,fine")
    second = written(tmp_path / "bo.csv", f"{IDS[0]},Bo,reject,", "ffff,Bo,accept,")
    run = CliRunner().invoke
    assert run(cli_review.app, ["import", str(first), "-c", str(config)]).output == (
        "reviews: 2 rows, 1 pairs refused\n"
    )
    assert run(cli_review.app, ["import", str(second), "-c", str(config)]).output == (
        "reviews: 3 rows, 1 pairs refused, 1 about no pair of this release\n"
    )
    assert store.read("reviews")["reviewer"].to_pylist() == ["Ann", "Bo", "Ann"]
    agreed = run(cli_review.app, ["agree", str(first), str(second)]).output
    assert agreed == "Ann and Bo: 1 pairs, 100% the same, kappa not defined\n"


def test_no_reviews_refuse_no_pair() -> None:
    rows, _ = merge_reviews([], SHOWN)
    assert refused_pairs(rows).schema.types == [pa.string(), pa.string()]
    assert agreements([]) == []
