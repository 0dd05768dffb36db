"""The table of public scans, and the scans that it lists."""

from pathlib import Path

import pytest

from srnet.acquire.acquire import list_scans
from srnet.acquire.verse import read_table, write_table
from srnet.config.cohort import CohortSettings
from srnet.core.errors import SrnetError

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
