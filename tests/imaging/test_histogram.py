import numpy as np

from srnet.imaging.histogram import count_hu


def test_counting_agrees_with_sorting():
    array = np.random.default_rng(0).integers(-3024, 4000, (7, 300, 900)).astype(np.int16)
    array[0, 0, :2] = -32768, 32767
    values, counts = count_hu(array)
    expected, numbers = np.unique(array, return_counts=True)
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(counts, numbers)


def test_counting_takes_views_that_are_not_contiguous():
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5)[:, ::2, 1:4]
    values, counts = count_hu(array)
    assert sorted(array.ravel()) == values.tolist()
    assert counts.sum() == array.size
