"""The quantiles of latencies."""

import pytest
from latency import _quantile


@pytest.mark.parametrize(("share", "is_"), [(0.0, 0.0), (0.5, 50.0), (0.99, 99.0), (1.0, 99.0)])
def test_a_quantile_is_a_value_that_was_measured(share, is_):
    assert _quantile([float(number) for number in range(100)], share) == is_
