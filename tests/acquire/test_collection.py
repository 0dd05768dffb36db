"""Collections without an address: their layouts, and which scans are of one patient."""

from pathlib import Path

import pytest

from srnet.acquire.collection import list_source, patient_of
from srnet.config.cohort import CollectionSource
from srnet.core.errors import SrnetError


@pytest.mark.parametrize(
    ("place", "patient"),
    [
        ("spine-1/patient0013/2804506/2804506.nii.gz", "patient0013"),
        ("spine-5/patient0299/4565972/4565972.nii.gz", "patient0299"),
        ("spine-test-data/4542094.nii.gz", "4542094"),
        ("patient0013/scan.mhd", "patient0013"),
        ("Case 12/a.nii", "Case 12"),
        ("4542094_ct.nii.gz", "4542094"),
        ("12345/series1/x.nii", "12345"),
        ("data/images/12345.mha", "12345"),
    ],
)
def test_patients_by_layout(place, patient):
    assert patient_of(Path(place)) == patient


def test_scans_carry_the_name_of_their_collection(tmp_path):
    for place in ("spine-1/patient0013/1/1.nii.gz", "spine-1/patient0013/2/2.nii.gz", "9.mhd"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    scans = list_source(CollectionSource(kind="benmicrosoft", path=str(tmp_path)))
    assert [scan.scan_id for scan in scans] == [
        "benmicrosoft-9",
        "benmicrosoft-spine-1_patient0013_1_1",
        "benmicrosoft-spine-1_patient0013_2_2",
    ]
    assert scans[1].patient_id == scans[2].patient_id == "benmicrosoft-patient0013"


def test_a_missing_collection_says_who_has_it(tmp_path):
    with pytest.raises(SrnetError, match=r"'melihaslan' cannot be downloaded.*docs/data\.md"):
        list_source(CollectionSource(kind="melihaslan", path=str(tmp_path / "none")))
