"""Archives are unpacked within the target folder, or rejected."""

import errno
import io
import tarfile
import zipfile
from collections import namedtuple

import numpy as np
import pytest

from srnet.acquire.archive import unpack
from srnet.acquire.local import list_source, read_scan
from srnet.config.cohort import FolderSource
from srnet.core.errors import ScanRejected, SrnetError


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


def flagged(path, offset_local, offset_central, value):
    """Write a zip file and then one byte into both headers of its only member."""
    raw = bytearray(make_zip(path, {"a.nii": b"0123456789" * 99}).read_bytes())
    raw[raw.find(b"PK\x03\x04") + offset_local] |= value
    raw[raw.find(b"PK\x01\x02") + offset_central] |= value
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    "read", [lambda path: read_scan([path]), lambda path: unpack(path, path.parent / "out")]
)
def test_a_locked_archive_says_so(tmp_path, read):
    archive = flagged(tmp_path / "locked.zip", 6, 8, 1)
    with pytest.raises(ScanRejected, match=r"locked\.zip: is locked with a password; unpack it"):
        read(archive)
    assert not (tmp_path / "out").exists()


def test_an_unknown_method_says_so(tmp_path):
    archive = flagged(tmp_path / "64.zip", 8, 10, 9)
    with pytest.raises(ScanRejected, match=r"64\.zip: is packed by a method .* such as deflate64"):
        read_scan([archive])


@pytest.mark.parametrize("name", ["a.tar.xz", "a.tar.gz", "a.tar.bz2", "a.zip"])
def test_flipped_bytes_end_in_a_rejection_or_in_the_file(tmp_path, name):
    rng = np.random.default_rng(2)
    members = {"deep/a.nii": rng.integers(0, 50, 30000, np.uint8).tobytes()}
    if name == "a.zip":
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("deep/a.nii", members["deep/a.nii"])
    else:
        make_tar(tmp_path / name, members, f"w:{name.rpartition('.')[2]}")
    whole, reasons = (tmp_path / name).read_bytes(), []
    for start in rng.integers(0, len(whole) - 20, 40):
        damaged = bytearray(whole)
        for place in range(start, start + 20):
            damaged[place] ^= 0xA5
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(ScanRejected) as refusal:  # The unpacked file is not an image either.
            read_scan([tmp_path / name])
        reasons.append(str(refusal.value))
    assert sum("cannot be unpacked" in reason for reason in reasons) > 30
    assert not [reason for reason in reasons if "srnet-" in reason]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"x" * 300 + ".nii": b"x"}, "File name too long: 'x{40}'"),
        ({"a": b"x", "a/ct.nii": b"x"}, r"(Not a directory|File exists): '.*'"),
    ],
)
def test_no_message_holds_the_scratch_folder(tmp_path, members, reason):
    archive = make_zip(tmp_path / "odd.zip", members)
    with pytest.raises(ScanRejected, match=rf"cannot be unpacked \({reason}\)") as refusal:
        read_scan([archive])
    assert "srnet-" not in str(refusal.value)


def test_a_lack_of_room_is_no_fault_of_the_archive(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    archive = make_zip(tmp_path / "scan.zip", {"a.nii": b"x" * 2000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(9, 9, 1000))
    with pytest.raises(SrnetError, match=r"make room, or set TMPDIR") as failure:
        read_scan([archive])
    assert not isinstance(failure.value, ScanRejected)
    assert "srnet-" not in str(failure.value)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_a_disk_that_fails_is_no_fault_of_the_archive(tmp_path, monkeypatch, number):
    def fail(*_, **__):
        raise OSError(number, "no")

    archive = make_zip(tmp_path / "scan.zip", {"a.nii": b"x"})
    monkeypatch.setattr("zipfile.ZipFile.extractall", fail)
    with pytest.raises(OSError, match="no"):
        read_scan([archive])


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
    assert read_scan([tmp_path / "in" / "scan.zip"]).array.shape == tiny_ct.array.shape


def test_an_archive_of_several_scans_says_what_to_do(tmp_path):
    archive = make_zip(tmp_path / "two.zip", {"a.nii": b"x", "b.nii": b"x"})
    with pytest.raises(ScanRejected, match=r"holds 2 scans where one is expected; unpack it"):
        read_scan([archive])


def test_a_bad_file_inside_is_named_by_its_archive(tmp_path):
    archive = make_zip(tmp_path / "bad.zip", {"a.nii": b"no image"})
    with pytest.raises(ScanRejected, match=r"bad\.zip/a\.nii: cannot be read as an image"):
        read_scan([archive])
