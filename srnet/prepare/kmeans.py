"""K-means in one dimension, solved exactly on a histogram.

Voxels of equal HU always share a cluster, so that a weighted histogram holds
all that K-means needs of a scan; and since clusters on a line are intervals,
dynamic programming finds the best of all partitions, where the iterations of
general K-means stop early, in a local optimum or at a tolerance.
"""

import numpy as np
from numpy.typing import NDArray


def cluster_histogram(
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
