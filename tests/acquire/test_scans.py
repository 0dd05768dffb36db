"""The scan table: stable, unique, cheap, and helpful when a folder is wrong."""

import pytest

from srnet.acquire.acquire import SOURCES, find_source, list_scans
from srnet.acquire.scan import Scan
from srnet.config.cohort import CohortSettings
from srnet.core.errors import SrnetError


def cohort(*sources):
    return CohortSettings.parse({"sources": list(sources)})


def test_every_source_offers_what_the_registry_promises():
    for kind in SOURCES:
        module = find_source(kind)
        assert callable(module.list_source)
        assert callable(module.read)


def test_an_unknown_source_names_the_known_ones():
    with pytest.raises(
        SrnetError, match=r"'mars' is not a source of scans; sources: phantom, folder"
    ):
        find_source("mars")


def test_growing_a_generated_cohort_keeps_its_first_rows():
    few = list_scans(cohort({"kind": "phantom", "count": 5}))
    many = list_scans(cohort({"kind": "phantom", "count": 50}))
    assert many[:5] == few
    assert len({scan.scan_id for scan in many}) == 50


def test_regions_are_taken_in_turn():
    scans = list_scans(cohort({"kind": "phantom", "count": 4, "regions": ["lumbar", "whole"]}))
    assert [scan.region for scan in scans] == ["lumbar", "whole", "lumbar", "whole"]


def test_one_id_for_two_scans_is_refused(tmp_path):
    (tmp_path / "phantom0001.nii").touch()
    with pytest.raises(SrnetError, match=r"'phantom0001' stands for 2 scans.*rename one file"):
        list_scans(cohort({"kind": "phantom"}, {"kind": "folder", "path": str(tmp_path)}))


def test_rows_survive_params():
    for scan in list_scans(cohort({"kind": "phantom", "count": 3})):
        assert Scan.parse({**scan.plain(), "labels": scan.labels}) == scan
