"""`srnet audit explain` shows the chain of one artifact, down to scans and licences."""

import json
import re

import pytest

from srnet.commands.main import main
from srnet.core.atomic import write_text
from srnet.core.errors import SrnetError
from srnet.provenance.chain import read_chain
from srnet.provenance.explain import explain
from srnet.provenance.record import Job, recorded
from srnet.provenance.store import Store


def said(capsys, *arguments):
    assert main(["audit", "explain", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_the_tree_reaches_from_the_table_to_the_scans(recorded_results, capsys):
    tree = said(capsys, recorded_results / "table1.csv")
    chain = ["table1.csv", "models/", "dataset/", "drr/{scan}", "ct/{scan}", "scans/a.nii.gz"]
    places = [tree.index(name) for name in chain]
    assert places == sorted(places)


def test_artifacts_of_one_kind_are_one_line(recorded_results, capsys):
    tree = said(capsys, recorded_results / "table1.csv")
    assert "drr/{scan}/ap.png x 3" in tree
    assert tree.count("ct/{scan}.nii.gz x 3") == 2
    assert "(above)" in tree


def test_scans_of_several_batches_are_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cts = [f"results/ct/folder_{batch}/{scan}.nii" for batch, scan in ((0, "a"), (1, "b"))]
    for scan, ct in zip("ab", cts, strict=True):
        with recorded(Job("results", "acquire", {"scan": scan}, {"scan": {}}, {}, {"ct": [ct]})):
            write_text(ct, scan)
    with recorded(Job("results", "split", {}, {}, {"ct": cts}, {"split": ["results/s.tsv"]})):
        write_text("results/s.tsv", "ab")
    nodes = explain(read_chain(Store("results")), "s.tsv")
    assert [node.pattern for node in nodes.inputs] == ["ct/*/{scan}.nii x 2"]


def test_licences_are_listed_with_their_scans(recorded_results, capsys):
    tree = said(capsys, recorded_results / "table1.csv")
    assert "2 scans of 2 patients, source folder, licence CC0-1.0:\n  a b" in tree
    assert "1 scans of 1 patients, source folder, licence CC-BY-4.0:\n  c" in tree


def test_one_branch_leads_to_one_scan_only(recorded_results, capsys):
    found = json.loads(said(capsys, recorded_results / "drr/b/ap.png", "--json"))
    assert [scan["scan_id"] for scan in found["scans"]] == ["b"]
    assert set(found["records"]) == {"drr/b/ap.png", "ct/b.nii.gz"}


def test_json_holds_every_record(recorded_results, capsys):
    found = json.loads(said(capsys, recorded_results / "table1.csv", "--json"))
    # 3 scans, each a CT and two x-rays, then data set, model and table.
    assert len(found["records"]) == 3 * 3 + 3


def test_mermaid_links_every_node(recorded_results, capsys):
    chart = said(capsys, recorded_results / "table1.csv", "--mermaid")
    nodes = set(re.findall(r"^    (n\d+)\[", chart, flags=re.MULTILINE))
    linked = set(re.findall(r"(n\d+) --> n\d+", chart)) | set(re.findall(r"--> (n\d+)", chart))
    assert chart.startswith("flowchart TD\n")
    assert nodes == linked


def test_an_unknown_artifact_is_answered_with_known_ones(recorded_results):
    with pytest.raises(SrnetError, match=r"table2\.csv has no record.*dataset/train\.h5"):
        explain(read_chain(Store(recorded_results)), "table2.csv")
