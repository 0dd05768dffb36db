"""Turn the boxed part of a film into a picture like those the network was trained on.

The network was trained on digitally reconstructed radiographs of bare bone. A film can only
be made similar to them: overlapping tissue cannot be told from bone by its grey value. Three
steps are taken, each kept as a picture:

1. denoising by non-local means, its strength set by the film's own noise;
2. suppression of soft tissue: everything wider than a share of the box (flank, abdomen and
   the haze over the whole film) is estimated by a morphological opening and subtracted;
3. separation of the rest into two clusters of grey values (K-means, K = 2), of which the
   lower one is faded out.

Ribs, edges of bowel gas, letters and implants are as narrow as the spine, and stay.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srnet.clinical.film import Box, Film, crop
from srnet.config.clinical import ClinicalSettings
from srnet.export.xray_statistics import FAMILIAR, ViewStatistics, score
from srnet.imaging.xray import Grey, normalise, resize

METHOD = (
    "non-local means denoising, subtraction of a morphological opening wider than bone, "
    "two-cluster separation of grey values"
)
WORKING_SCALE = 4
"""Pixels of the working image along its longer edge, in multiples of the model's."""


@dataclass(frozen=True)
class PreparedFilm:
    """A film as it enters the network.

    Attributes
    ----------
    before
        (S, S) the boxed film in [0, 1], resized only.
    grey
        (S, S) the network's input in [0, 1], before any gamma correction.
    steps
        Pictures in between by name, empty where no cleaning was done.
    """

    before: Grey
    grey: Grey
    steps: dict[str, Grey]

    @property
    def cleaned(self) -> bool:
        """Tell whether the film was denoised and freed from soft tissue."""
        return bool(self.steps)


def prepare_film(
    film: Film, box: Box, size: int, statistics: ViewStatistics, settings: ClinicalSettings
) -> PreparedFilm:
    """Crop, clean and resize one film.

    A DRR of this package, and any image that already looks like the training x-rays, is
    only resized, so that it gives the same volume as in the evaluation.
    """
    boxed = np.ascontiguousarray(crop(film, box))
    before = normalise(resize(boxed, (size, size)))
    familiar = film.is_drr or score(before, statistics) <= FAMILIAR * statistics.score_p95
    if settings.clean == "no" or (settings.clean == "auto" and familiar):
        return PreparedFilm(before, before, {})
    steps = clean(boxed, WORKING_SCALE * size, settings.background_share, film.pixel_aspect)
    grey = normalise(resize(steps["bone"], (size, size)))
    return PreparedFilm(before, grey, steps)


def clean(
    boxed: Grey, longest: int, background_share: float, aspect: float = 1.0
) -> dict[str, Grey]:
    """Denoise a boxed film and suppress what is not bone, step by step.

    Parameters
    ----------
    boxed
        (rows, columns) in [0, 1], bone bright.
    longest
        Pixels of the working image along its longer edge.
    background_share
        Share of the box's width; wider structures are taken as soft tissue.
    aspect
        Distance of rows over distance of columns; the working image has square pixels.

    Returns
    -------
    The pictures `denoised`, `background` and `bone`, in [0, 1].
    """
    from scipy.ndimage import gaussian_filter, grey_opening
    from skimage.restoration import denoise_nl_means

    extent = boxed.shape[0] * max(aspect, 1.0), boxed.shape[1] / min(aspect, 1.0)
    scale = min(1.0, longest / max(extent))
    rows, columns = (max(16, round(n * scale)) for n in extent)
    work = resize(boxed, (rows, columns))
    noise = _noise(work)
    denoised = denoise_nl_means(
        work, patch_size=5, patch_distance=6, h=0.8 * noise, sigma=noise, fast_mode=True
    )
    width = max(3, round(columns * background_share))
    opened = grey_opening(gaussian_filter(denoised, 1.0), size=(width, width), mode="nearest")
    background = np.minimum(gaussian_filter(opened, width / 4, mode="nearest"), denoised)
    bone = _upper_cluster(denoised - background)
    steps = {"denoised": denoised, "background": background, "bone": bone}
    return {name: np.asarray(picture, np.float32) for name, picture in steps.items()}


def _noise(grey: Grey) -> float:
    """Return the standard deviation of the noise, by Immerkaer's Laplacian of Laplacians."""
    from scipy.ndimage import convolve

    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    inside = convolve(grey, kernel)[1:-1, 1:-1]
    return float(np.sqrt(np.pi / 2) * np.abs(inside).mean() / 6)


def _upper_cluster(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fade out the lower of two clusters of grey values, and clip outliers.

    Otsu's threshold is that of K-means with K = 2. A ramp keeps thin bone near the threshold,
    which a step would remove.
    """
    from skimage.filters import threshold_otsu

    top = float(np.quantile(values, 0.998))
    if top <= 0:
        return np.zeros_like(values)
    values = np.clip(values / top, 0, 1)
    ramp = np.clip(values / float(threshold_otsu(values)) - 0.5, 0, 1)
    return np.asarray(values * ramp)
