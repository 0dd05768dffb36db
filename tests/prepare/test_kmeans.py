from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from srnet.imaging.histogram import count_hu
from srnet.prepare.kmeans import cluster_histogram


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


@settings(max_examples=60, deadline=None)
@given(histograms, st.integers(2, 4))
def test_no_partition_is_better(histogram, clusters):
    values = np.array(sorted(histogram))
    counts = np.array([histogram[v] for v in sorted(histogram)])
    centres = cluster_histogram(values, counts, clusters)
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
def test_scikit_learn_finds_the_same_when_not_stopped_early(clusters):
    values, counts = mixture(clusters)
    exact = cluster_histogram(values, counts, clusters)
    peer = KMeans(clusters, n_init=10, tol=0, max_iter=1000, random_state=0)
    peer.fit(values[:, None], sample_weight=counts)
    found = np.sort(peer.cluster_centers_[:, 0])
    # Lloyd's iterations may rest where one boundary level could change sides.
    assert found == pytest.approx(exact, abs=1.0)
    assert cost(values, counts, exact) <= cost(values, counts, found) * (1 + 1e-12)


def test_started_at_the_optimum_scikit_learn_stays_there():
    values, counts = mixture(1)
    exact = cluster_histogram(values, counts, 3)
    peer = KMeans(3, init=exact[:, None], n_init=1, tol=0)
    peer.fit(values[:, None].astype(float), sample_weight=counts)
    assert peer.cluster_centers_[:, 0] == pytest.approx(exact, abs=1e-6)


def test_two_well_separated_groups_give_their_means():
    values, counts = np.array([10, 12, 300, 310]), np.array([1, 3, 2, 2])
    assert cluster_histogram(values, counts, 2) == pytest.approx([11.5, 305.0])
