"""Filling the table of public scans from the listing of OSF."""

import pytest

from srnet.acquire.acquire import acquire, list_scans
from srnet.acquire.osf import NODES, osf_client, refresh
from srnet.acquire.verse import PublicScan, read_table, write_table
from srnet.commands.main import main
from srnet.config.cohort import CohortSettings
from srnet.core.errors import SrnetError

NODE = NODES["verse20"]
ROOT = f"/nodes/{NODE}/files/osfstorage/?page[size]=100"
NAMES = (
    "sub-verse512_ct.nii.gz",
    "sub-verse400_split-verse090_ct.nii.gz",
    "sub-gl003_dir-ax_ct.nii.gz",
    "sub-verse600_dir-sag_ct.nii.gz",
    "sub-verse600_dir-iso_ct.nii.gz",
)


@pytest.fixture
def osf(site):
    """Return a listing with two pages, folders of subjects, and files that are not CTs."""
    for name in NAMES:
        site.files[f"/d/{name}"] = name.encode() * 100
    site.files["/d/mask"] = b"mask"
    site.add_folder("/f/1", [(NAMES[0], f"/d/{NAMES[0]}"), ("sub-verse512_seg.nii.gz", "/d/mask")])
    site.add_folder("/f/2", [(name, f"/d/{name}") for name in NAMES[1:]])
    second = "/page/2"
    site.add_folder(ROOT, [("sub-verse512", "/f/1")], following=site.address + second)
    site.add_folder(second, [("others", "/f/2")])
    return site


def row(name, **changes):
    values = {
        "scan_id": f"verse20-{name}",
        "patient_id": name,
        "physical_id": name,
        "release": "verse20",
        "licence": "CC-BY-SA-4.0",
    }
    return PublicScan.parse({**values, **changes})


def test_refresh_fills_addresses_lengths_and_digests(osf, client):
    rows = [row("verse512"), row("verse090", patient_id="verse400"), row("verse700")]
    filled = {r.scan_id: r for r in refresh(rows, client, "verse20", osf.address)}
    found = filled["verse20-verse512"]
    path = f"/d/{NAMES[0]}"
    assert (found.url, found.bytes) == (osf.address + path, len(osf.files[path]))
    assert found.sha256 == osf.digest(path)
    assert filled["verse20-verse090"].patient_id == "verse400"
    assert filled["verse20-verse090"].url
    assert filled["verse20-gl003"].licence == "CC-BY-NC-ND"
    assert {"verse20-verse600-sag", "verse20-verse600-iso"} <= set(filled)
    gone = filled["verse20-verse700"]
    assert (gone.include, gone.reason, gone.url) == ("no", "not on the server", "")


def test_refresh_finds_the_vertebra_labels_beside_the_scan(osf, client, tmp_path):
    osf.files["/d/labels"] = b"labels" * 50
    mask = "sub-verse400_split-verse090_seg-vert_msk.nii.gz"
    osf.add_folder("/f/1", [(NAMES[0], f"/d/{NAMES[0]}"), (mask, "/d/labels")])
    filled = refresh([], client, "verse20", osf.address)
    found = {r.scan_id: r for r in filled}["verse20-verse090"]
    assert (found.labels_url, found.labels_bytes) == (osf.address + "/d/labels", 300)
    assert found.labels_sha256 == osf.digest("/d/labels")
    write_table(tmp_path / "t.tsv", filled)
    source = {"kind": "verse20", "table": str(tmp_path / "t.tsv")}
    settings = {"sources": [source], "downloads": str(tmp_path / "scans")}
    scans = list_scans(CohortSettings.parse(settings))
    labels = {scan.scan_id: scan.labels for scan in scans}
    assert labels.pop("verse20-verse090").endswith("scans/verse20-verse090/labels.nii.gz")
    assert set(labels.values()) == {""}


def test_refresh_follows_pages_folders_and_is_throttled(osf, client):
    refresh([], client, "verse20", osf.address)
    assert osf.asked[ROOT] == osf.asked["/page/2"] == osf.asked["/f/1"] == osf.asked["/f/2"] == 1
    assert len([pause for pause in client.pauses if 0.5 < pause <= 0.8]) == 3


def test_refresh_tries_again_while_the_api_is_busy(osf, client):
    osf.faults["/f/1"] = [429, 429]
    assert len(refresh([], client, "verse20", osf.address)) == 5
    assert client.pauses.count(7.0) == 2


def test_what_was_excluded_by_hand_stays_excluded(osf, client):
    rows = [row("verse512", include="no", reason="motion")]
    (found, *_) = refresh(rows, client, "verse20", osf.address)
    assert (found.include, found.reason) == ("no", "motion")
    assert found.url


def test_refresh_is_stable(osf, client):
    once = refresh([row("verse512")], client, "verse20", osf.address)
    assert refresh(once, client, "verse20", osf.address) == once


def test_an_answer_in_another_form_is_an_error(site, client):
    site.pages[ROOT] = {"message": "hello"}
    with pytest.raises(SrnetError, match="the answer lacks 'data'; the API has changed"):
        refresh([], client, "verse20", site.address)


def test_a_node_without_scans_is_an_error(site, client):
    site.add_folder(ROOT, [])
    with pytest.raises(SrnetError, match=f"node {NODE} of verse20 lists no sub-"):
        refresh([], client, "verse20", site.address)


def test_a_node_that_is_gone_is_named(site, client):
    with pytest.raises(SrnetError, match=rf"nodes/{NODE}/.*the server answered 404; check the"):
        refresh([], client, "verse20", site.address)


def test_from_listing_to_volume(site, client, tmp_path, tiny_ct, write_nifti):
    """The whole path of a public scan: table, refresh, download, import."""
    content = write_nifti(tmp_path / "x.nii.gz", tiny_ct.array, tiny_ct.affine).read_bytes()
    site.files["/d/1"] = content
    site.add_folder(ROOT, [("sub-verse512_ct.nii.gz", "/d/1")])
    write_table(tmp_path / "t.tsv", refresh([row("verse512")], client, "verse20", site.address))
    source = {"kind": "verse20", "table": str(tmp_path / "t.tsv")}
    settings = {"sources": [source], "downloads": str(tmp_path / "scans")}
    (scan,) = list_scans(CohortSettings.parse(settings))
    client.fetch(scan.remotes[0], scan.files[0])
    assert acquire(scan, seed=1).grid.shape == (36, 44, 40)


def test_the_command_writes_the_table(osf, tmp_path, capsys):
    write_table(tmp_path / "t.tsv", [row("verse512"), row("verse700")])
    arguments = ["--table", str(tmp_path / "t.tsv"), "--api", osf.address, "--release", "verse20"]
    assert main(["scans", "refresh", *arguments]) == 0
    assert "verse20: 5 scans with an address, 1 not on the server" in capsys.readouterr().out
    assert len(read_table(tmp_path / "t.tsv")) == 6


def test_a_release_that_is_listed_is_kept_when_the_next_fails(osf, tmp_path, capsys):
    """Without a token the second release is hours away."""
    table = tmp_path / "t.tsv"
    write_table(table, [row("verse512")])
    root = ROOT.replace(NODE, NODES["verse19"])
    osf.files["/d/first"] = b"first"
    osf.add_folder(root, [("sub-verse004_ct.nii.gz", "/d/first")])
    osf.pages.pop(ROOT)
    assert main(["scans", "refresh", "--table", str(table), "--api", osf.address]) == 2
    assert "404" in capsys.readouterr().err
    assert {r.scan_id for r in read_table(table)} == {"verse20-verse512", "verse19-verse004"}


def test_a_server_that_limits_requests_an_hour_is_listed_in_full(osf, client):
    """Every request is postponed, and the tries of one do not count for the next."""
    osf.retry_after = "3600"
    osf.faults = {path: [429, 429] for path in (ROOT, "/page/2", "/f/1", "/f/2")}
    assert len(refresh([], client, "verse20", osf.address)) == 5
    assert client.pauses.count(3600.0) == 8


def test_the_token_of_the_environment_is_for_the_publisher_alone(monkeypatch):
    monkeypatch.setenv("OSF_TOKEN", "a-secret-token")
    client = osf_client()
    assert (client.token, client.token_host) == ("a-secret-token", "api.osf.io")
    monkeypatch.delenv("OSF_TOKEN")
    assert osf_client().token == ""


def test_a_broken_token_is_refused_without_showing_it(monkeypatch):
    monkeypatch.setenv("OSF_TOKEN", "half a-secret-token")
    with pytest.raises(SrnetError, match="OSF_TOKEN: its value is not a token") as refusal:
        osf_client()
    assert "secret" not in str(refusal.value)
