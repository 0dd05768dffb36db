"""The table of public scans, and the scans that it lists, to download or in a folder."""

import hashlib
from pathlib import Path

import pytest

from srnet.acquire.acquire import acquire, list_scans
from srnet.acquire.labels import vertebra_labels
from srnet.acquire.verse import read_table, write_table
from srnet.config.cohort import CohortSettings
from srnet.core.errors import ScanRejected, SrnetError
from srnet.imaging.volume import Grid

TABLE = Path(__file__).parents[2] / "config" / "scans.tsv"


def test_the_committed_table_has_the_published_counts():
    rows = read_table(TABLE)
    scans = {
        release: {r.physical_id for r in rows if r.release == release}
        for release in ("verse19", "verse20")
    }
    assert [len(scans["verse19"]), len(scans["verse20"])] == [160, 319]
    assert len(scans["verse19"] & scans["verse20"]) == 105
    assert len(scans["verse19"] | scans["verse20"]) == 374
    assert len({r.patient_id for r in rows}) == 355
    # 37 scans are several of one patient, as their file names say with "split-".
    assert len({r.physical_id for r in rows if r.physical_id != r.patient_id}) == 37
    restricted = [r for r in rows if r.licence == "CC-BY-NC-ND"]
    assert len(restricted) == 30
    assert all(r.patient_id.startswith("gl") and r.release == "verse20" for r in restricted)


def test_the_committed_table_invents_no_address():
    assert all(not r.url and not r.sha256 and not r.osf_file_id for r in read_table(TABLE))


def test_a_table_survives_writing(tmp_path):
    write_table(tmp_path / "t.tsv", read_table(TABLE))
    assert (tmp_path / "t.tsv").read_bytes() == TABLE.read_bytes()


def test_a_wrong_row_is_named_by_its_line(tmp_path):
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    lines[2] = lines[2].replace("yes", "maybe")
    (tmp_path / "t.tsv").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(SrnetError, match=r"t\.tsv, line 3: configuration: 'include' is 'maybe'"):
        read_table(tmp_path / "t.tsv")


def cohort(table, tmp_path, **changes):
    return CohortSettings.parse(
        {
            "sources": [{"kind": kind, "table": str(table)} for kind in ("verse20", "verse19")],
            "downloads": str(tmp_path / "scans"),
            **changes,
        }
    )


def test_a_table_without_addresses_says_what_to_run(tmp_path):
    message = r"319 scans of verse20 have no address yet, .* run `srnet scans refresh`"
    with pytest.raises(SrnetError, match=message):
        list_scans(cohort(TABLE, tmp_path))


@pytest.fixture
def addressed(tmp_path):
    """The committed table as a refresh would leave it."""
    rows = [
        r.model_copy(update={"url": f"https://osf.io/download/{r.scan_id}/"})
        for r in read_table(TABLE)
    ]
    write_table(tmp_path / "scans.tsv", rows)
    return tmp_path / "scans.tsv"


def test_distinct_counting_takes_each_physical_scan_once(addressed, tmp_path):
    scans = list_scans(cohort(addressed, tmp_path))
    assert len(scans) == 374
    assert len({scan.patient_id for scan in scans}) == 355
    # The release that is listed first is kept.
    assert sum(scan.source == "verse20" for scan in scans) == 319
    assert scans[0].files == (str(tmp_path / "scans" / scans[0].scan_id / "ct.nii.gz"),)


def test_paper_counting_keeps_the_repeats(addressed, tmp_path):
    scans = list_scans(cohort(addressed, tmp_path, counting="paper"))
    assert len(scans) == 160 + 319
    assert len({scan.scan_id for scan in scans}) == 479
    assert len({scan.patient_id for scan in scans}) == 355


def test_restricted_scans_can_be_left_out(addressed):
    source = {"kind": "verse20", "table": str(addressed), "non_commercial": False}
    assert len(list_scans(CohortSettings.parse({"sources": [source]}))) == 289


SUBJECTS = {
    "verse19": (
        *("dataset-verse19training/{0}/sub-verse004/sub-verse004_{1}",),
        *("dataset-verse19training/{0}/sub-verse402/sub-verse402_split-verse202_{1}",),
        *("dataset-verse19test/{0}/sub-verse257/sub-verse257_{1}",),
    ),
    "verse20": (
        *("dataset-01training/{0}/sub-verse512/sub-verse512_dir-iso_{1}",),
        *("dataset-01training/{0}/sub-verse402/sub-verse402_split-verse202_{1}",),
        *("dataset-02validation/{0}/sub-gl003/sub-gl003_dir-ax_{1}",),
    ),
}
"""Paths of the subject-based layout, with the kind of tree and of file left open."""

MICCAI = {
    "verse19": ("training_phase/verse004{}", "training_phase/verse202{}", "verse257{}"),
    "verse20": (
        *("01_training/verse512/verse512_CT-iso{}", "01_training/verse402_verse202_CT-iso{}"),
        *("02_validation/GL003/GL003{}",),
    ),
}
IDS = {
    "verse19": ["verse19-verse004", "verse19-verse202", "verse19-verse257"],
    "verse20": ["verse20-gl003", "verse20-verse202", "verse20-verse512"],
}


def touch(folder, *names):
    for name in names:
        path = folder / f"{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")


def subject_based(folder, release):
    for name in SUBJECTS[release]:
        touch(folder, name.format("rawdata", "ct"), name.format("derivatives", "seg-vert_msk"))
        (folder / name.format("derivatives", "seg-subreg_ctd.json")).touch()


def miccai(folder, release):
    touch(folder, *(name.format(end) for name in MICCAI[release] for end in ("", "_seg")))


def local(folder, *releases, table=TABLE, counting="distinct", **changes):
    sources = [
        {"kind": kind, "path": str(folder), "table": str(table), **changes} for kind in releases
    ]
    return list_scans(CohortSettings.parse({"sources": sources, "counting": counting}))


@pytest.mark.parametrize("layout", [subject_based, miccai])
@pytest.mark.parametrize("release", ["verse19", "verse20"])
def test_scans_in_a_folder_are_those_of_the_table(tmp_path, layout, release):
    """Subjects, and ids that name a second scan of one, are the publisher's in either layout."""
    layout(tmp_path, release)
    scans = {scan.scan_id: scan for scan in local(tmp_path, release)}
    assert sorted(scans) == IDS[release]
    split = scans[f"{release}-verse202"]
    assert (split.patient_id, split.physical_id) == ("verse402", "verse202")
    for scan in scans.values():
        (file,) = scan.files
        mask = Path(scan.labels).name.lower()
        assert scan.physical_id in file.lower()
        assert mask.startswith(Path(file).name.lower().removesuffix(".nii.gz").removesuffix("ct"))
        assert mask.endswith(("_seg-vert_msk.nii.gz", "_seg.nii.gz"))


def test_one_folder_may_hold_both_releases(tmp_path):
    for release in SUBJECTS:
        subject_based(tmp_path, release)
    both = local(tmp_path, "verse20", "verse19", counting="paper")
    assert sorted(scan.scan_id for scan in both) == sorted([*IDS["verse19"], *IDS["verse20"]])
    twice = [scan for scan in both if scan.physical_id == "verse202"]
    assert "verse19training" not in twice[0].files[0]
    assert "verse19training" in twice[1].files[0]
    once = local(tmp_path, "verse20", "verse19")
    assert len(once) == len(both) - 1


def test_the_subject_based_file_is_taken_where_both_layouts_lie(tmp_path, caplog):
    miccai(tmp_path, "verse20")
    subject_based(tmp_path, "verse20")
    scans = local(tmp_path, "verse20")
    assert all("rawdata" in scan.files[0] and "derivatives" in scan.labels for scan in scans)
    assert "3 images that repeat a scan are left out" in caplog.text


def test_what_is_missing_and_what_is_not_expected_is_listed(tmp_path, caplog):
    subject_based(tmp_path, "verse20")
    (tmp_path / SUBJECTS["verse20"][0].format("derivatives", "seg-vert_msk.nii.gz")).unlink()
    odd = (
        "rawdata/sub-verse999/sub-verse999_ct",
        "rawdata/sub-verse403/sub-verse403_split-verse202_ct",
        "notes/mean",
    )
    touch(tmp_path, *odd, "verse012")
    local(tmp_path, "verse20")
    said = caplog.text
    assert "316 of 319 scans of verse20 are missing: verse20-gl016" in said
    assert "1 of 3 scans of verse20 have no vertebra labels: verse20-verse512" in said
    assert "1 images of another release than verse20 are left out: verse012" in said
    assert "3 images that" in said
    assert all(name in said for name in odd)


def test_a_folder_without_the_release_says_what_was_looked_for(tmp_path):
    subject_based(tmp_path, "verse19")
    with pytest.raises(SrnetError, match=r"no file of verse20 that .*sub-verse004_ct.nii.gz"):
        local(tmp_path, "verse20")
    with pytest.raises(SrnetError, match="is not a folder; correct 'path'"):
        local(tmp_path / "none", "verse20")


def test_the_choice_of_scans_is_the_same_in_a_folder(tmp_path):
    subject_based(tmp_path, "verse20")
    names = [scan.scan_id for scan in local(tmp_path, "verse20", non_commercial=False)]
    assert names == ["verse20-verse202", "verse20-verse512"]
    assert len(local(tmp_path, "verse20", limit=1)) == 1
    rows = [
        r.model_copy(update={"include": "no"} if r.physical_id == "verse512" else {})
        for r in read_table(TABLE)
    ]
    write_table(tmp_path / "scans.tsv", rows)
    left = local(tmp_path, "verse20", table=tmp_path / "scans.tsv")
    assert [scan.scan_id for scan in left] == ["verse20-gl003", "verse20-verse202"]


@pytest.fixture
def stated(tmp_path, tiny_ct, write_nifti):
    """Return a table with the length and digest of one scan and its labels, and its folder."""
    folder = tmp_path / "copy"
    subject_based(folder, "verse19")
    ct, mask = (
        folder / SUBJECTS["verse19"][0].format(tree, f"{kind}.nii.gz")
        for tree, kind in (("rawdata", "ct"), ("derivatives", "seg-vert_msk"))
    )
    for path, array in ((ct, tiny_ct.array), (mask, (tiny_ct.array > 500).astype("uint8"))):
        write_nifti(path, array, tiny_ct.affine)
    facts = {
        **{"url": "https://osf.io/1", "labels_url": "https://osf.io/2"},
        **{"bytes": ct.stat().st_size, "labels_bytes": mask.stat().st_size},
        "sha256": hashlib.sha256(ct.read_bytes()).hexdigest(),
        "labels_sha256": hashlib.sha256(mask.read_bytes()).hexdigest(),
    }
    rows = [
        r.model_copy(update=facts if r.scan_id == "verse19-verse004" else {})
        for r in read_table(TABLE)
    ]
    write_table(tmp_path / "scans.tsv", rows)
    return tmp_path / "scans.tsv", folder


def test_a_file_is_read_if_it_is_the_published_one(stated):
    table, folder = stated
    scan = local(folder, "verse19", table=table)[0]
    grid = acquire(scan, seed=1).grid
    assert vertebra_labels(scan, 1, grid).any()
    for file in (scan.files[0], scan.labels):
        data = bytearray(Path(file).read_bytes())
        data[-9] ^= 1
        Path(file).write_bytes(data)
    with pytest.raises(ScanRejected, match=r"sub-verse004_ct.nii.gz: has the SHA-256 .* again"):
        acquire(scan, seed=1)
    with pytest.raises(ScanRejected, match=r"sub-verse004_seg-vert_msk.nii.gz: has the SHA-256"):
        vertebra_labels(scan, 1, Grid((4, 4, 4), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)))


def test_the_miccai_edition_has_other_bytes_and_no_published_digest(stated, tmp_path):
    table, folder = stated
    old = local(folder, "verse19", table=table)[0].files[0]
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "verse004.nii.gz").write_bytes(Path(old).read_bytes() + b"\0" * 8)
    (scan,) = local(tmp_path / "flat", "verse19", table=table)
    assert not scan.remotes
