"""What cleaning does, and when nothing is done."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from srnet.clinical.film import Film, place_box, read_film
from srnet.clinical.prepare_film import clean, prepare_film
from srnet.config.clinical import ClinicalSettings
from srnet.export.model_folder import open_model
from srnet.imaging.geometry import View
from srnet.imaging.xray import resize, shrink


@pytest.fixture(scope="module")
def bare(small_run):
    """Return a DRR of bone alone, enlarged to 256 pixels."""
    film = read_film(small_run.films("s7")[0], View.AP)
    return resize(film.grey, (256, 256))


@pytest.fixture(scope="module")
def veiled(bare):
    """Return the same with flank, abdomen and noise over it, as on a film."""
    down, across = np.indices(bare.shape) / bare.shape[0]
    veil = 0.5 * np.clip(5 * (0.48 - np.abs(across - 0.5)), 0, 1) + 0.2 * down
    noise = np.random.default_rng(0).normal(0, 0.02, bare.shape)
    return np.clip(0.3 * bare + veil + noise, 0, 1.2).astype(np.float32)


def _likeness(first, second):
    return np.corrcoef(first.ravel(), second.ravel())[0, 1]


def test_cleaning_brings_a_veiled_film_towards_its_bone(bare, veiled):
    small = resize(bare, (64, 64))
    before = _likeness(resize(veiled, (64, 64)), small)
    after = _likeness(resize(clean(veiled, 256, 0.6)["bone"], (64, 64)), small)
    assert before < 0.8
    assert after > before + 0.1


@pytest.mark.parametrize("aspect", [0.5, 2.0])
def test_pixels_that_are_not_square_are_cleaned_like_square_ones(veiled, aspect):
    """A film with every row, or every column, stored twice shows the same."""
    expected = resize(clean(veiled, 128, 0.3)["bone"], (64, 64))
    stored = np.repeat(veiled, 2, axis=0 if aspect < 1 else 1)
    found = resize(clean(stored, 128, 0.3, aspect)["bone"], (64, 64))
    unaware = resize(clean(stored, 128, 0.3)["bone"], (64, 64))
    assert _likeness(found, expected) > 0.99
    assert _likeness(found, expected) > _likeness(unaware, expected)


def test_denoising_removes_noise_and_keeps_edges(veiled):
    denoised = clean(veiled, 256, 0.6)["denoised"]
    fine = veiled - gaussian_filter(veiled, 1)
    assert (denoised - gaussian_filter(denoised, 1)).std() < 0.7 * fine.std()


def test_a_drr_passes_untouched_and_a_film_does_not(small_run, veiled):
    model, settings = open_model(small_run.model), ClinicalSettings()
    drr = read_film(small_run.films("s7")[0], View.AP)
    same = prepare_film(drr, place_box(drr, None), 32, model.statistics.ap, settings)
    np.testing.assert_array_equal(same.grey, drr.grey)
    film = Film(grey=veiled / veiled.max(), view=View.AP)
    other = prepare_film(film, place_box(film, None), 32, model.statistics.ap, settings)
    assert other.cleaned
    assert other.grey.max() == 1
    unclean = settings.model_copy(update={"clean": "no"})
    assert not prepare_film(film, place_box(film, None), 32, model.statistics.ap, unclean).cleaned


def test_shrinking_keeps_the_mean():
    grey = np.random.default_rng(0).random((100, 60), np.float32)
    assert shrink(grey, 5).shape == (20, 12)
    assert shrink(grey, 5).mean() == pytest.approx(grey.mean(), rel=1e-5)
