from pathlib import Path

import pytest

from srnet.evaluate.metrics import COLUMNS, METRICS, PAPER, STRICT, paper_scores, strict_scores

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")


def test_the_papers_columns_come_first_in_its_order():
    names = [column.name for column in PAPER]
    assert names == ["PSNR", "SSIM", "CS", "MAE", "MSE", "LPIPS", "FLOPs"]
    assert list(METRICS)[: len(names)] == names


def test_every_computed_score_has_a_column_and_the_reverse(pair):
    computed = paper_scores(*pair) | strict_scores(*pair)
    assert set(COLUMNS) - set(computed) == {"LPIPS", "Reprojection"}
    assert not set(computed) - set(COLUMNS)


@pytest.mark.parametrize("name", METRICS)
def test_the_page_documents_every_column(name):
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize(
    "column", [column for column in (*PAPER, *STRICT) if column.undefined], ids=lambda c: c.name
)
def test_the_page_gives_the_reason_of_every_empty_cell(column):
    listed = [line for line in PAGE.splitlines() if line.startswith("- `")]
    reasons = [line for line in listed if f"`{column.name}`" in line.partition(":")[0]]
    assert len(reasons) == 1
    assert column.undefined.split(",")[0].split(" (")[0] in reasons[0]
