from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from nibabel import orientations

from srnet.commands.main import main
from srnet.imaging.geometry import View
from srnet.imaging.volume import Volume, read_volume
from srnet.imaging.xray import read_xray

ORIENTATIONS = ["RAS", "LPS", "PIR", "LAS"]


def patient() -> Volume:
    """Return an asymmetric body of 3 mm voxels: fat, muscle, a column, a rod in front left."""
    from srnet.imaging.volume import Grid

    shape = 40, 60, 72
    _, back, left = np.indices(shape).astype(float)
    hu = np.full(shape, -1000, np.int16)
    radius = np.hypot((back - 28) / 24, (left - 36) / 32)
    hu[radius < 1] = -100
    hu[radius < 0.9] = 45
    hu[np.hypot(back - 36, left - 36) < 7] = 700
    hu[np.hypot(back - 14, left - 50) < 3] = 600
    hu[:25, 20:24, 12:16] = 500
    noise = np.random.default_rng(0).integers(-8, 9, shape)
    hu = np.where(hu > -1000, hu + noise, hu).astype(np.int16)
    return Volume(hu, Grid.centred(shape, (3.0, 2.75, 3.25), (0.0, 0.0, 0.0)))


def write(volume: Volume, axes: str, path: Path) -> Path:
    """Write a volume with its file's axes running as `axes` says, in the format of the suffix."""
    turn = orientations.ornt_transform(
        orientations.axcodes2ornt(("I", "P", "L")), orientations.axcodes2ornt(tuple(axes))
    )
    array = orientations.apply_orientation(volume.array, turn)
    affine = volume.grid.affine @ orientations.inv_ornt_aff(turn, volume.array.shape)
    if path.name.endswith(".nii.gz"):
        nibabel.save(nibabel.Nifti1Image(array, affine), path)
        return path
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T))
    image.SetSpacing(steps.tolist())
    lps = np.diag([-1.0, -1.0, 1.0])
    image.SetDirection((lps @ affine[:3, :3] / steps).ravel().tolist())
    image.SetOrigin((lps @ affine[:3, 3]).tolist())
    SimpleITK.WriteImage(image, str(path))
    return path


def prepared(scan: Path, folder: Path, *options: str):
    """Return the bone, the volume and both x-rays that the command writes."""
    assert main(["prepare", str(scan), str(folder), "--size", "48", *options]) == 0
    volumes = [read_volume(folder / f"{name}.nii.gz") for name in ("bone", "volume")]
    return *volumes, *(read_xray(folder / f"{view.value}.png") for view in View)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    return prepared(write(patient(), "RAS", folder / "ct.nii.gz"), folder / "out")


@pytest.mark.parametrize("suffix", [".nii.gz", ".mha"])
@pytest.mark.parametrize("axes", ORIENTATIONS)
def test_the_file_s_orientation_and_format_do_not_matter(reference, axes, suffix, tmp_path):
    found = prepared(write(patient(), axes, tmp_path / f"ct{suffix}"), tmp_path / "out")
    for ours, expected in zip(found[:2], reference[:2], strict=True):
        np.testing.assert_array_equal(ours.array, expected.array)
        assert ours.grid.affine == pytest.approx(expected.grid.affine, abs=1e-4)
    for ours, expected in zip(found[2:], reference[2:], strict=True):
        np.testing.assert_array_equal(ours.grey, expected.grey)
        assert ours.full_scale_hu_mm == pytest.approx(expected.full_scale_hu_mm, rel=1e-6)


def test_a_mirrored_patient_gives_mirrored_products(reference, tmp_path):
    mirrored = Volume(patient().array[:, :, ::-1], patient().grid)
    scan = write(mirrored, "RAS", tmp_path / "ct.nii.gz")
    bone, volume, ap, lateral = prepared(scan, tmp_path / "out")
    np.testing.assert_array_equal(bone.array, reference[0].array[:, :, ::-1])
    np.testing.assert_array_equal(volume.array, reference[1].array[:, :, ::-1])
    assert ap.grey == pytest.approx(reference[2].grey[:, ::-1], abs=1e-4)
    # The lateral image differs by perspective alone: what was near is now far.
    assert np.corrcoef(lateral.grey.ravel(), reference[3].grey.ravel())[0, 1] > 0.9


def test_from_far_away_a_mirrored_patient_has_the_same_lateral_image(tmp_path):
    far = ["--source-to-isocentre-mm", "1e6"]
    images = []
    for name, array in (("a", patient().array), ("b", patient().array[:, :, ::-1])):
        scan = write(Volume(array, patient().grid), "RAS", tmp_path / f"{name}.nii.gz")
        images.append(prepared(scan, tmp_path / name, *far)[3])
    assert images[0].grey == pytest.approx(images[1].grey, abs=0.003)


def test_says_what_it_found(tmp_path, capsys):
    scan = write(patient(), "RAS", tmp_path / "ct.nii.gz")
    prepared(scan, tmp_path / "out")
    printed = capsys.readouterr().out
    assert printed.startswith("bone above ")
    assert f"{tmp_path / 'out'}: bone.nii.gz, volume.nii.gz, ap.png, lateral.png" in printed


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--size", "7"], "--size 7: give 16 to 512 voxels"),
        (["--source-to-isocentre-mm", "-541"], "should be greater than 0"),
    ],
)
def test_options_out_of_range_are_refused_on_one_line(options, reason, tmp_path, capsys):
    scan = write(patient(), "RAS", tmp_path / "ct.nii.gz")
    assert main(["prepare", str(scan), str(tmp_path / "out"), *options]) == 2
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_missing_scan_is_named(tmp_path, capsys):
    assert main(["prepare", str(tmp_path / "none.nii"), str(tmp_path)]) == 2
    assert "none.nii: does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["ct.nii.gz", "scans/2024/ct.nii.gz"])
def test_a_folder_that_holds_one_scan_stands_for_it(reference, place, tmp_path):
    (tmp_path / "p1" / place).parent.mkdir(parents=True)
    write(patient(), "RAS", tmp_path / "p1" / place)
    (tmp_path / "p1" / "notes.txt").write_text("fell from a ladder", encoding="utf-8")
    found = prepared(tmp_path / "p1", tmp_path / "out")
    np.testing.assert_array_equal(found[1].array, reference[1].array)


def test_a_folder_with_one_series_in_a_folder_of_its_own_stands_for_it(reference, tmp_path):
    image = SimpleITK.ReadImage(str(write(patient(), "LPS", tmp_path / "ct.mha")))
    (tmp_path / "p1" / "S1").mkdir(parents=True)
    for index in range(image.GetSize()[2]):
        slice_ = image[:, :, index : index + 1]
        place = [str(value) for value in image.TransformIndexToPhysicalPoint((0, 0, index))]
        cosines = image.GetDirection()
        row, column = cosines[0::3], cosines[1::3]
        tags = {
            "0008|0060": "CT",
            "0020|000e": "1.2.3",
            "0020|0032": "\\".join(place),
            "0020|0037": "\\".join(map(str, (*row, *column))),
            "0028|1052": "0",
            "0028|1053": "1",
        }
        for tag, value in tags.items():
            slice_.SetMetaData(tag, value)
        writer = SimpleITK.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetFileName(str(tmp_path / "p1" / "S1" / f"{index:03d}.dcm"))
        writer.Execute(slice_)
    found = prepared(tmp_path / "p1", tmp_path / "out")
    np.testing.assert_array_equal(found[1].array, reference[1].array)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a.nii.gz", "b/c.mha"], "p1: holds 2 scans (a.nii.gz, b/c.mha); give one of them"),
        (list("123456"), "holds 6 scans (1.nii, 2.nii, 3.nii, 4.nii, 5.nii, ...); give one"),
        ([], "p1: holds no scan that matches"),
    ],
)
def test_a_folder_that_does_not_hold_one_scan_says_what_it_holds(names, message, tmp_path, capsys):
    (tmp_path / "p1" / "b").mkdir(parents=True)
    for name in names:
        (tmp_path / "p1" / (name if "." in name else f"{name}.nii")).touch()
    assert main(["prepare", str(tmp_path / "p1"), str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
