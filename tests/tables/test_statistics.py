import numpy as np
import pandas as pd
import pytest
from scipy import stats

from srnet.tables.statistics import bootstrap_intervals, holm, paired_p


def scores(values, patients=None) -> pd.DataFrame:
    patients = patients or [f"p{number}" for number in range(len(values))]
    return pd.DataFrame({"patient": patients, "Dice": values})


def test_intervals_cover_the_true_mean_as_often_as_they_say():
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        low, high = bootstrap_intervals(scores(generator.normal(5, 2, 40)), ["Dice"])["Dice"]
        covered += low <= 5 <= high
    # 95 % of 200 with a little slack for the bootstrap's own optimism at n = 40.
    assert 180 <= covered <= 199


def test_intervals_are_those_of_the_normal_law_for_many_scans():
    values = np.random.default_rng(1).normal(0, 1, 2000)
    low, high = bootstrap_intervals(scores(values), ["Dice"])["Dice"]
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.005)


def test_repeated_scans_of_a_patient_add_no_certainty():
    values = np.random.default_rng(2).normal(0, 1, 10)
    once = bootstrap_intervals(scores(values), ["Dice"])["Dice"]
    patients = [f"p{number}" for number in range(10)]
    often = bootstrap_intervals(scores(np.tile(values, 5), patients * 5), ["Dice"])["Dice"]
    assert often == pytest.approx(once)


def test_fewer_than_five_patients_give_no_interval():
    patients = ["a", "a", "b", "c", "d"]
    assert np.isnan(bootstrap_intervals(scores(range(5), patients), ["Dice"])["Dice"]).all()


def test_scans_without_a_value_do_not_count():
    with_gap = scores([1.0, np.nan, 3.0, 2.0, 5.0, 4.0], list("abcdef"))
    without = scores([1.0, 3.0, 2.0, 5.0, 4.0], list("acdef"))
    assert bootstrap_intervals(with_gap, ["Dice"]) == bootstrap_intervals(without, ["Dice"])


def test_the_paired_test_is_wilcoxons():
    first, second = np.random.default_rng(3).random((2, 12))
    expected = stats.wilcoxon(first, second).pvalue
    assert paired_p(scores(first), scores(second), "Dice") == pytest.approx(expected)


def test_patients_are_paired_not_scans():
    patients = ["a", "a", "b", "b", "c", "c", "d", "d", "e", "e"]
    better = np.arange(10.0)
    found = paired_p(scores(better + 1, patients), scores(better, patients), "Dice")
    # Five patients, all with the same sign: 2 / 2^5, whatever the number of scans.
    assert found == pytest.approx(2 / 2**5)


def test_equal_methods_do_not_differ():
    assert paired_p(scores([1, 2, 3]), scores([1, 2, 3]), "Dice") == 1


def test_holm_is_the_worked_example():
    # Sorted: 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1, and never falling.
    adjusted = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    assert adjusted == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_never_exceeds_one_and_counts_only_known_tests():
    adjusted = holm(np.array([0.9, np.nan, 0.02]))
    assert adjusted == pytest.approx([0.9, np.nan, 0.04], nan_ok=True)
    assert holm(np.array([0.9, 0.8])).max() == 1
