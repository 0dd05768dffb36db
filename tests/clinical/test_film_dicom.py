"""Radiographs with odd tags: read rightly, with a warning, or refused by the name of the tag."""

import logging
import warnings

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless, RLELossless

from srnet.clinical.film import Film, crop, place_box, read_film
from srnet.core.errors import SrnetError
from srnet.imaging.geometry import View
from tests.fixtures.films import film_dataset, lossless_jpeg, write_film

LEVELS = (np.add.outer(np.arange(40) * 60, np.arange(30) ** 2)).astype(np.uint16)
"""A picture that differs under every turn; all of 12 bits are enough for it."""
GREY = LEVELS / 4095


def read(tmp_path, view=View.AP, levels=LEVELS, **how) -> Film:
    return read_film(write_film(tmp_path / "film.dcm", levels, **how), view)


def warned(film: Film) -> list[str]:
    return [finding.check for finding in film.findings if finding.severity == "warning"]


def with_text(tmp_path, name: str, text: str) -> Film:
    """Read a film of which one tag of numbers holds this text, which pydicom would not write."""
    path = write_film(tmp_path / "film.dcm", LEVELS, **{name: ["1.234567", "1.234567"]})
    content = path.read_bytes()
    assert b"1.234567\\1.234567" in content
    path.write_bytes(content.replace(b"1.234567\\1.234567", text.encode().ljust(17)))
    return read_film(path, View.AP)


@pytest.mark.parametrize(
    "window",
    [
        {"WindowCenter": 2048, "WindowWidth": 0},
        {"WindowCenter": 0.5, "WindowWidth": 0.9},
        {"WindowCenter": 2048, "WindowWidth": -100},
        {"WindowCenter": 2048, "WindowWidth": 0, "VOILUTFunction": "SIGMOID"},
        {"WindowCenter": 2048, "WindowWidth": 2048, "VOILUTFunction": "LOGARITHM"},
        {"WindowCenter": 1e6, "WindowWidth": 10},
        {"WindowCenter": 2048},
        {"WindowWidth": 2048},
        {"VOILUTSequence": [Dataset()]},
    ],
)
def test_a_window_that_makes_no_sense_is_left_out_with_a_warning(tmp_path, window):
    film = read(tmp_path, **window)
    np.testing.assert_allclose(film.grey, GREY, atol=1e-6)
    assert warned(film) == ["window"]


def test_words_in_place_of_a_window_are_left_out(tmp_path):
    assert warned(with_text(tmp_path, "WindowWidth", "wide\\narrow")) == ["window"]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("LINEAR", lambda x: (x - 2047.5) / 1999 + 0.5),
        ("LINEAR_EXACT", lambda x: (x - 2048) / 2000 + 0.5),
        ("SIGMOID", lambda x: 1 / (1 + np.exp(-4 * (x - 2048) / 2000))),
    ],
)
def test_windows_follow_the_formulas_of_the_standard(tmp_path, function, expected):
    film = read(tmp_path, WindowCenter=2048, WindowWidth=2000, VOILUTFunction=function)
    np.testing.assert_allclose(film.grey, np.clip(expected(LEVELS.astype(float)), 0, 1), atol=1e-6)
    assert warned(film) == []


def test_of_several_windows_the_first_counts(tmp_path):
    one = read(tmp_path, WindowCenter=2048, WindowWidth=2000)
    several = read(tmp_path, WindowCenter=[2048, 100], WindowWidth=[2000, 1])
    np.testing.assert_array_equal(one.grey, several.grey)


def test_a_decimal_comma_is_read_as_such_and_said(tmp_path):
    film = with_text(tmp_path, "PixelSpacing", "0,143\\0,143")
    assert film.spacing_mm == (0.143, 0.143)
    assert "spacing" in warned(film)


@pytest.mark.parametrize(
    "text", ["0.5", "a\\b", "0\\0", "-1\\-1", "1,234.5\\1", "1e9\\1e9", "nan\\1"]
)
def test_a_spacing_that_makes_no_sense_counts_as_unknown(tmp_path, text):
    film = with_text(tmp_path, "PixelSpacing", text)
    assert film.spacing_mm is None
    assert warned(film) == ["spacing"]


def test_a_spacing_from_the_user_needs_no_warning_about_that_of_the_file(tmp_path):
    path = write_film(tmp_path / "film.dcm", LEVELS, PixelSpacing=[0, 0])
    film = read_film(path, View.AP, (0.2, 0.3))
    assert film.spacing_mm == (0.2, 0.3)
    assert film.findings == ()


@pytest.mark.parametrize(
    ("tags", "black", "said"),
    [
        ({"PixelPaddingValue": 0}, 1, []),
        ({"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 100}, 17, []),
        ({"PixelPaddingValue": 100, "PixelPaddingRangeLimit": 0}, 17, []),
        ({"PixelPaddingValue": [0, 100]}, 1, ["padding"]),
        ({"PixelPaddingValue": 0, "PixelPaddingRangeLimit": [1, 2]}, 1, ["padding"]),
    ],
)
def test_padding_is_black_where_it_makes_sense(tmp_path, tags, black, said):
    film = read(tmp_path, **tags)
    assert warned(film) == said
    within = np.count_nonzero(LEVELS <= 100) if black > 1 else np.count_nonzero(LEVELS == 0)
    assert np.count_nonzero(film.grey == 0) == within


def test_an_empty_limit_of_padding_is_none(tmp_path):
    path = write_film(tmp_path / "film.dcm", LEVELS, PixelPaddingValue=0)
    tags = pydicom.dcmread(path)
    tags.add_new(0x00280121, "US", None)
    tags.save_as(path)
    assert warned(read_film(path, View.AP)) == []


@pytest.mark.parametrize(
    ("tags", "name"),
    [
        ({"RescaleSlope": 0, "RescaleIntercept": 0}, "RescaleSlope"),
        ({"ModalityLUTSequence": [Dataset()]}, "ModalityLUTSequence"),
        ({"PhotometricInterpretation": "MONOCHROME3"}, "PhotometricInterpretation"),
        ({"BitsStored": None}, "BitsStored"),
        ({"PixelRepresentation": None}, "PixelRepresentation"),
        ({"HighBit": 3}, "HighBit"),
    ],
)
def test_a_tag_that_decides_the_grey_values_is_refused_by_name(tmp_path, tags, name):
    with pytest.raises(SrnetError, match=rf"film\.dcm: its tag {name} .*; export"):
        read(tmp_path, **tags)


def test_a_falling_rescale_turns_the_film_dark_side_up(tmp_path):
    film = read(tmp_path, RescaleSlope=-1, RescaleIntercept=4095)
    np.testing.assert_allclose(film.grey, 1 - GREY, atol=1e-6)


def test_signed_levels_whose_sign_is_not_extended_keep_their_order(tmp_path):
    levels = (LEVELS.astype(np.int32) - 2048).astype(np.int16)
    plain = read(tmp_path, levels=levels)
    short = read(tmp_path, levels=levels & 0x0FFF)
    np.testing.assert_allclose(plain.grey, GREY, atol=1e-6)
    np.testing.assert_array_equal(plain.grey, short.grey)


@pytest.mark.parametrize("inverted", [False, True])
def test_a_palette_is_applied_as_a_viewer_does(tmp_path, inverted):
    ramp = np.arange(256, dtype=np.uint16) * 257
    tags: dict[str, object] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        tags[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        table = ramp[::-1] if inverted else ramp
        tags[f"{colour}PaletteColorLookupTableData"] = table.tobytes()
    levels = (LEVELS // 16).astype(np.uint8)
    film = read(tmp_path, levels=levels, stored=8, **tags)
    expected = 1 - levels / 255 if inverted else levels / 255
    np.testing.assert_allclose(film.grey, expected, atol=1e-6)
    tags["RedPaletteColorLookupTableData"] = bytes(512)
    with pytest.raises(SrnetError, match="coloured"):
        read(tmp_path, levels=levels[::-1], stored=8, **tags)
    del tags["RedPaletteColorLookupTableData"]
    with pytest.raises(SrnetError, match="palette"):
        read(tmp_path, levels=levels, stored=8, **tags)


@pytest.mark.parametrize("kind", ["RGB", "YBR_FULL"])
def test_grey_stored_as_colour_is_grey_and_colour_is_refused(tmp_path, kind):
    grey = (LEVELS // 16).astype(np.uint8)
    neutral = [grey] * 3 if kind == "RGB" else [grey, grey * 0 + 128, grey * 0 + 128]
    tags = {"SamplesPerPixel": 3, "PlanarConfiguration": 0, "PhotometricInterpretation": kind}
    film = read(tmp_path, levels=np.dstack(neutral), stored=8, **tags)
    np.testing.assert_allclose(film.grey, grey / 255, atol=1 / 255)
    with pytest.raises(SrnetError, match="coloured"):
        read(tmp_path, levels=np.dstack([grey, grey[::-1], grey]), stored=8, **tags)


@pytest.mark.parametrize("syntax", [None, RLELossless, JPEG2000Lossless])
def test_a_compressed_film_is_what_it_was(tmp_path, syntax):
    tags = film_dataset(LEVELS, frames=[lossless_jpeg(LEVELS, 12)] if syntax is None else None)
    if syntax == RLELossless:
        tags.compress(syntax)
    elif syntax is not None:
        import SimpleITK

        writer = SimpleITK.ImageFileWriter()
        writer.SetFileName(str(tmp_path / "j2k.dcm"))
        writer.UseCompressionOn()
        writer.SetCompressor("JPEG2000")
        writer.Execute(SimpleITK.GetImageFromArray(LEVELS))
        packed = pydicom.dcmread(tmp_path / "j2k.dcm")
        assert packed.file_meta.TransferSyntaxUID == syntax
        packed.Modality = "DX"
        packed.save_as(tmp_path / "film.dcm")
        np.testing.assert_allclose(
            read_film(tmp_path / "film.dcm", View.AP).grey, LEVELS / 65535, atol=1e-6
        )
        return
    tags.save_as(tmp_path / "film.dcm", enforce_file_format=True)
    np.testing.assert_allclose(read_film(tmp_path / "film.dcm", View.AP).grey, GREY, atol=1e-6)


TURNS = {
    View.AP: [(columns, rows) for columns in "LR" for rows in "FH"],
    View.LATERAL: [(columns, rows) for columns in "PA" for rows in "FH"],
}


@pytest.mark.parametrize("lying", [False, True])
@pytest.mark.parametrize(
    ("view", "turn"), [(v, turn) for v, turns in TURNS.items() for turn in turns]
)
def test_however_a_film_lies_its_box_shows_the_same_upright_anatomy(tmp_path, view, turn, lying):
    """The film upright is LEVELS; it is stored turned, and a box is marked on what is stored."""
    columns, rows = turn
    down = slice(None, None, -1 if rows == "H" else 1)
    across = slice(None, None, -1 if columns in "RA" else 1)
    marks = np.zeros(LEVELS.shape, bool)
    marks[5:25, 8:28] = True
    stored, marked = LEVELS[down, across], marks[down, across]
    orientation, spacing = [columns, rows], [0.5, 0.25]
    if lying:
        stored, marked = stored.T, marked.T
        orientation, spacing = orientation[::-1], spacing[::-1]
    film = read(
        tmp_path,
        view,
        np.ascontiguousarray(stored),
        PatientOrientation=orientation,
        PixelSpacing=spacing,
        PixelSpacingCalibrationType="GEOMETRY",
    )
    y, x = (np.flatnonzero(marked.any(axis=axis)) for axis in (1, 0))
    box = place_box(film, (int(x[0]), int(y[0]), int(x[-1]) + 1, int(y[-1]) + 1))
    np.testing.assert_allclose(crop(film, box), GREY[5:25, 8:28], atol=1e-6)
    assert film.spacing_mm == (0.5, 0.25)
    assert crop(film, place_box(film, None)).shape == (40, 30)
    assert warned(film) == []


def test_a_box_beyond_a_lying_film_is_measured_on_what_is_stored(tmp_path):
    film = read(tmp_path, PatientOrientation=["F", "L"])
    with pytest.raises(SrnetError, match="leaves the film of 30 x 40 pixels"):
        place_box(film, (0, 0, 31, 40))


@pytest.mark.parametrize("orientation", [["L", "R"], ["F", "H"], ["L", "P"], ["L"], ["X", "Y"]])
def test_directions_that_contradict_each_other_are_left_out_with_a_warning(tmp_path, orientation):
    film = read(tmp_path, PatientOrientation=orientation)
    assert film.flip == (False, False)
    assert warned(film) == ["orientation"]


def test_directions_of_the_other_view_claim_it(tmp_path):
    assert read(tmp_path, PatientOrientation=["P", "F"]).claimed_view == "lateral"
    assert read(tmp_path, View.LATERAL, PatientOrientation=["H", "R"]).claimed_view == "AP"


def test_an_aspect_of_pixels_counts_where_no_spacing_is_stated(tmp_path):
    film = read(tmp_path, PixelAspectRatio=[2, 1])
    assert (film.spacing_mm, film.pixel_aspect) == (None, 2.0)
    lying = read(tmp_path, PixelAspectRatio=[2, 1], PatientOrientation=["F", "L"])
    assert lying.pixel_aspect == 0.5
    spaced = read(tmp_path, PixelAspectRatio=[2, 1], PixelSpacing=[0.2, 0.3])
    assert spaced.pixel_aspect == pytest.approx(2 / 3)
    assert "spacing" in warned(read(tmp_path, PixelAspectRatio=[0, 1]))


def test_nothing_about_odd_tags_of_the_patient_is_said_aloud(tmp_path, caplog, recwarn):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = write_film(
            tmp_path / "film.dcm", LEVELS, PatientBirthDate="29.02.1956", StudyInstanceUID="X4711"
        )
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    read_film(path, View.AP)
    assert caplog.text == ""
    assert not recwarn.list
