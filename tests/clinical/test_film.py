"""Films of every kind become the same picture: bone bright, turned and measured rightly."""

import nibabel
import numpy as np
import pytest
import SimpleITK
from PIL import Image

from srnet.clinical.film import crop, invert_film, place_box, read_film
from srnet.core.errors import SrnetError
from srnet.imaging.geometry import View


@pytest.fixture
def grey():
    """Return a picture that differs under every flip and exchange of axes."""
    rows, columns = np.indices((40, 30)) / 40
    return (0.2 + 0.5 * rows * rows + 0.25 * columns).astype(np.float32)


def test_monochrome1_is_turned_so_that_bone_is_bright(write_dicom, grey):
    plain = read_film(write_dicom("a.dcm", grey), View.AP)
    turned = read_film(
        write_dicom("b.dcm", grey, PhotometricInterpretation="MONOCHROME1"), View.AP
    )
    np.testing.assert_allclose(plain.grey, grey, atol=1 / 4095)
    np.testing.assert_allclose(plain.grey, turned.grey, atol=1e-6)


def test_a_window_stretches_what_lies_inside(write_dicom, grey):
    # Centre 2048 and width 2048 map the levels 1024..3071 to black..white.
    path = write_dicom("a.dcm", grey, WindowCenter=2048, WindowWidth=2048)
    expected = np.clip((np.round(grey * 4095) - 1023.5) / 2047, 0, 1)
    np.testing.assert_allclose(read_film(path, View.AP).grey, expected, atol=1e-3)


def test_rescaling_alone_changes_nothing_that_is_seen(write_dicom, grey):
    path = write_dicom("a.dcm", grey, RescaleSlope=2, RescaleIntercept=-500)
    np.testing.assert_allclose(read_film(path, View.AP).grey, grey, atol=1 / 4095)


def test_padding_is_black_also_where_white_means_air(write_dicom, grey):
    for kind in ("MONOCHROME1", "MONOCHROME2"):
        outside = grey.copy()
        outside[:5] = 1.0 if kind == "MONOCHROME2" else 0.0
        tags = {"PhotometricInterpretation": kind, "PixelPaddingValue": 4095}
        film = read_film(write_dicom("a.dcm", outside, **tags), View.AP)
        assert (film.grey[:5] == 0).all()
        assert (film.grey[5:] > 0).all()


@pytest.mark.parametrize(
    ("tags", "expected", "warned"),
    [
        ({}, None, False),
        ({"ImagerPixelSpacing": [0.2, 0.3]}, (0.2, 0.3), True),
        ({"ImagerPixelSpacing": [0.2, 0.2], "PixelSpacing": [0.15, 0.15]}, (0.15, 0.15), False),
        (
            {
                "ImagerPixelSpacing": [0.3, 0.3],
                "DistanceSourceToDetector": 1800,
                "DistanceSourceToPatient": 1500,
            },
            (0.25, 0.25),
            False,
        ),
        (
            {"ImagerPixelSpacing": [0.3, 0.3], "EstimatedRadiographicMagnificationFactor": 1.2},
            (0.25, 0.25),
            False,
        ),
        (
            {"PixelSpacing": [0.2, 0.2], "PixelSpacingCalibrationType": "FIDUCIAL"},
            (0.2, 0.2),
            False,
        ),
    ],
)
def test_spacing_holds_in_the_plane_of_the_spine(write_dicom, grey, tags, expected, warned):
    film = read_film(write_dicom("a.dcm", grey, **tags), View.AP)
    assert film.spacing_mm == (pytest.approx(expected) if expected else None)
    assert any(finding.check == "magnification" for finding in film.findings) == warned


@pytest.mark.parametrize(
    ("view", "orientation", "flip"),
    [
        (View.AP, ["L", "F"], (False, False)),
        (View.AP, ["R", "F"], (False, True)),
        (View.AP, ["L", "H"], (True, False)),
        (View.LATERAL, ["P", "F"], (False, False)),
        (View.LATERAL, ["AR", "F"], (False, True)),
    ],
)
def test_patient_orientation_turns_the_crop_not_the_box(
    write_dicom, grey, view, orientation, flip
):
    film = read_film(write_dicom("a.dcm", grey, PatientOrientation=orientation), view)
    boxed = crop(film, place_box(film, (4, 10, 24, 30)))
    assert film.flip == flip
    steps = [-1 if turned else 1 for turned in flip]
    np.testing.assert_allclose(boxed, grey[10:30, 4:24][:: steps[0], :: steps[1]], atol=1 / 4095)


def test_mirroring_twice_changes_nothing(write_dicom, grey):
    film = read_film(write_dicom("a.dcm", grey), View.AP)
    assert film.mirrored().flip == (False, True)
    assert film.mirrored().mirrored() == film


def test_no_tag_survives_reading(write_dicom, grey):
    film = read_film(write_dicom("a.dcm", grey, PatientName="DOE^JANE"), View.AP)
    assert "DOE" not in repr(film)
    assert "P1" not in repr(film)


@pytest.mark.parametrize(
    ("dtype", "suffix"), [("uint8", "jpg"), ("uint8", "png"), ("uint16", "tiff")]
)
def test_pictures_of_8_and_16_bit(tmp_path, grey, dtype, suffix):
    levels = np.round(grey * np.iinfo(dtype).max).astype(dtype)
    path = tmp_path / f"film.{suffix}"
    Image.fromarray(levels).save(path)
    film = read_film(path, View.AP)
    np.testing.assert_allclose(film.grey, grey, atol=3 / 255)
    assert film.spacing_mm is None


def test_grey_stored_as_colour_is_grey(tmp_path, grey):
    levels = np.round(grey * 255).astype(np.uint8)
    Image.fromarray(np.dstack([levels] * 3)).save(tmp_path / "film.png")
    film = read_film(tmp_path / "film.png", View.AP)
    np.testing.assert_allclose(film.grey, grey, atol=1 / 255)


def test_inverting_a_12_bit_film_in_16_bits_keeps_its_black(tmp_path, grey):
    levels = np.round(grey * 4095).astype(np.uint16)
    Image.fromarray(levels).save(tmp_path / "film.png")
    inverted = invert_film(read_film(tmp_path / "film.png", View.AP))
    assert inverted.grey.min() == 0
    np.testing.assert_allclose(
        inverted.grey * 65535, levels.max() - levels.astype(float), atol=0.1
    )


def test_a_projection_written_by_simpleitk_keeps_rows_and_columns(tmp_path, grey):
    image = SimpleITK.GetImageFromArray(grey)
    image.SetSpacing((0.5, 0.7))
    SimpleITK.WriteImage(image, str(tmp_path / "film.nii.gz"))
    film = read_film(tmp_path / "film.nii.gz", View.AP)
    np.testing.assert_allclose(film.grey, grey / grey.max(), rtol=1e-6)
    assert film.spacing_mm == pytest.approx((0.7, 0.5))


@pytest.mark.parametrize(("view", "across"), [(View.AP, 1), (View.LATERAL, 0)])
def test_a_projection_with_an_affine_is_turned_by_it(tmp_path, grey, view, across):
    # RAS+: columns run to the right or front, rows to the head; both against the convention.
    array = np.expand_dims(grey[::-1, ::-1].T, across)
    affine = np.diag([1.5, 1.5, 2.0, 1])
    nibabel.Nifti1Image(array, affine).to_filename(tmp_path / "film.nii")
    film = read_film(tmp_path / "film.nii", view)
    np.testing.assert_allclose(crop(film, place_box(film, None)), grey / grey.max(), rtol=1e-6)
    assert film.spacing_mm == (2.0, 1.5)


def _nothing(path):
    path.unlink(missing_ok=True)


def _text(path):
    path.write_text("no image at all", encoding="utf-8")


def _photo(path):
    random = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(random).save(path, format="PNG")


def _pixel(path):
    Image.fromarray(np.ones((1, 1), np.uint8)).save(path, format="PNG")


def _flat(path):
    Image.fromarray(np.full((40, 40), 7, np.uint8)).save(path, format="PNG")


def _movie(path):
    frames = [Image.fromarray(np.full((40, 40), n, np.uint8)) for n in (1, 2)]
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:])


def _cut(path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (400, 400), np.uint8)).save(
        path, format="PNG"
    )
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_nothing, "no such file; give the path"),
        (_text, "is no image .* give DICOM"),
        (_photo, "% of the pixels are coloured; give the x-ray film itself"),
        (_pixel, "1 x 1 pixels .* give the original"),
        (_flat, "every pixel has the value .* export"),
        (_movie, "holds 2 pictures; save"),
        (_cut, "cannot be decoded, .* export it again"),
    ],
)
def test_what_is_no_film_is_refused_with_the_cure(tmp_path, make, message):
    path = tmp_path / "film.png"
    make(path)
    with pytest.raises(SrnetError, match=message):
        read_film(path, View.AP)


def test_a_volume_is_no_projection(tmp_path):
    nibabel.Nifti1Image(np.ones((20, 20, 20)), np.eye(4)).to_filename(tmp_path / "ct.nii.gz")
    with pytest.raises(SrnetError, match=r"shape \(20, 20, 20\), which is no projection"):
        read_film(tmp_path / "ct.nii.gz", View.AP)


def test_a_ct_slice_and_a_moving_picture_are_no_radiographs(write_dicom, grey, tmp_path):
    with pytest.raises(SrnetError, match="modality CT is no radiograph"):
        read_film(write_dicom("ct.dcm", grey, Modality="CT"), View.AP)
    with pytest.raises(SrnetError, match="holds 20 frames; export one"):
        read_film(write_dicom("xa.dcm", grey, NumberOfFrames=20), View.AP)
    (tmp_path / "false.dcm").write_text("no DICOM", encoding="utf-8")
    with pytest.raises(SrnetError, match="is no DICOM file"):
        read_film(tmp_path / "false.dcm", View.AP)
