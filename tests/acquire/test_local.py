"""A folder of the user's own: which files become scans, and their names and patients."""

import os
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from srnet.acquire.acquire import acquire
from srnet.acquire.archive import unpack
from srnet.acquire.local import LONGEST_ID, list_source, only_scan, read_scan
from srnet.config.cohort import FolderSource
from srnet.core.errors import ScanRejected, SrnetError
from srnet.imaging.volume import canonical
from tests.fixtures.dicom import write_series


def settings(folder, **changes):
    return FolderSource(path=str(folder), **changes)


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_images_become_scans_and_other_files_do_not(tmp_path):
    touch(tmp_path, "b.nii.gz", "a.nrrd", "c/d.mha", "c/e.MHD", "f.nii")
    touch(tmp_path, "README.txt", "table.csv", ".hidden.nii", ".cache/x.nii", "c/e.raw")
    scans = list_source(settings(tmp_path))
    assert [scan.scan_id for scan in scans] == ["a", "b", "c_d", "c_e", "f"]
    assert scans[1].files == (str(tmp_path / "b.nii.gz"),)


def test_names_that_collide_stay_apart_and_stable(tmp_path):
    touch(tmp_path, "x.nii", "x.nii.gz", "y.nii")
    names = [scan.scan_id for scan in list_source(settings(tmp_path))]
    assert len(set(names)) == 3
    assert names[-1] == "y"
    touch(tmp_path, "z.nii")
    assert [scan.scan_id for scan in list_source(settings(tmp_path))][:3] == names


def test_every_name_gives_an_id_that_makes_a_short_plain_file_name(tmp_path):
    """A results folder may lie on a file system that takes `A` and `a` for the same."""
    stems = ("{a}", "<results>", "*", "?", "a\nb", "-x", "x ", "Case", "case", "患者", "患儿")
    long = ("l" * 240, "l" * 239 + "m", "患" * 80, "caf\udce9")
    touch(tmp_path, *(f"{stem}.nii.gz" for stem in (*stems, *long)))
    scans = list_source(settings(tmp_path))
    ids = {scan.scan_id.lower() for scan in scans}
    assert len(ids) == len(stems) + len(long)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,119}", name) for name in ids)
    assert all(scan.patient_id.isprintable() for scan in scans)


def test_an_id_does_not_depend_on_what_lies_beside_a_long_name(tmp_path):
    touch(tmp_path, "l" * 240 + ".nii")
    (alone,) = list_source(settings(tmp_path))
    touch(tmp_path, "other.nii", "l" * 239 + ".nii")
    assert alone.scan_id in {scan.scan_id for scan in list_source(settings(tmp_path))}


@pytest.mark.parametrize(
    ("name", "patient"),
    [
        ("openkbp-002", "openkbp-002"),
        ("patient7_ct", "patient7"),
        ("patient7_ct2", "patient7"),
        ("patient7-scan-3", "patient7"),
        ("patient7_series_1_ct", "patient7"),
        ("sub-verse004_split-verse012_ct", "sub-verse004"),
        ("sub-gl003_dir-ax_ct", "sub-gl003"),
    ],
)
def test_patients_by_the_default_pattern(tmp_path, name, patient):
    touch(tmp_path, f"{name}.nii.gz")
    assert list_source(settings(tmp_path))[0].patient_id == patient


def test_patients_by_a_pattern_of_the_user(tmp_path):
    touch(tmp_path, "site1/p001/2004.nii", "site1/p001/2009.nii", "site1/p002/2004.nii")
    scans = list_source(settings(tmp_path, patient_pattern=r"(p\d+)_"))
    assert [scan.patient_id for scan in scans] == ["p001", "p001", "p002"]


@pytest.mark.parametrize(
    "names",
    [
        ("p1/ct.nii.gz", "p1/ct.mha"),
        ("患者一/ct1.nii.gz", "患者一/ct2.nii.gz"),
        ("Mül/a_ct.nii.gz", "Mül/a_ct2.nii.gz"),
        ("Jürgen M_ct.nii", "Jürgen M_scan2.nii"),
    ],
)
def test_the_scans_of_one_person_have_one_patient_whatever_the_folder_is_called(tmp_path, names):
    """Ids are plain ASCII, and carry a hash where two would be equal: patients must not."""
    touch(tmp_path, *names, "p2/ct.nii.gz", "患者二/ct1.nii.gz", "Möl/a_ct.nii.gz")
    scans = list_source(settings(tmp_path))
    patients = {scan.patient_id for scan in scans if scan.files[0].endswith(names)}
    assert len(patients) == 1
    assert len({scan.patient_id for scan in scans}) == 4
    assert len({scan.scan_id for scan in scans}) == 5
    assert all(scan.scan_id.isascii() for scan in scans)


def test_a_name_that_is_no_utf_8_still_has_a_patient(tmp_path):
    """As on a disc from before Unicode."""
    folder = os.fsencode(tmp_path) + b"/M\xfcller"
    touch(tmp_path, os.fsdecode(folder) + "/ct.nii", os.fsdecode(folder) + "/ct2.nii")
    assert [s.patient_id for s in list_source(settings(tmp_path))] == [r"M\xfcller"] * 2


def test_a_link_to_nothing_is_left_out_and_named_once(tmp_path, caplog):
    touch(tmp_path, "a.nii")
    (tmp_path / "gone.nii.gz").symlink_to("/nonexistent")
    (tmp_path / "series").symlink_to("/nowhere")
    assert [scan.scan_id for scan in list_source(settings(tmp_path))] == ["a"]
    told = sorted(line.getMessage() for line in caplog.records)
    end = "is a link whose target is missing and is left out; restore or remove it"
    assert told == [f"{tmp_path / name}: {end}" for name in ("gone.nii.gz", "series")]


def test_a_link_is_followed_but_not_to_a_folder_above(tmp_path):
    touch(tmp_path, "in/p1/ct.nii", "elsewhere/ct.nii")
    (tmp_path / "in" / "self").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "p1" / "up").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "p2").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "in")
    scans = list_source(settings(tmp_path / "in"))
    assert [scan.scan_id for scan in scans] == ["p1_ct", "p2_ct"]


def test_a_pattern_that_finds_no_patient_says_so(tmp_path):
    touch(tmp_path, "abc.nii")
    with pytest.raises(SrnetError, match=r"scan 'abc'.*patient_pattern.*finds no patient"):
        list_source(settings(tmp_path, patient_pattern=r"(p\d+)"))


@pytest.mark.parametrize(
    ("pattern", "reason"), [("(", "not a regular expression"), ("x", "a group")]
)
def test_a_broken_pattern_is_refused_in_the_settings(pattern, reason):
    with pytest.raises(SrnetError, match=reason):
        FolderSource.parse({"path": ".", "patient_pattern": pattern})


def test_include_and_limit_choose(tmp_path):
    touch(tmp_path, *(f"kbp-{n}.nii.gz" for n in range(9)), "hip.nii.gz")
    scans = list_source(settings(tmp_path, include="kbp-*.nii.gz", limit=4))
    assert [scan.scan_id for scan in scans] == ["kbp-0", "kbp-1", "kbp-2", "kbp-3"]


def test_a_missing_folder_is_named_with_the_setting_to_correct(tmp_path):
    with pytest.raises(SrnetError, match=r"nowhere: is not a folder; correct 'path'"):
        list_source(settings(tmp_path / "nowhere"))


def test_a_folder_without_scans_says_what_to_put_there(tmp_path):
    touch(tmp_path, "README.txt")
    with pytest.raises(SrnetError, match=r"holds no scan that matches '\*'; put \*\.nii, "):
        list_source(settings(tmp_path))


def test_what_macos_adds_to_an_archive_is_no_scan(tmp_path, tiny_ct):
    """The Finder packs a shadow of every file, in a folder of its own."""
    write_series(tmp_path / "study", tiny_ct)
    with zipfile.ZipFile(tmp_path / "scan.zip", "w") as packed:
        for file in (tmp_path / "study").iterdir():
            packed.write(file, f"study/{file.name}")
            shadow = b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(140)
            packed.writestr(f"__MACOSX/study/._{file.name}", shadow)
            packed.writestr(f"study/._{file.name}", shadow)
    assert read_scan([tmp_path / "scan.zip"]).array.shape == tiny_ct.array.shape
    (tmp_path / "in").mkdir()
    unpack(tmp_path / "scan.zip", tmp_path / "in")
    (scan,) = list_source(settings(tmp_path / "in"))
    assert scan.scan_id == "study"
    assert only_scan(tmp_path / "in") == (tmp_path / "in" / "study",)


def test_a_folder_of_any_depth_is_searched(tmp_path):
    place = str(tmp_path)
    home = Path.cwd()
    try:
        for _ in range(1200):
            os.chdir(place)
            Path("d").mkdir()
            place = "d"
        os.chdir(place)
        Path("a.nii").touch()
    finally:
        os.chdir(home)
    (scan,) = list_source(settings(tmp_path))
    assert len(scan.scan_id) <= LONGEST_ID
    # Deeper than what removes the folder of a test can reach.
    subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)


def test_good_and_bad_files_side_by_side(tmp_path, tiny_ct, write_nifti):
    write_nifti(tmp_path / "good.nii.gz", tiny_ct.array, tiny_ct.affine)
    (tmp_path / "notes.nii.gz").write_text("call Dr. Smith", encoding="utf-8")
    good, notes = list_source(settings(tmp_path))
    assert acquire(good, seed=1).grid == canonical(tiny_ct).grid
    with pytest.raises(ScanRejected, match=r"notes\.nii\.gz: cannot be read as an image"):
        acquire(notes, seed=1)


def test_the_voxels_beside_an_mhd_header_are_a_file_of_the_scan(tmp_path):
    for name in ("a.mhd", "a.raw", "b.MHD", "b.zraw", "c.mha", "c.raw"):
        (tmp_path / name).touch()
    scans = list_source(FolderSource(path=str(tmp_path)))
    files = [tuple(Path(file).name for file in scan.files) for scan in scans]
    assert files == [("a.mhd", "a.raw"), ("b.MHD", "b.zraw"), ("c.mha",)]
