"""A trick only saves time: both variants give the same."""

import numpy as np
import pytest

from benchmarks.tricks import TRICKS


@pytest.mark.parametrize("name", TRICKS)
def test_both_variants_give_the_same(name):
    _, make = TRICKS[name]
    have, lack = (call() for call in make(1))
    np.testing.assert_allclose(have, lack, rtol=1e-4, atol=1e-4)
