from pathlib import Path

import pytest

from artsound.store import Store
from tests.builds import artsound, sample_config

pytestmark = pytest.mark.slow


def test_a_pair_that_reviewers_reject_is_not_in_the_next_release(tmp_path: Path) -> None:
    config = sample_config(tmp_path)
    artsound("build", "--config", str(config), "--no-prefect")
    store = Store(tmp_path / "store")
    first, *others = store.read("release_rows")["pair_id"].to_pylist()
    verdicts = tmp_path / "ann.csv"
    verdicts.write_text(f"pair_id,reviewer,verdict,note\n{first},Ann,reject,too cheerful\n")
    assert artsound("review", "import", str(verdicts), "-c", str(config)).stdout == (
        "reviews: 1 rows, 1 pairs refused\n"
    )
    done = artsound("build", "--config", str(config), "--no-prefect")
    assert "release_rows: 8 rows, refused 1 reviewed_out" in done.stdout
    assert store.read("release_rows")["pair_id"].to_pylist() == others
    assert "all is current" in artsound("build", "--config", str(config)).stdout
