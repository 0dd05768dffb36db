"""A folder, such as a DICOM series, counts by the names and bytes of its files."""

import pytest

from srnet.core.digest import read_content
from srnet.provenance import claim
from srnet.provenance.claim import Run, start_run
from srnet.provenance.code import ROOT, code_digest, code_listing
from srnet.provenance.record import Job, recorded
from srnet.provenance.store import Store
from srnet.provenance.verify import verify


@pytest.fixture
def series(tmp_path):
    """Return a folder of three slices."""
    folder = tmp_path / "series"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.dcm").write_bytes(bytes([number]) * 10)
    return folder


def sha256(folder) -> str:
    content = read_content(folder)
    assert content is not None
    return content.sha256


def test_a_folder_is_as_large_as_its_files(series):
    content = read_content(series)
    assert content is not None
    assert content.bytes == 30
    assert list(content.files) == ["0.dcm", "1.dcm", "2.dcm"]


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "1.dcm").write_bytes(b"x" * 10),
        lambda folder: (folder / "1.dcm").rename(folder / "9.dcm"),
        lambda folder: (folder / "1.dcm").unlink(),
        lambda folder: (folder / "3.dcm").write_bytes(b""),
    ],
    ids=["changed", "renamed", "removed", "added"],
)
def test_every_slice_counts(series, change):
    before = sha256(series)
    change(series)
    assert sha256(series) != before


def test_place_time_and_what_no_reader_sees_do_not_count(series):
    before = sha256(series)
    (series / ".DS_Store").write_text("of the desktop", encoding="utf-8")
    (series / "0.dcm").touch()
    (series / "report").mkdir()
    assert sha256(series.rename(series.parent / "moved")) == before


def test_where_nothing_is_there_is_no_content(tmp_path):
    assert read_content(tmp_path / "none") is None


def test_a_changed_slice_is_named(series, tmp_path):
    out = tmp_path / "results/ct.nii.gz"
    out.parent.mkdir()
    script = ROOT / "workflow/scripts/acquire.py"
    code = code_digest(script)
    start_run(out.parent, Run("engine 1", {}, {}, {code: code_listing(script)}))
    files = {"files": [str(series)]}, {"ct": [str(out)]}
    with recorded(Job(str(out.parent), "acquire", {}, {"code": code}, *files)):
        out.write_text("a volume", encoding="utf-8")
    assert verify(out.parent).findings == ()
    record = Store(out.parent).read_artifact("ct.nii.gz")
    assert record is not None
    assert record["inputs"][0]["bytes"] == 30
    (series / "1.dcm").write_bytes(b"x" * 10)
    (finding,) = verify(out.parent).findings
    assert (finding.kind, finding.path) == ("changed", str(series))
    assert "1 of its files differ, such as 1.dcm" in finding.reason
    assert finding.dependants == ("ct.nii.gz",)


@pytest.fixture(autouse=True)
def _forget_the_run(monkeypatch):
    monkeypatch.setenv("SRNET_RUN", "")
    yield
    claim._held.clear()
