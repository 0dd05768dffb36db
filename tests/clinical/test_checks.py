"""Each check speaks where it should, and is silent on a good pair."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from srnet.clinical.checks import FilmPair, check_pair
from srnet.clinical.film import Film, place_box, read_film
from srnet.clinical.findings import refuse_or_warn
from srnet.core.errors import SrnetError
from srnet.imaging.geometry import View


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


def said(pair: FilmPair) -> dict[str, str]:
    return {finding.check: finding.severity for finding in check_pair(pair)}


def test_a_good_pair_raises_no_finding():
    assert said(make_pair()) == {}


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
def test_each_check_speaks(change, check, severity):
    assert said(make_pair(**change)).get(check) == severity


def test_letters_inside_the_box_are_seen_and_those_outside_are_not():
    picture = Image.fromarray((body(1) * 255).astype(np.uint8))
    ImageDraw.Draw(picture).text((120, 70), "DOE JANE 1956", fill=255, font_size=24)
    grey = np.asarray(picture, np.float32) / 255
    assert "burnt_in_text" in said(make_pair(ap={"grey": grey}))
    below = {"ap_box": (50, 150, 350, 550), "lateral_box": (50, 150, 350, 550)}
    assert "burnt_in_text" not in said(make_pair(ap={"grey": grey}, **below))


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
    whole = said(FilmPair(ap, lateral, place_box(ap, None), place_box(lateral, None)))
    assert whole["burnt_in_text"] == "warning"
    assert whole["spacing"] == "warning"
    boxes = place_box(ap, (900, 50, 1900, 1700)), place_box(lateral, (600, 50, 1250, 1300))
    assert "burnt_in_text" not in said(FilmPair(ap, lateral, *boxes))
