import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srnet.figures.render_comparison import mean_difference, worst_window


@given(st.tuples(st.integers(4, 12), st.integers(4, 12), st.integers(4, 12)), st.data())
def test_window_holds_the_only_difference_and_lies_inside(shape, data):
    place = tuple(data.draw(st.integers(0, n - 1)) for n in shape)
    difference = np.zeros(shape, np.float32)
    difference[place] = 1
    corner, size = worst_window(difference, fraction=0.5)
    for n, first, width, point in zip(shape, corner, size, place, strict=True):
        assert 0 <= first <= point < first + width <= n


def test_mean_difference_ignores_the_sign():
    truth = np.full((2, 2, 2), 0.5, np.float32)
    assert mean_difference(truth, [truth + 0.2, truth - 0.4]) == pytest.approx(np.float32(0.3))
