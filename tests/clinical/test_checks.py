"""Each check reports what it is for, and nothing on a good pair of films."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from srnet.clinical.checks import (
    FilmPair,
    check_likeness,
    check_pair,
    check_voxel_size,
    settle_polarity,
)
from srnet.clinical.film import Film, invert_film, place_box, read_film
from srnet.clinical.findings import refuse_or_warn
from srnet.core.errors import SrnetError
from srnet.export.model_folder import open_model
from srnet.export.xray_statistics import polarity, score
from srnet.imaging.geometry import View
from srnet.imaging.volume import Grid


def body(seed: int, rows: int = 600, columns: int = 400) -> np.ndarray:
    """Return something like a film: a bright column in a grey body on black."""
    random = np.random.default_rng(seed)
    down, across = np.indices((rows, columns)) / (rows, columns)[0]
    across = across * rows / columns
    flank = 0.5 * np.clip(4 * (0.42 - np.abs(across - 0.5)), 0, 1)
    spine = 0.35 * np.exp(-(((across - 0.5 - 0.06 * np.sin(9 * down + seed)) / 0.07) ** 2))
    noise = random.normal(0, 0.01, (rows, columns))
    return np.asarray(np.clip(flank + spine + noise, 0, 0.95), np.float32)


def make_film(view: View, **fields) -> Film:
    base = {
        "grey": body(1 if view is View.AP else 2),
        "spacing_mm": (0.5, 0.5),
        "claimed_view": "AP" if view is View.AP else "RL",
        "patient_key": "p",
        "study_key": "s",
        "sha256": view.value,
        "file_format": "DICOM",
    }
    return Film(**{**base, **fields}, view=view)


def make_pair(ap=None, lateral=None, ap_box=(50, 50, 350, 550), lateral_box=(50, 50, 350, 550)):
    films = make_film(View.AP, **(ap or {})), make_film(View.LATERAL, **(lateral or {}))
    return FilmPair(*films, place_box(films[0], ap_box), place_box(films[1], lateral_box))


def reported(pair: FilmPair) -> dict[str, str]:
    return {finding.check: finding.severity for finding in check_pair(pair)}


def test_a_good_pair_raises_no_finding():
    assert reported(make_pair()) == {}


@pytest.mark.parametrize(
    ("change", "check", "severity"),
    [
        ({"lateral": {"sha256": "ap"}}, "same_film", "refusal"),
        ({"lateral": {"grey": body(1) * 0.7}}, "same_film", "refusal"),
        ({"lateral": {"patient_key": "q"}}, "patient", "refusal"),
        ({"lateral": {"patient_key": ""}}, "patient", "note"),
        ({"lateral": {"study_key": "t"}}, "study", "warning"),
        ({"ap": {"claimed_view": "LL"}}, "views_swapped", "refusal"),
        ({"lateral": {"claimed_view": "PA"}}, "views_swapped", "refusal"),
        ({"ap": {"claimed_view": "PA"}}, "projection", "warning"),
        ({"lateral": {"claimed_view": "LL"}}, "projection", "warning"),
        ({"ap": {"spacing_mm": None}}, "spacing", "warning"),
        ({"ap": {"spacing_mm": None}, "lateral": {"spacing_mm": None}}, "spacing", "warning"),
        ({"ap": {"spacing_mm": (5, 5)}, "lateral": {"spacing_mm": (5, 5)}}, "extent", "warning"),
        ({"lateral_box": (50, 100, 350, 550)}, "extents_match", "warning"),
        ({"lateral_box": (50, 350, 350, 550)}, "extents_match", "refusal"),
        ({"ap_box": None, "lateral_box": None}, "box", "note"),
        ({"ap": {"grey": body(1)[:, 120:280]}, "ap_box": None}, "already_cropped", "note"),
    ],
)
def test_each_check_reports_with_its_severity(change, check, severity):
    assert reported(make_pair(**change)).get(check) == severity


def test_letters_inside_the_box_are_seen_and_those_outside_are_not():
    picture = Image.fromarray((body(1) * 255).astype(np.uint8))
    ImageDraw.Draw(picture).text((120, 70), "DOE JANE 1956", fill=255, font_size=24)
    grey = np.asarray(picture, np.float32) / 255
    assert "burnt_in_text" in reported(make_pair(ap={"grey": grey}))
    below = {"ap_box": (50, 150, 350, 550), "lateral_box": (50, 150, 350, 550)}
    assert "burnt_in_text" not in reported(make_pair(ap={"grey": grey}, **below))


def test_every_sentence_ends_with_what_to_do_or_to_expect():
    pair = make_pair(
        ap={"spacing_mm": None, "claimed_view": "LL"}, lateral={"patient_key": "q", "sha256": "ap"}
    )
    findings = check_pair(pair)
    assert [f.severity for f in findings][:3] == ["refusal"] * 3
    for finding in findings:
        assert ";" in finding.sentence or ":" in finding.sentence
        assert finding.sentence.endswith(".")


def test_a_refusal_stops_unless_forced():
    findings = check_pair(make_pair(lateral={"sha256": "ap"}))
    with pytest.raises(SrnetError, match=r"same file; give .* --force"):
        refuse_or_warn(findings, force=False)
    assert [f.severity for f in refuse_or_warn(findings, force=True)] == ["warning"]


@pytest.mark.parametrize(
    ("corners", "message"),
    [
        ((0, 0, 500, 100), "leaves the film of 400 x 600"),
        ((-1, 0, 100, 100), "leaves the film"),
        ((300, 10, 100, 400), "is -200 x 390 pixels; give x0 y0 x1 y1"),
        ((10, 10, 12, 400), "at least 16 pixels"),
    ],
)
def test_a_box_must_lie_on_the_film(corners, message):
    with pytest.raises(SrnetError, match=message):
        place_box(make_film(View.AP), corners)


def test_real_films_run_and_letters_on_one_of_them_are_found(srnet_data):
    folder = srnet_data / "xray"
    ap = read_film(folder / "lumbar-ap-2.jpg", View.AP)
    lateral = read_film(folder / "lumbar-ap-1.jpg", View.LATERAL)
    whole = reported(FilmPair(ap, lateral, place_box(ap, None), place_box(lateral, None)))
    assert whole["burnt_in_text"] == "warning"
    assert whole["spacing"] == "warning"
    boxes = place_box(ap, (900, 50, 1900, 1700)), place_box(lateral, (600, 50, 1250, 1300))
    assert "burnt_in_text" not in reported(FilmPair(ap, lateral, *boxes))


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
def test_a_dark_boned_picture_is_inverted_and_a_dicom_file_only_reported(
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


def test_voxels_of_another_size_are_reported(statistics):
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
