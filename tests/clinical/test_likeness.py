"""Polarity, exchanged views and likeness, judged by the training x-rays."""

from dataclasses import replace

import numpy as np
import pytest

from srnet.clinical.checks import check_likeness, check_voxel_size, settle_polarity
from srnet.clinical.film import Film, invert_film, read_film
from srnet.export.model_folder import open_model
from srnet.export.xray_statistics import polarity, score
from srnet.imaging.geometry import View
from srnet.imaging.volume import Grid


@pytest.fixture(scope="module")
def statistics(small_run):
    return open_model(small_run.model).statistics


@pytest.fixture(scope="module")
def films(small_run):
    """Return the pair of a held-out scan, as anonymous pictures."""
    pair = [read_film(p, v) for v, p in zip(View, small_run.films("s7"), strict=True)]
    return [replace(film, full_scale_hu_mm=0.0) for film in pair]


def test_polarity_turns_around_with_the_film(films, statistics):
    for film in films:
        upright = polarity(film.grey, statistics.of(film.view))
        assert upright > 0.3
        inverted = polarity(invert_film(film).grey, statistics.of(film.view))
        assert inverted == pytest.approx(-upright, abs=0.05)


@pytest.mark.parametrize(("kind", "turned"), [("picture", True), ("DICOM", False)])
def test_a_dark_boned_picture_is_inverted_and_a_dicom_file_only_remarked(
    films, statistics, kind, turned
):
    dark = replace(invert_film(films[0]), inverted=False, file_format=kind)
    settled, findings = settle_polarity(dark, statistics, "auto")
    assert settled.inverted == turned
    assert [finding.check for finding in findings] == ["polarity"]
    assert settle_polarity(dark, statistics, "no") == (dark, [])
    assert settle_polarity(dark, statistics, "yes")[0].inverted


def test_a_held_out_x_ray_is_alike_and_noise_is_not(films, statistics):
    checks = check_likeness(films[0].grey, films[1].grey, statistics)
    assert {finding.check for finding in checks} == {"likeness"}
    assert score(films[0].grey, statistics.ap) < 2
    noise = np.random.default_rng(0).random((32, 32), np.float32)
    strange = check_likeness(noise, noise, statistics)
    assert all(f.severity == "warning" for f in strange)
    assert all("unlike anything" in f.sentence for f in strange if f.check == "likeness")


def test_exchanged_views_are_suspected(films, statistics):
    ap, lateral = (film.grey for film in films)
    assert "views_swapped" in {f.check for f in check_likeness(lateral, ap, statistics)}


def test_voxels_of_another_size_are_remarked(statistics):
    shape = 32, 32, 32
    middle = statistics.spacing_median_mm
    assert check_voxel_size(Grid.centred(shape, middle, (0, 0, 0)), statistics) == []
    small = Grid.centred(shape, (1.0, middle[1], middle[2]), (0, 0, 0))
    (finding,) = check_voxel_size(small, statistics)
    assert "1.00 mm against 4.00 to 4.00" in finding.sentence


def test_real_films_have_bone_bright_and_are_found_so(srnet_data, statistics):
    for path in sorted((srnet_data / "xray").glob("*.jpg")):
        film = read_film(path, View.AP)
        assert not settle_polarity(film, statistics, "auto")[0].inverted, path.name
        negative = Film(grey=1 - film.grey, view=View.AP, file_format="picture")
        assert settle_polarity(negative, statistics, "auto")[0].inverted, path.name
