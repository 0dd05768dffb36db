"""Size and brightness of a reconstruction, also where films state neither."""

import json

import nibabel
import numpy as np
import pytest
from PIL import Image

from srnet.clinical.reconstruct_films import reconstruct
from srnet.config.clinical import ClinicalSettings
from srnet.evaluate.reprojection import reproject, view_consistency
from srnet.imaging.geometry import ConeBeam, View
from srnet.imaging.target import HU_OFFSET, TARGET_MAX, to_network
from srnet.imaging.volume import Volume, read_volume
from srnet.imaging.xray import read_xray
from tests.fixtures.small_run import DRR

SOURCES = ("drr", "picture", "dicom", "spaced dicom", "nifti")


@pytest.fixture(scope="module")
def films(small_run, tmp_path_factory):
    """Return a function that writes a held-out pair's film of one view from a source."""
    folder = tmp_path_factory.mktemp("films")

    def film(source: str, view: View, write_dicom):
        path = small_run.films("s7")[list(View).index(view)]
        grey = read_xray(path).grey
        target = folder / f"{view.value}-{source.replace(' ', '-')}"
        if source == "drr":
            return path
        if source == "nifti":
            target = target.with_suffix(".nii")
            image = nibabel.Nifti1Image(grey.T, np.diag([0.9, 1.1, 1, 1]))
            nibabel.save(image, target)
            return target
        if source == "picture":
            target = target.with_suffix(".png")
            Image.fromarray(np.round(grey * 65535).astype(np.uint16)).save(target)
            return target
        tags = {"PixelSpacing": [0.4, 0.3]} if source == "spaced dicom" else {}
        return write_dicom(f"{target.name}.dcm", grey, **tags)

    return film


@pytest.mark.parametrize("spacing_mm", [None, (4.0, 3.1, 3.5), 0.02], ids=str)
@pytest.mark.parametrize("ap", SOURCES)
@pytest.mark.parametrize("lateral", ["drr", "picture", "spaced dicom"])
def test_no_value_leaves_the_stored_range_whatever_is_unknown(
    small_run, films, write_dicom, ap, lateral, spacing_mm
):
    pair = films(ap, View.AP, write_dicom), films(lateral, View.LATERAL, write_dicom)
    result = reconstruct(*pair, model=small_run.model, spacing_mm=spacing_mm, force=True)
    values = result.volume.array
    assert float(values.min()) >= 0
    assert float(values.max()) <= 1
    assert np.isfinite(result.scale.grid.spacing_mm).all()
    checks = {finding.check: finding.severity for finding in result.findings}
    exact = result.scale.spacing_known and result.scale.full_scale_known
    assert ("scale" in checks) is not exact
    # Only a wrong size of DRRs, whose line integrals are known, asks for impossible values.
    assert (checks.get("range") == "warning") is (exact and spacing_mm == 0.02)
    assert result.scale.full_scale_known is (ap == lateral == "drr")


def test_a_drr_pair_without_spacing_gives_nearly_the_hu_with_it(small_run):
    spacing_mm = small_run.spacing_mm("s7")
    ap, lateral = small_run.films("s7")
    known = reconstruct(ap, lateral, model=small_run.model, spacing_mm=spacing_mm)
    unknown = reconstruct(ap, lateral, model=small_run.model)
    assert unknown.scale.grid.spacing_mm == pytest.approx(spacing_mm, rel=0.1)
    apart = np.abs(unknown.volume.array - known.volume.array) * TARGET_MAX
    assert apart.mean() < 2
    assert apart.max() < 0.05 * TARGET_MAX


def test_half_of_a_drr_is_half_as_large(small_run):
    ap, lateral = small_run.films("s7")
    box = (0, 8, 32, 24)
    whole = reconstruct(ap, lateral, model=small_run.model)
    half = reconstruct(ap, lateral, model=small_run.model, ap_box=box, lateral_box=box)
    down, back, left = whole.scale.grid.spacing_mm
    assert half.scale.grid.spacing_mm == pytest.approx((down / 2, back, left))


def test_the_values_of_films_do_not_depend_on_the_size(small_run, films, write_dicom):
    ap, lateral = (films("picture", view, write_dicom) for view in View)
    model = small_run.model
    unknown, small, large = (
        reconstruct(ap, lateral, model=model, spacing_mm=edge).volume.array
        for edge in (None, 1.5, 4.5)
    )
    # The rays of a cone diverge more in a larger volume, and little else changes.
    assert np.abs(small - unknown).mean() < 0.01 * unknown.max()
    assert np.abs(large - unknown).mean() < 0.01 * unknown.max()


def test_films_of_unknown_size_keep_their_proportions_and_fit_into_the_training_volume(
    small_run, films, write_dicom
):
    ap, lateral = (films("picture", view, write_dicom) for view in View)
    result = reconstruct(ap, lateral, model=small_run.model, ap_box=(8, 0, 24, 32))
    down, back, left = result.scale.grid.spacing_mm
    assert (back, left) == pytest.approx((down, down / 2))
    typical = np.array(result.model.statistics.spacing_median_mm)
    share = np.array([down, back, left]) / typical
    assert share.max() == pytest.approx(1)


def test_what_is_cut_off_is_said_and_agreement_is_that_of_the_written_volume(small_run, tmp_path):
    ap, lateral = small_run.films("s7")
    out = tmp_path / "out"
    # The line integrals of a DRR in a tenth of its size need ten times the density of bone.
    reconstruct(ap, lateral, model=small_run.model, spacing_mm=0.35, out=out)
    about = json.loads((out / "spine.json").read_text(encoding="utf-8"))
    warnings = [f["sentence"] for f in about["findings"] if f["check"] == "range"]
    assert len(warnings) == 1
    assert "of the bone was cut off" in warnings[0]
    written = read_volume(out / "spine.nii.gz")
    assert written.array.min() >= -HU_OFFSET
    assert written.array.max() <= TARGET_MAX - HU_OFFSET
    volume = Volume(to_network(written.array + HU_OFFSET), written.grid)
    drrs = reproject(volume, ConeBeam(DRR.source_to_isocentre_mm))
    for view, path in zip(View, (ap, lateral), strict=True):
        expected = view_consistency(drrs[view], read_xray(path).grey).plain()
        assert about["consistency"][view.value] == pytest.approx(expected, abs=2e-4)


def test_a_cleaned_drr_is_a_film(small_run):
    ap, lateral = small_run.films("s7")
    settings = ClinicalSettings(clean="yes")
    result = reconstruct(ap, lateral, model=small_run.model, settings=settings)
    assert not result.scale.full_scale_known
