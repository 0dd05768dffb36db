import math

import pytest

from srnet.config.run import Config
from srnet.evaluate.baselines import BASELINES
from srnet.evaluate.similarity import PEAK, psnr
from srnet.tables.printed import (
    PRINTED,
    PRINTED_METRICS,
    WHOLE,
    Traits,
    is_baseline,
    printed_name,
    printed_scores,
    traits,
    without,
)

ROWS = [dict(zip(PRINTED_METRICS, values, strict=False)) for values in PRINTED.values()]
FULL = printed_scores("table1", Traits("srnet3d", WHOLE))


def test_all_ten_rows_of_the_three_tables_are_there():
    assert len(ROWS) == 10
    assert sum("FLOPs" in row for row in ROWS) == 5


def test_no_printed_psnr_is_that_of_its_mse():
    """A PSNR of the whole volume lies 3 to 14 dB below every printed one."""
    gaps = [row["PSNR"] - psnr(row["MSE"], PEAK) for row in ROWS]
    assert 3 < min(gaps) < max(gaps) < 14


def test_mse_and_cs_imply_one_test_set_with_an_empty_background():
    energies = [row["MSE"] / (1 - row["CS"] ** 2) for row in ROWS]
    assert max(energies) / min(energies) < 1.2


@pytest.mark.parametrize(
    ("part", "metric", "quoted"),
    [("SRCT", "MAE", 28.86), ("SRTE", "MSE", 60.84), ("FFL3D", "LPIPS", 34.24)],
)
def test_the_texts_percentages_come_out(part, metric, quoted):
    row = printed_scores("table3" if part == "FFL3D" else "table2", without(part))
    change = 100 * abs(row[metric] - FULL[metric]) / FULL[metric]
    assert change == pytest.approx(quoted, abs=0.01)


def test_two_percentages_of_the_text_do_not():
    srct, igdl = (
        printed_scores("table2", without("SRCT")),
        printed_scores("table3", without("IGDL3D")),
    )
    assert 100 * (srct["MSE"] / FULL["MSE"] - 1) == pytest.approx(61.98, abs=0.01)  # text: 6.2
    assert 100 * (igdl["LPIPS"] / FULL["LPIPS"] - 1) == pytest.approx(29.30, abs=0.01)  # 34.24


def test_only_table_1_prints_operations():
    assert printed_scores("table1", Traits("x2ct"))["FLOPs"] == 623.345
    assert "FLOPs" not in printed_scores("table2", Traits("srnet3d", WHOLE))


def test_a_single_view_x2ct_is_not_the_papers():
    one_view = traits({"name": "x2ct", "views": 1}, {})
    assert printed_scores("table1", one_view) == {}


def test_every_value_is_a_number():
    assert all(math.isfinite(value) for row in ROWS for value in row.values())


def test_every_known_row_has_a_printed_name_of_its_own():
    rows = [*BASELINES, *Config().methods]
    names = [printed_name(row) for row in rows]
    assert len({*names}) == len(rows)
    assert not any("_" in name or name in rows for name in names)


def test_a_row_of_the_users_own_keeps_its_words():
    assert printed_name("my_net_2") == "my net 2"


def test_no_method_of_the_configuration_counts_as_a_baseline():
    assert [row for row in [*BASELINES, *Config().methods] if is_baseline(row)] == list(BASELINES)
