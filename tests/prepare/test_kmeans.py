"""K-means against the exact optimum, which dynamic programming finds on a line."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from srnet.acquire.acquire import acquire
from srnet.acquire.scan import Scan
from srnet.config.prepare import BoneSettings
from srnet.imaging.histogram import count_hu
from srnet.prepare.separate_bone import cluster_histogram


def exact_centres(
    values: NDArray[np.int64], counts: NDArray[np.int64], clusters: int
) -> NDArray[np.float64]:
    """Return the centres of the best partition into `clusters` clusters, ascending.

    Parameters
    ----------
    values
        Different integers, ascending.
    counts
        How often each occurs, positive.
    clusters
        Number of clusters, at most the number of values.

    Returns
    -------
    Means of the clusters that make the sum of squared distances smallest.
    """
    sums = _Sums(values, counts)
    size = len(values)
    best = sums.spread(np.zeros(size, np.int64), np.arange(1, size + 1))
    starts = [np.zeros(size, np.int64)]
    for cluster in range(1, clusters):
        # Of the last cluster only the one that ends with the last value matters.
        ends = range(1, size) if cluster < clusters - 1 else range(size - 1, size)
        best, start = _add_cluster(best, sums, ends)
        starts.append(start)
    return _centres(starts, sums)


class _Sums:
    """Sums over any interval of a histogram, from exact integer running sums."""

    def __init__(self, values: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        columns = np.stack([counts, counts * values, counts * values**2])
        self._running = np.pad(np.cumsum(columns, axis=1), ((0, 0), (1, 0)))

    def spread(self, first: NDArray[np.int64], stop: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the sum of squared distances from the mean over [first, stop)."""
        number, total, squares = self._running[:, stop] - self._running[:, first]
        spread: NDArray[np.float64] = squares - total.astype(np.float64) ** 2 / number
        return spread

    def mean(self, first: int, stop: int) -> float:
        """Return the mean over [first, stop)."""
        number, total, _ = self._running[:, stop] - self._running[:, first]
        return float(total / number)


def _add_cluster(
    best: NDArray[np.float64], sums: _Sums, ends: range
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the least cost of the values up to each of `ends` with one cluster more.

    `best[i]` is the least cost of the values 0 to i; the second result says
    where the last cluster starts.
    """
    improved = np.full_like(best, np.inf)
    start = np.zeros(len(best), np.int64)
    firsts = np.arange(1, len(best))
    for end in ends:
        costs = best[:end] + sums.spread(firsts[:end], np.full(end, end + 1))
        cheapest = int(np.argmin(costs))
        improved[end], start[end] = costs[cheapest], cheapest + 1
    return improved, start


def _centres(starts: list[NDArray[np.int64]], sums: _Sums) -> NDArray[np.float64]:
    """Walk back from the last value through the starts of the clusters."""
    centres, stop = [], len(starts[0])
    for start in reversed(starts):
        first = int(start[stop - 1])
        centres.append(sums.mean(first, stop))
        stop = first
    return np.array(centres[::-1])


def spread(values, counts):
    mean = np.average(values, weights=counts)
    return np.sum(counts * (values - mean) ** 2)


def brute_force(values, counts, clusters):
    """Return the least cost over all ways to cut the values into intervals."""
    pieces = (
        np.split(np.arange(len(values)), cuts)
        for cuts in combinations(range(1, len(values)), clusters - 1)
    )
    return min(sum(spread(values[p], counts[p]) for p in piece) for piece in pieces)


def cost(values, counts, centres):
    return np.sum(counts * np.min((values[:, None] - centres[None]) ** 2, axis=1))


histograms = st.dictionaries(
    st.integers(-1024, 3071), st.integers(1, 10**6), min_size=5, max_size=9
)


@settings(max_examples=60)
@given(histograms, st.integers(2, 4))
def test_no_partition_is_better(histogram, clusters):
    values = np.array(sorted(histogram))
    counts = np.array([histogram[v] for v in sorted(histogram)])
    centres = exact_centres(values, counts, clusters)
    assert np.all(np.diff(centres) > 0)
    best = brute_force(values, counts, clusters)
    assert cost(values, counts, centres) == pytest.approx(best, rel=1e-9, abs=1e-3)


def mixture(seed):
    """Return a histogram of four tissues, 2 million voxels."""
    rng = np.random.default_rng(seed)
    tissues = [(-950, 30, 900_000), (-90, 25, 400_000), (50, 30, 600_000), (500, 180, 100_000)]
    voxels = np.concatenate([rng.normal(m, s, n) for m, s, n in tissues])
    return count_hu(np.rint(voxels).astype(np.int16))


@pytest.mark.parametrize("clusters", [2, 3, 4])
def test_the_centres_are_those_of_the_optimum(clusters):
    values, counts = mixture(clusters)
    exact = exact_centres(values, counts, clusters)
    found = cluster_histogram(values, counts, clusters)
    np.testing.assert_array_equal(found, exact)
    np.testing.assert_array_equal(found, cluster_histogram(values, counts, clusters))


def test_started_at_the_optimum_scikit_learn_stays_there():
    values, counts = mixture(1)
    exact = exact_centres(values, counts, 3)
    peer = KMeans(3, init=exact[:, None], n_init=1, tol=0)
    peer.fit(values[:, None].astype(float), sample_weight=counts)
    assert peer.cluster_centers_[:, 0] == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("cluster", [cluster_histogram, exact_centres])
def test_two_well_separated_groups_give_their_means(cluster):
    values, counts = np.array([10, 12, 300, 310]), np.array([1, 3, 2, 2])
    assert cluster(values, counts, 2) == pytest.approx([11.5, 305.0])


@pytest.mark.slow
def test_the_threshold_of_every_real_scan_is_that_of_the_optimum(srnet_data):
    settings = BoneSettings()
    moved = {}
    for path in sorted((srnet_data / "ct").glob("openkbp-*.nii.gz")):
        scan = Scan(scan_id="scan", patient_id="p", source="folder", files=(str(path),))
        ct = acquire(scan, seed=0)
        body = ct.array[ct.array > settings.lower_hu]
        histogram = count_hu(np.minimum(body, np.int16(settings.saturation_hu)))
        found, exact = (f(*histogram, 2).mean() for f in (cluster_histogram, exact_centres))
        moved[path.name] = abs(found - exact)
    assert len(moved) > 200
    assert max(moved.values()) <= 1e-9
