"""Statistics of the x-rays of a training set, and how far a film lies from them."""

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from srnet.config.base import Settings
from srnet.imaging.geometry import View
from srnet.imaging.xray import Grey, shrink

REGIONS = 8
"""Regions along either edge of an x-ray whose mean grey is compared."""
POLARITY_PIXELS = 400
"""Pixels along the longer edge, at least, of the picture whose polarity is estimated."""
QUANTILES = np.linspace(0.005, 0.995, 100)
FAMILIAR = 1.25
"""Multiple of the training scores' 95th percentile up to which an image counts as similar."""
FAINTEST_SPREAD = 0.02
"""Least grey spread of a region, so that constant corners do not dominate the score."""

Positive = Annotated[float, Field(gt=0)]


class ViewStatistics(Settings):
    """Statistics of the training x-rays of one view."""

    quantiles: tuple[float, ...] = Field(
        min_length=100, max_length=100, description="mean grey at 100 even quantiles"
    )
    columns: tuple[float, ...] = Field(
        min_length=1, description="mean grey of each column of pixels"
    )
    region_mean: tuple[float, ...] = Field(
        min_length=64, max_length=64, description="mean grey of 8 x 8 regions, row by row"
    )
    region_spread: tuple[Positive, ...] = Field(
        min_length=64, max_length=64, description="standard deviation of the same"
    )
    score_median: float = Field(ge=0, description="median score of the training x-rays")
    score_p95: float = Field(ge=0, description="95th percentile of the same")
    full_scale_hu_mm: float = Field(gt=0, description="median line integral at grey 1")


class XrayStatistics(Settings):
    """Statistics of the training x-rays and volumes."""

    samples: int = Field(ge=1, description="x-ray pairs of the training set")
    size: int = Field(ge=1, description="pixels along an edge")
    spacing_low_mm: tuple[Positive, Positive, Positive] = Field(
        description="voxel size, 5th percentile by axis"
    )
    spacing_median_mm: tuple[Positive, Positive, Positive] = Field(description="median by axis")
    spacing_high_mm: tuple[Positive, Positive, Positive] = Field(
        description="95th percentile by axis"
    )
    ap: ViewStatistics
    lateral: ViewStatistics

    def of(self, view: View) -> ViewStatistics:
        """Return the statistics of one view."""
        statistics: ViewStatistics = getattr(self, view.value)
        return statistics


def view_statistics(greys: NDArray[Any], full_scale_hu_mm: NDArray[Any]) -> ViewStatistics:
    """Return the statistics of the x-rays of one view.

    Parameters
    ----------
    greys
        (N, S, S) grey values in [0, 1], bone bright.
    full_scale_hu_mm
        (N,) line integrals at grey 1.
    """
    regions = np.stack([_regions(grey) for grey in greys])
    spread = np.sqrt(regions.var(axis=0) + FAINTEST_SPREAD**2)
    scores = np.sqrt((((regions - regions.mean(axis=0)) / spread) ** 2).mean(axis=1))
    return ViewStatistics(
        quantiles=_plain(np.quantile(greys.reshape(len(greys), -1), QUANTILES, axis=1).mean(1)),
        columns=_plain(greys.mean(axis=(0, 1))),
        region_mean=_plain(regions.mean(axis=0)),
        region_spread=_plain(spread),
        score_median=float(np.median(scores)),
        score_p95=float(np.quantile(scores, 0.95)),
        full_scale_hu_mm=float(np.median(full_scale_hu_mm)),
    )


def score(grey: Grey, statistics: ViewStatistics) -> float:
    """Return how far an x-ray lies from the training x-rays.

    The root mean square over 8 x 8 regions of (mean grey - training mean) /
    training spread: about 1 for an x-ray of the training set.

    Parameters
    ----------
    grey
        (S, S) in [0, 1], as the network sees it before gamma correction.
    """
    mean, spread = np.array(statistics.region_mean), np.array(statistics.region_spread)
    deviation = (_regions(grey) - mean) / spread
    return float(np.sqrt((deviation**2).mean()))


def polarity(grey: Grey, statistics: ViewStatistics) -> float:
    """Return how well a film agrees with the training x-rays in polarity, in [-1, 1].

    The mean of two numbers, each of which changes its sign when black and white are
    exchanged: the correlation of the column means with those of the training x-rays, whose
    spine runs bright down the middle; and how much nearer the film's histogram is to the
    training histogram than that of the inverted film, as a share of both distances.

    Parameters
    ----------
    grey
        The whole film, (rows, columns) in [0, 1], with bone bright if the result is positive.
    """
    grey = shrink(grey, max(grey.shape) // POLARITY_PIXELS)
    columns = np.interp(
        np.linspace(0, 1, len(statistics.columns)),
        np.linspace(0, 1, grey.shape[1]),
        grey.mean(axis=0, dtype=np.float64),
    )
    expected = np.array(statistics.columns)
    varied = columns.std() > 0 and expected.std() > 0
    agreement = float(np.corrcoef(columns, expected)[0, 1]) if varied else 0.0
    top = max(float(grey.max()), 1e-6)
    found = np.quantile(grey / top, QUANTILES)
    training = np.array(statistics.quantiles)
    upright = np.abs(found - training).mean()
    inverted = np.abs(1 - found[::-1] - training).mean()
    return float((agreement + (inverted - upright) / max(inverted + upright, 1e-12)) / 2)


def _regions(grey: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean grey of 8 x 8 regions, (64,)."""
    size = grey.shape[0] // REGIONS
    blocks = grey.reshape(REGIONS, size, REGIONS, size)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float64)).ravel()


def _plain(values: NDArray[Any]) -> tuple[float, ...]:
    """Return numbers rounded for a readable JSON file."""
    return tuple(round(float(value), 6) for value in values)
