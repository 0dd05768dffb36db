import numpy as np
import pandas as pd
import pytest

from srnet.core.errors import SrnetError
from srnet.evaluate.metrics import COLUMNS
from srnet.evaluate.scores import read_scores, write_scores
from srnet.tables.compare_methods import compare_methods, compare_rows, tidy


def frame(offset: float) -> pd.DataFrame:
    names = [f"s{number}" for number in range(8)]
    patients = [f"p{number}" for number in range(8)]
    table = pd.DataFrame({"scan": names, "patient": patients, "source": "phantom"})
    for column in COLUMNS:
        table[column] = np.arange(8) + offset + np.linspace(0, 0.1, 8) * offset
    table["LPIPS"] = np.nan
    return table


@pytest.fixture
def frames():
    return {"all_zero": frame(-2), "x2ct": frame(1), "srnet3d": frame(0)}


def test_the_tidy_table_has_a_line_for_every_row_and_scan(frames):
    table = tidy(frames)
    assert list(table.columns[:4]) == ["method", "scan", "patient", "source"]
    assert table.groupby("method").size().to_dict() == dict.fromkeys(frames, 8)


def test_differences_are_to_3dsrnet_and_signed(frames):
    table = compare_rows(frames).set_index(["method", "metric"])
    assert table.loc[("x2ct", "Dice"), "difference"] == pytest.approx(1.05)
    assert table.loc[("all_zero", "Dice"), "difference"] == pytest.approx(-2.1)
    assert table["difference"].isna()[("srnet3d", "Dice")]


def test_corrections_count_the_tests_of_a_metric_and_all_tests(frames):
    table = compare_rows(frames).set_index(["method", "metric"])
    one = 2 / 2**8
    metrics = len(COLUMNS) - 1
    assert table.loc[("x2ct", "Dice"), "p"] == pytest.approx(one)
    assert table.loc[("x2ct", "Dice"), "p_holm_metric"] == pytest.approx(2 * one)
    assert table.loc[("x2ct", "Dice"), "p_holm_all"] == pytest.approx(2 * metrics * one)


def test_metrics_without_values_have_no_line(frames):
    assert "LPIPS" not in set(compare_rows(frames)["metric"])


def test_an_ablation_is_compared_with_the_whole_method_of_its_own_table(frames):
    references = {"x2ct": "all_zero"}
    table = compare_rows(frames, references).set_index(["method", "metric"])
    assert table.loc[("x2ct", "Dice"), "reference"] == "all_zero"
    assert table.loc[("x2ct", "Dice"), "difference"] == pytest.approx(1.05 + 2.1)
    assert table.loc[("all_zero", "Dice"), "reference"] == "srnet3d"
    assert table.loc[("srnet3d", "Dice"), "reference"] == ""


def test_rows_that_list_their_scans_in_another_order_are_refused(frames):
    frames["x2ct"] = frames["x2ct"][::-1]
    with pytest.raises(SrnetError, match="list different scans"):
        compare_rows(frames)


def test_without_3dsrnet_the_means_stand_alone(frames):
    del frames["srnet3d"]
    table = compare_rows(frames)
    assert table["p_holm_all"].isna().all()
    assert table["mean"].notna().all()


def test_both_files_are_the_same_to_the_byte_when_made_twice(frames, tmp_path):
    for name, table in frames.items():
        write_scores(tmp_path / f"{name}.tsv", table)
    inputs = [tmp_path / f"{name}.tsv" for name in frames]
    outputs = tmp_path / "scores_all.tsv", tmp_path / "comparison.tsv"
    compare_methods(inputs, *outputs, {})
    before = [path.read_bytes() for path in outputs]
    compare_methods(inputs, *outputs, {})
    assert [path.read_bytes() for path in outputs] == before
    assert len(read_scores(outputs[0])) == 24
