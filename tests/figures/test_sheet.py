import itertools

import pytest
from matplotlib.transforms import Bbox

from srnet.figures.canvas import style
from srnet.figures.sheet import (
    COLUMN,
    NARROWEST,
    TALLEST,
    Margins,
    column_width,
    new_sheet,
    row_height,
)

HEIGHTS = (2.0, 0.8, 1.3)
COLUMNS = 4
SHAPES = [(100.0, 100.0), (300.0, 50.0), (40.0, 400.0)]


@pytest.fixture
def sheet():
    with style():
        yield new_sheet(HEIGHTS, COLUMNS, breaks=(2,))


def inches(sheet, axes):
    """Return left, bottom, right and top of axes in inches."""
    width, height = sheet.figure.get_size_inches()
    left, bottom, right, top = axes.get_position().extents
    return left * width, bottom * height, right * width, top * height


@pytest.mark.parametrize("size_mm", SHAPES)
def test_pictures_keep_their_shape_stay_on_the_page_and_apart(sheet, size_mm):
    places = itertools.product(range(len(HEIGHTS)), range(COLUMNS))
    boxes = {place: inches(sheet, sheet.cell(*place, size_mm)) for place in places}
    page_width, page_height = sheet.figure.get_size_inches()
    for left, bottom, right, top in boxes.values():
        assert (top - bottom) / (right - left) == pytest.approx(size_mm[0] / size_mm[1])
        assert left >= 0 <= bottom
        assert right <= page_width + 1e-9
        assert top <= page_height + 1e-9
    for one, other in itertools.combinations(boxes.values(), 2):
        across = one[2] <= other[0] + 1e-9 or other[2] <= one[0] + 1e-9
        along = one[3] <= other[1] + 1e-9 or other[3] <= one[1] + 1e-9
        assert across or along


def test_a_picture_fills_its_cell_in_one_direction(sheet):
    for size_mm in SHAPES:
        left, bottom, right, top = inches(sheet, sheet.cell(1, 0, size_mm))
        fills = (right - left) / COLUMN, (top - bottom) / HEIGHTS[1]
        assert max(fills) == pytest.approx(1)


def test_a_new_block_stands_further_away(sheet):
    lefts = [inches(sheet, sheet.cell(0, column, (2.0, COLUMN)))[0] for column in range(COLUMNS)]
    steps = [after - before for before, after in itertools.pairwise(lefts)]
    margins = Margins()
    assert steps[0] == steps[2] == pytest.approx(COLUMN + margins.gap)
    assert steps[1] == pytest.approx(COLUMN + margins.gap + margins.block_gap)


def test_heads_and_title_lie_on_the_page_and_off_the_pictures(sheet):
    sheet.title("A title")
    sheet.block_head(2, "Second block")
    sheet.column_head(0, "Truth")
    sheet.row_head(0, "Coronal\ndifference")
    first = sheet.cell(0, 0, (HEIGHTS[0], COLUMN)).get_window_extent()
    texts = [text.get_window_extent() for text in sheet.figure.texts]
    assert len(texts) == 4
    for box in texts:
        inside = Bbox.intersection(box, sheet.figure.bbox)
        assert inside is not None
        assert inside.bounds == pytest.approx(box.bounds)
        assert box.x1 <= first.x0 or box.y0 >= first.y1
    assert not any(one.overlaps(other) for one, other in itertools.combinations(texts, 2))


def test_keys_lie_inside_their_cell_one_below_another(sheet):
    whole = inches(sheet, sheet.cell(2, 1, (HEIGHTS[2], COLUMN)))
    keys = [inches(sheet, axes) for axes in sheet.key_cells(2, 1, count=2)]
    assert keys[0][1] > keys[1][3]
    for left, bottom, right, top in keys:
        assert whole[0] < left < right < whole[2]
        assert whole[1] < bottom < top < whole[3]


@pytest.mark.parametrize("size_mm", SHAPES)
def test_rows_and_columns_suit_their_pictures_within_limits(size_mm):
    height, width = row_height(size_mm), column_width([size_mm])
    assert height <= TALLEST
    assert NARROWEST <= width <= COLUMN
    assert height / size_mm[0] * size_mm[1] <= width + 1e-9
