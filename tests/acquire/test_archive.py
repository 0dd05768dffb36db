"""Archives are unpacked where they should be, or not at all."""

import io
import tarfile
import zipfile

import pytest

from srnet.acquire.archive import unpack
from srnet.acquire.local import list_source, read_path
from srnet.config.cohort import FolderSource
from srnet.errors import ScanRejected


def make_zip(path, members):
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return path


def make_tar(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as packed:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("name", ["../evil.txt", "a/../../evil.txt", "/tmp/evil.txt", "..\\evil"])
@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_a_path_that_leaves_the_folder_is_refused_before_anything_is_written(tmp_path, make, name):
    suffix = ".zip" if make is make_zip else ".tar.gz"
    archive = make(tmp_path / f"hostile{suffix}", {"good.txt": b"x", name: b"x"})
    with pytest.raises(ScanRejected) as refusal:
        unpack(archive, tmp_path / "out")
    assert str(refusal.value) == (
        f"{archive}: its member '{name}' would be written outside of the folder; "
        "the archive is damaged or hostile, so do not use it"
    )
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "evil.txt").exists()


def test_links_are_refused(tmp_path):
    archive = tmp_path / "links.tar"
    with tarfile.open(archive, "w") as packed:
        info = tarfile.TarInfo("passwords")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        packed.addfile(info)
    with pytest.raises(ScanRejected, match="'passwords' is a link or a device"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("name", ["cut.zip", "cut.tar.gz", "cut.tar.xz"])
def test_a_damaged_archive_is_refused(tmp_path, name):
    archive = tmp_path / name
    whole = make_zip(tmp_path / "whole", {"a": b"0123456789" * 999})
    archive.write_bytes(whole.read_bytes()[:60])
    with pytest.raises(ScanRejected, match=f"{name}: cannot be unpacked .*download it again"):
        unpack(archive, tmp_path / "out")


def test_an_empty_archive_is_refused(tmp_path):
    (tmp_path / "nothing.zip").touch()
    with pytest.raises(ScanRejected, match=r"nothing\.zip: is empty \(0 bytes\)"):
        unpack(tmp_path / "nothing.zip", tmp_path / "out")


def test_a_good_archive_keeps_its_tree(tmp_path):
    archive = make_zip(tmp_path / "good.zip", {"a/b/c.txt": b"hello", "d.txt": b"there"})
    unpack(archive, tmp_path / "out")
    assert (tmp_path / "out/a/b/c.txt").read_bytes() == b"hello"
    assert (tmp_path / "out/d.txt").read_bytes() == b"there"


def test_an_archive_of_one_scan_is_a_scan(tmp_path, tiny_ct, write_nifti):
    nifti = write_nifti(tmp_path / "one.nii.gz", tiny_ct.array, tiny_ct.affine)
    (tmp_path / "in").mkdir()
    make_zip(tmp_path / "in" / "scan.zip", {"deep/one.nii.gz": nifti.read_bytes()})
    (scan,) = list_source(FolderSource(path=str(tmp_path / "in")))
    assert scan.scan_id == "scan"
    assert read_path(tmp_path / "in" / "scan.zip").array.shape == tiny_ct.array.shape


def test_an_archive_of_several_scans_says_what_to_do(tmp_path):
    archive = make_zip(tmp_path / "two.zip", {"a.nii": b"x", "b.nii": b"x"})
    with pytest.raises(ScanRejected, match=r"holds 2 scans where one is expected; unpack it"):
        read_path(archive)


def test_a_bad_file_inside_is_named_by_its_archive(tmp_path):
    archive = make_zip(tmp_path / "bad.zip", {"a.nii": b"no image"})
    with pytest.raises(ScanRejected, match=r"bad\.zip/a\.nii: cannot be read as an image"):
        read_path(archive)
