import numpy as np

from srnet.prepare.masks import bounding_box


def test_bounding_box_encloses_exactly_and_margins_stop_at_the_edge():
    mask = np.zeros((8, 9, 10), bool)
    mask[2:4, 0:3, 9] = True
    assert bounding_box(mask) == (slice(2, 4), slice(0, 3), slice(9, 10))
    inner = mask[bounding_box(mask, margin=2)]
    assert inner.shape == (6, 5, 3)
    assert inner.sum() == mask.sum()


def test_bounding_box_of_nothing_is_empty():
    mask = np.zeros((3, 4, 5), bool)
    assert mask[bounding_box(mask, margin=2)].size == 0
