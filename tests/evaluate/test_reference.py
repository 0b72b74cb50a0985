from pathlib import Path

import pytest

from bench.metrics import THEIRS, compare

SEARCHED = {"FAD∞, fadtk": 0.15}  # they cut one side alone, and keep the bias of the set
EPSILON = {"KL softmax, audioldm-eval": 1e-3, "KAD, kadtk": 1e-6}  # they add a small number in a logarithm


@pytest.mark.slow
@pytest.mark.skipif(not Path(THEIRS).exists(), reason="`make reference` makes their environment")
def test_metrics_give_the_figures_of_the_reference_packages() -> None:
    found = compare(THEIRS)
    assert len(found) == 8
    for name, theirs, ours in found:
        assert ours == pytest.approx(theirs, rel=(SEARCHED | EPSILON).get(name, 1e-9)), name
