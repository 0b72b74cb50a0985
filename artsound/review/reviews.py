"""Verdicts of people on pairs: read from the audit page's CSV, kept as a table, compared, counted."""

import csv
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from artsound import tables
from artsound.errors import ConfigError, Outcome, Reason, Reject
from artsound.store import Manifest, Store

VERDICTS = ("accept", "unsure", "reject")
COLUMNS = ("pair_id", "reviewer", "verdict", "note")

Review = dict[str, str]


@dataclass(frozen=True)
class Agreement:
    """How far two reviewers agree on the pairs that both judged."""

    first: str
    second: str
    pairs: int
    observed: float  # share of equal verdicts, 0 to 1
    kappa: float  # Cohen's, unweighted: 1 full agreement, 0 chance; NaN when chance alone gives 1


def read_reviews(path: Path) -> list[Review]:
    """Read a CSV as the audit page exports it.

    Raises:
        ConfigError: not such a CSV, or a verdict it does not know; names the line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            if lacking := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
                raise ConfigError(f"{path} lacks {', '.join(lacking)}: export it from the audit page")
            return [_checked(path, reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"cannot read {path} as CSV: {error}") from error


def _checked(path: Path, line: int, row: Mapping[str, str | None]) -> Review:
    review = {name: row[name] or "" for name in COLUMNS}
    if review["verdict"] and review["verdict"] not in VERDICTS:
        raise ConfigError(f"{path} line {line}: verdict {review['verdict']!r}; use {', '.join(VERDICTS)}")
    if not review["pair_id"] or not review["reviewer"]:
        raise ConfigError(f"{path} line {line}: pair_id and reviewer must be given")
    return review


def merge_reviews(given: Iterable[Review], pairs: pa.Table, earlier: pa.Table | None = None) -> Outcome:
    """Join reviews with the items they are about, and with earlier ones; a reviewer's later word counts.

    Args:
        given: in the order in which they were written.
        pairs: pair_id, artwork_id and clip_id of the pairs that were shown.
        earlier: rows of `reviews`; its pairs need not be in the release any more.
    """
    known = [row for table in (earlier, pairs) if table is not None for row in table.to_pylist()]
    items = {row["pair_id"]: (row["artwork_id"], row["clip_id"]) for row in known}
    kept = {
        (row["pair_id"], row["reviewer"]): row for row in (earlier.to_pylist() if earlier is not None else ())
    }
    rejects = []
    for review in given:
        if review["pair_id"] not in items:
            rejects.append(Reject(review["pair_id"], Reason.NOT_LISTED, "no pair of this release"))
            continue
        artwork_id, clip_id = items[review["pair_id"]]
        row = {**review, "artwork_id": artwork_id, "clip_id": clip_id}
        kept[review["pair_id"], review["reviewer"]] = row
    return Outcome(tables.rows_of("reviews", [kept[key] for key in sorted(kept)]), rejects)


def store_reviews(store: Store, given: list[Review]) -> Manifest:
    """Merge reviews into the store's table.

    Raises:
        StoreError: no pairs are there yet, or another run is writing.
    """
    with store.writing():
        earlier = stored_reviews(store)
        pairs = store.read("release_rows", ["pair_id", "artwork_id", "clip_id"])
        outcome = merge_reviews(given, pairs, earlier)
        text = json.dumps(outcome.rows.to_pylist(), sort_keys=True)
        return store.write("reviews", [outcome], hashlib.sha256(text.encode()).hexdigest())


def stored_reviews(store: Store) -> pa.Table:
    """Read what was handed in so far; no rows when nothing was."""
    return store.read("reviews") if store.manifest("reviews") else tables.rows_of("reviews", [])


def without_refused(reviews: pa.Table, pairs: pa.Table) -> Outcome:
    """Keep the pairs that reviewers did not refuse; the others become rejects.

    Their artworks and clips stay unpaired: matching anew would bring pairs that nobody has seen.
    """
    refused = refused_pairs(reviews)
    ids = pc.binary_join_element_wise(refused["artwork_id"], refused["clip_id"], "\n")
    own = pc.binary_join_element_wise(pairs["artwork_id"], pairs["clip_id"], "\n")
    out = pc.is_in(own, value_set=ids.combine_chunks())
    gone = pairs["pair_id"].filter(out).to_pylist()
    rejects = [Reject(pair_id, Reason.REVIEWED_OUT, "rejected by reviewers") for pair_id in gone]
    return Outcome(pairs.filter(pc.invert(out)), rejects)


def refused_pairs(reviews: pa.Table) -> pa.Table:
    """List the pairs that more reviewers reject than accept: artwork_id and clip_id, sorted."""
    votes: Counter[tuple[str, str]] = Counter()
    for row in reviews.to_pylist():
        votes[row["artwork_id"], row["clip_id"]] += {"reject": 1, "accept": -1}.get(row["verdict"], 0)
    refused = sorted(pair for pair, balance in votes.items() if balance > 0)
    artworks, clips = ([pair[side] for pair in refused] for side in (0, 1))
    return pa.table({"artwork_id": pa.array(artworks, pa.string()), "clip_id": pa.array(clips, pa.string())})


def agreements(reviews: Iterable[Mapping[str, str]]) -> list[Agreement]:
    """Compare every two reviewers who judged a pair in common, by name."""
    verdicts: dict[str, dict[str, str]] = defaultdict(dict)
    for review in reviews:
        if review["verdict"]:
            verdicts[review["reviewer"]][review["pair_id"]] = review["verdict"]
    names = sorted(verdicts)
    found = (
        agreement(first, verdicts[first], second, verdicts[second])
        for at, first in enumerate(names)
        for second in names[at + 1 :]
    )
    return [one for one in found if one.pairs]


def agreement(first: str, mine: Mapping[str, str], second: str, theirs: Mapping[str, str]) -> Agreement:
    """Compute Cohen's kappa of two reviewers over the pairs that both judged.

    Source:
        Cohen 1960, A coefficient of agreement for nominal scales.

    Examples:
        >>> agreement("a", {"1": "accept", "2": "reject"}, "b", {"1": "accept", "2": "reject"}).kappa
        1.0
    """
    both = [(mine[pair], theirs[pair]) for pair in mine if pair in theirs]
    if not both:
        return Agreement(first, second, 0, float("nan"), float("nan"))
    observed = sum(one == other for one, other in both) / len(both)
    one, other = (Counter(verdict) for verdict in zip(*both, strict=True))
    chance = sum(one[verdict] * other[verdict] for verdict in VERDICTS) / len(both) ** 2
    kappa = (observed - chance) / (1 - chance) if chance < 1 else float("nan")
    return Agreement(first, second, len(both), observed, kappa)
