"""Schedules at the points that the paper and the release name."""

import pytest

from srnet.train.trainer import SCHEDULES


@pytest.mark.parametrize(
    ("epoch", "factor"), [(0, 1), (79, 1), (80, 0.1), (139, 0.1), (140, 0.01), (199, 0.01)]
)
def test_paper_divides_by_ten_after_80_and_140_of_200_epochs(epoch, factor):
    assert SCHEDULES["steps"](epoch / 200) == pytest.approx(factor)


@pytest.mark.parametrize(("epoch", "factor"), [(0, 1), (50, 1), (75, 0.5), (99, 0.02)])
def test_release_holds_for_half_of_the_epochs_then_falls_to_zero(epoch, factor):
    assert SCHEDULES["linear"](epoch / 100) == pytest.approx(factor)


def test_cosine_falls_from_one_to_zero():
    factors = [SCHEDULES["cosine"](step / 10) for step in range(11)]
    assert factors == sorted(factors, reverse=True)
    assert (factors[0], factors[-1]) == pytest.approx((1, 0))


def test_no_schedule_exceeds_the_initial_rate():
    assert all(0 <= SCHEDULES[name](step / 50) <= 1 for name in SCHEDULES for step in range(50))
