"""A cohort of DICOM folders through the engine: recorded, verified, prepared again."""

from pathlib import Path

import pytest
import SimpleITK
import yaml

from srnet.acquire.generated import read
from srnet.acquire.scan import Scan
from srnet.imaging.volume import write_volume

CONFIG = {
    "size": 32,
    "cohort": {"sources": [{"kind": "folder", "path": "dicom"}]},
    "split": {"validation_fraction": 0.25, "test_fraction": 0.25},
}
SPLIT = "results/split.tsv"
RUN = ("--cores", "2", "--", SPLIT)

pytestmark = pytest.mark.slow


def write_series(volume: Path, folder: Path) -> None:
    """Write a NIfTI volume as a DICOM series of axial slices."""
    folder.mkdir(parents=True)
    image = SimpleITK.Cast(SimpleITK.ReadImage(str(volume)), SimpleITK.sitkInt16)
    direction = image.GetDirection()
    # Orientation: the first two columns of the matrix of directions.
    cosines = [direction[3 * row + column] for column in range(2) for row in range(3)]
    writer = SimpleITK.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for index in range(image.GetDepth()):
        plane = image[:, :, index]
        position = image.TransformIndexToPhysicalPoint((0, 0, index))
        tags = {
            "0008|0060": "CT",
            "0008|0018": f"1.2.3.{index + 1}",
            "0020|000e": f"1.2.3.{folder.name[1:]}",
            "0020|0032": "\\".join(f"{value:g}" for value in position),
            "0020|0037": "\\".join(f"{value:g}" for value in cosines),
        }
        for tag, value in tags.items():
            plane.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{index:03d}.dcm"))
        writer.Execute(plane)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """Return a folder with a configuration and four series."""
    folder = tmp_path_factory.mktemp("dicom")
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    for index in range(4):
        name = f"p{index}"
        scan = Scan(scan_id=name, patient_id=name, source="phantom", index=index, spacing_mm=4.0)
        write_volume(folder / f"{name}.nii.gz", read(scan, seed=1))
        write_series(folder / f"{name}.nii.gz", folder / "dicom" / name)
    return folder


@pytest.fixture(scope="module")
def prepared(project, workplace):
    """Run the pipeline up to the split."""
    project.snakemake(*RUN, folder=workplace)
    return workplace


def test_folders_of_slices_are_scans_of_the_cohort(project, prepared):
    rows = [
        line.split("\t")[0] for line in (prepared / SPLIT).read_text(encoding="utf-8").splitlines()
    ]
    assert {"p0", "p1", "p2", "p3"} <= set(rows)
    status, said = project.srnet("audit", "verify", "results", folder=prepared)
    assert status == 0, said
    status, said = project.srnet("audit", "export", "results", folder=prepared)
    assert status == 0, said
    assert "Nothing to be done" in project.snakemake("--dry-run", *RUN, folder=prepared)


def test_a_changed_slice_is_named_and_prepared_again(project, prepared):
    """In place it is seen by the audit only; put in the place of another, by the engine too."""
    slice_ = prepared / "dicom/p2/010.dcm"
    data = bytearray(slice_.read_bytes())
    data[-7] ^= 1
    slice_.write_bytes(data)
    status, said = project.srnet("audit", "verify", "results", folder=prepared)
    assert status == 1
    assert "changed  dicom/p2: 1 of its files differ, such as 010.dcm" in said
    (prepared / "new").write_bytes(data)
    (prepared / "new").replace(slice_)
    project.snakemake(*RUN, folder=prepared)
    status, said = project.srnet("audit", "verify", "results", folder=prepared)
    assert status == 0, said
