"""Images, series and archives that are damaged in any way: read, or refused by name."""

import io
import tarfile
import zipfile
import zlib

import nibabel
import pytest
import SimpleITK

from srnet.acquire.acquire import acquire
from srnet.acquire.local import list_source
from srnet.acquire.scan import Scan
from srnet.config.cohort import FolderSource
from srnet.imaging.image import Image
from srnet.imaging.volume import canonical, read_volume, write_volume
from tests.fixtures.dicom import write_enhanced, write_series
from tests.fixtures.mutations import count_outcomes

pytestmark = pytest.mark.slow


def read_image(path):
    acquire(Scan(scan_id="x", patient_id="x", source="folder", files=(str(path),)), seed=1)


def read_folder(path):
    """Read the folder that the file lies in, as a run does: listed first, then read."""
    for scan in list_source(FolderSource(path=str(path.parent))):
        volume = acquire(scan, seed=1)
        assert volume.grid.shape == (16, 44, 40)
        assert volume.grid.spacing_mm == pytest.approx((3, 2, 2), rel=0.01)


def read_own(path):
    read_volume(path)


def write_itk(path, image, packed):
    itk = SimpleITK.GetImageFromArray(image.array.T)
    itk.SetSpacing(image.spacing_mm)
    SimpleITK.WriteImage(itk, str(path), useCompression=packed)


@pytest.fixture
def make(tiny_ct, tmp_path, write_nifti):
    """Return a function that writes a good file of a kind and returns its path."""
    small = Image(tiny_ct.array[:, :, 12:28], tiny_ct.affine, tiny_ct.spacing_mm)

    def write(kind):
        path = tmp_path / kind
        if ".nii" in kind:
            write_nifti(path, tiny_ct.array, tiny_ct.affine)
        elif kind in {"raw.mha", "raw.nrrd", "a.mhd"}:
            write_itk(path, tiny_ct, packed=False)
        elif kind in {"packed.mha", "packed.nrrd", "z.mhd"}:
            write_itk(path, tiny_ct, packed=True)
        elif kind == "series":
            path = write_series(tmp_path / kind, small) / "0000.dcm"
        elif kind == "enhanced":
            path = write_enhanced(tmp_path / kind / "1.dcm", small, range(16))
        else:
            write_series(tmp_path / "inside", small)
            if kind.endswith(".zip"):
                with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
                    for file in (tmp_path / "inside").iterdir():
                        packed.write(file, file.name)
            else:
                with tarfile.open(path, f"w:{kind.rpartition('.')[2]}") as tape:  # type: ignore[call-overload]
                    tape.add(tmp_path / "inside", "inside")
        return path

    return write


IMAGES = [
    "a.nii",
    "a.nii.gz",
    "raw.mha",
    "packed.mha",
    "raw.nrrd",
    "packed.nrrd",
    "a.mhd",
    "z.mhd",
]
FOLDERS = ["series", "enhanced", "a.zip", "a.tar.gz", "a.tar.xz", "a.tar.bz2"]


@pytest.mark.parametrize(
    ("kind", "reader", "count"),
    [
        *((kind, read_image, 100) for kind in IMAGES),
        *((kind, read_folder, 60) for kind in FOLDERS[2:]),
        *((kind, read_folder, 100) for kind in FOLDERS[:2]),
    ],
)
def test_mutated_files_are_read_or_refused(make, capsys, kind, reader, count):
    outcomes = count_outcomes(reader, make(kind), count)
    with capsys.disabled():
        print(f"\n{kind}: {dict(outcomes)}", end=" ")  # noqa: T201 - what the run is to show
    assert outcomes.total() == count
    assert outcomes["refused"] > count / 3


def test_mutated_volumes_of_this_package_are_read_or_refused(tiny_ct, tmp_path, capsys):
    write_volume(tmp_path / "a.nii.gz", canonical(tiny_ct))
    outcomes = count_outcomes(read_own, tmp_path / "a.nii.gz", 100)
    with capsys.disabled():
        print(f"\nown volume: {dict(outcomes)}", end=" ")  # noqa: T201 - what the run is to show
    assert outcomes["refused"] > 70


def zip_of_zeros(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for number in range(3):
            packed.writestr(f"{number}.nii", bytes(1 << 29))


def tar_of_zeros(path):
    """A small member, and far more zeros than a tape has at its end."""
    content = io.BytesIO()
    with tarfile.TarFile(fileobj=content, mode="w") as packed:
        packed.addfile(tarfile.TarInfo("a.nii"))
    gzip_zeros(path, content.getvalue(), 4000)


def gzip_zeros(path, beginning, count):
    """Write a stream of `count` MiB of zeros; it is to be refused before its missing end."""
    stream = zlib.compressobj(9, wbits=31)
    start = stream.compress(beginning) + stream.flush(zlib.Z_FULL_FLUSH)
    block = stream.compress(bytes(1 << 20)) + stream.flush(zlib.Z_FULL_FLUSH)
    path.write_bytes(start + block * count)


def gzip_of_zeros(path):
    header = nibabel.Nifti1Header()
    header.set_data_shape((1290, 1290, 1290))
    header["vox_offset"], header["magic"], header["sform_code"] = 352, b"n+1", 1
    gzip_zeros(path, header.binaryblock + bytes(4), 3500)


def claim_of_nifti(path):
    header = nibabel.Nifti1Header()
    header.set_data_shape((32767, 32767, 32767))
    header["vox_offset"], header["magic"], header["sform_code"] = 352, b"n+1", 1
    path.write_bytes(header.binaryblock + bytes(1000))


def claim_of_mhd(path):
    text = (
        "ObjectType = Image\nNDims = 3\nDimSize = 65535 65535 400\nElementType = MET_SHORT\n"
        "ElementSpacing = 1 1 1\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nElementDataFile = a.raw\n"
    )
    path.write_text(text, encoding="ascii")
    path.with_suffix(".raw").write_bytes(bytes(1000))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.nii", claim_of_nifti),
        ("a.mhd", claim_of_mhd),
        ("a.nii.gz", gzip_of_zeros),
        ("a.zip", zip_of_zeros),
        ("a.tar.gz", tar_of_zeros),
    ],
)
def test_a_claim_beyond_what_a_file_can_hold_is_its_own_fault(tmp_path, name, write):
    """Not the fault of the machine, which a later try would mend."""
    write(tmp_path / name)
    assert count_outcomes(read_image, tmp_path / name, 1, mutated=False) == {"refused": 1}
