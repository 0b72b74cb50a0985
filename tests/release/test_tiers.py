"""What may be passed on, and to whom it is said."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from artsound.release.attribution import Attribution
from artsound.release.rows import Plan
from artsound.release.tiers import TIERS, pair_tier
from artsound.release.verify import verify
from tests.release import world

LICENCES = ("CC0-1.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-ND-4.0", "LicenseRef-unknown")


@pytest.fixture
def mixed(media: Path) -> pa.Table:
    """Pairs of every licence, four of each."""
    tracks = [
        {"track_id": f"t{i:04d}", "artist_id": "music:0", "licence": LICENCES[i % len(LICENCES)]}
        for i in range(20)
    ]
    return world.plan(media, 20, tracks=tracks)


@pytest.mark.parametrize("art", LICENCES)
@pytest.mark.parametrize("music", LICENCES)
def test_the_more_restricted_side_decides(art: str, music: str) -> None:
    found = TIERS.index(pair_tier(art, music))
    assert found == max(TIERS.index(pair_tier(art, art)), TIERS.index(pair_tier(music, music)))
    assert pair_tier(art, music) == pair_tier(music, art)


@pytest.mark.parametrize(
    ("tier", "pairs"),
    [("open", 4), ("share-alike", 8), ("non-commercial", 12), ("no-derivatives", 16), ("any", 20)],
)
def test_a_release_of_a_tier_holds_no_pair_beyond_it(
    media: Path, mixed: pa.Table, tmp_path: Path, tier: str, pairs: int
) -> None:
    making = world.release(media, mixed, tmp_path, tier=tier)
    made = world.build(making)
    assert made.pairs == sum(made.tiers.values()) == pairs
    assert list(made.tiers) == list(TIERS[: len(made.tiers) - (tier == "any")]) + ["unknown"] * (
        tier == "any"
    )
    assert verify(making.folder, deep=True).problems == []
    unknown = [row["image_path"] for row in mixed.to_pylist() if row["tier"] == "unknown"]
    held = b"".join(world.contents(making.folder).values())
    leaked = [(media / "art" / path).read_bytes() in held for path in unknown]
    assert all(leaked) == any(leaked) == (tier == "any")


def test_a_release_that_must_not_be_passed_on_says_so(media: Path, mixed: pa.Table, tmp_path: Path) -> None:
    making = world.release(media, mixed, tmp_path)
    world.build(making)
    assert "Not to be passed on" in (making.folder / "README.md").read_text()


def test_references_alone_hold_no_media_but_all_words_and_hashes(
    media: Path, mixed: pa.Table, tmp_path: Path
) -> None:
    making = world.release(media, mixed, tmp_path, media=False)
    made = world.build(making)
    assert verify(making.folder, deep=True).problems == []
    assert {record.role for record in made.files} == {"parquet", "captions", "scores", "items", "document"}
    found = pa.concat_tables([pq.read_table(path) for path in sorted(making.folder.glob("data/*"))])
    assert "image" not in found.column_names
    hashes = {json.loads(meta)["artwork"]["image"]["sha256"] for meta in found["meta"].to_pylist()}
    assert hashes == set(mixed["image_sha256"].to_pylist())
    assert "Not to be passed on" not in (making.folder / "README.md").read_text()


@pytest.mark.parametrize(
    ("options", "said", "not_said"),
    [
        ({}, ("load_dataset", "/webdataset", "original bytes"), ("not released",)),
        ({"formats": ("parquet",)}, ('"parquet", split', "original bytes"), ("/webdataset", "In the tars")),
        ({"formats": ("webdataset",)}, ("/webdataset", "In the tars"), ('"parquet", split',)),
        ({"media": False}, ("files are not released",), ("/webdataset", "original bytes", "In the tars")),
    ],
)
def test_the_card_shows_no_way_to_what_is_not_there(
    media: Path,
    mixed: pa.Table,
    tmp_path: Path,
    options: dict[str, Any],
    said: tuple[str, ...],
    not_said: tuple[str, ...],
) -> None:
    making = world.release(media, mixed, tmp_path, **options)
    world.build(making)
    texts = (making.folder / "README.md").read_text() + (making.folder / "croissant.json").read_text()
    assert [text for text in said if text not in texts] == []
    assert [text for text in not_said if text in texts] == []


@pytest.mark.parametrize(
    ("matching", "said"),
    [
        ({}, "matched one to one inside each split."),
        ({"clips_per_artwork": 1, "artworks_per_clip": 1}, "matched one to one inside each split."),
        ({"clips_per_artwork": 3}, "an artwork stands in at most 3 of them, a clip in at most 1."),
        ({"artworks_per_clip": 2}, "an artwork stands in at most 1 of them, a clip in at most 2."),
        ("nonsense", "matched one to one inside each split."),
    ],
)
def test_card_and_croissant_say_how_many_pairs_an_item_may_stand_in(
    media: Path, mixed: pa.Table, tmp_path: Path, matching: object, said: str
) -> None:
    plain = world.release(media, mixed, tmp_path)
    making = replace(plain, facts=plain.facts | {"settings": {"matching": matching}})
    world.build(making)
    for name in ("README.md", "croissant.json"):
        text = (making.folder / name).read_text()
        assert said in text
        assert ("one to one" in text) == ("one to one" in said)
        assert "one-to-one" not in text


def test_foreign_text_is_harmless_in_card_and_attribution(finished: Path) -> None:
    for name in ("README.md", "ATTRIBUTION.md", "CHANGELOG.md"):
        text = (finished / name).read_text()
        assert "<script" not in text
        assert "[a](b)" not in text
    titled = next(line for line in (finished / "ATTRIBUTION.md").read_text().splitlines() if "alert" in line)
    assert titled.startswith("- [a0000](https://example.org/a/0): “&lt;script&gt;alert")


def test_every_item_is_attributed_once(finished: Path, rows: pa.Table) -> None:
    lines = io.StringIO((finished / "ATTRIBUTION.md").read_text()).read().splitlines()
    items = [line for line in lines if line.startswith("- ")]
    assert len(items) == len(set(items)) == 2 * len(rows)


def test_an_item_of_several_pairs_is_attributed_where_it_comes_first(rows: pa.Table, tmp_path: Path) -> None:
    texts = []
    for times in (1, 2):
        plan = Plan(pa.concat_tables([rows] * times))
        makers = Attribution(tmp_path / f"{times}.md", plan)
        for piece in plan.read(columns=["meta"]):
            makers.add([json.loads(text) for text in piece["meta"].to_pylist()])
        makers.finish()
        texts.append((tmp_path / f"{times}.md").read_text())
    assert texts[0] == texts[1]


def test_a_copyright_line_stands_in_the_attribution(media: Path, tmp_path: Path) -> None:
    tracks = [{"track_id": f"t{i:04d}", "artist_id": "music:0", "licence": "CC-BY-4.0"} for i in range(2)]
    rows = world.plan(media, 2, tracks=[{**tracks[0], "copyright": "© 2009 A [B]"}, tracks[1]])
    plan = Plan(rows)
    makers = Attribution(tmp_path / "made.md", plan)
    makers.add(
        [json.loads(text) for piece in plan.read(columns=["meta"]) for text in piece["meta"].to_pylist()]
    )
    makers.finish()
    told = [line for line in (tmp_path / "made.md").read_text().splitlines() if "2009" in line]
    assert [line.startswith("- t0000: ") for line in told] == [True]
    assert told[0].endswith(r"; © 2009 A \[B\]; CC\-BY\-4.0")


def test_energon_finds_its_shards_and_splits(finished: Path) -> None:
    folder = finished / "webdataset" / ".nv-meta"
    info = json.loads((folder / ".info.json").read_text())["shard_counts"]
    parts = json.loads((folder / "split.yaml").read_text())["split_parts"]
    tars = sorted(path.name for path in (finished / "webdataset").glob("*.tar"))
    assert sorted(info) == sorted(name for names in parts.values() for name in names) == tars
