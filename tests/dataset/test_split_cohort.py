import json
from collections import Counter, defaultdict
from itertools import product
from typing import get_args

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from srnet.acquire.acquire import list_scans
from srnet.acquire.scan import Scan
from srnet.config.cohort import CohortSettings, PhantomSource, Region, SplitSettings
from srnet.core.errors import SrnetError
from srnet.dataset.split import read_split, write_rejected, write_split
from srnet.dataset.split_cohort import leaking_patients, read_digests, split_cohort

EIGHT_ONE_ONE = SplitSettings()
REGIONS = get_args(Region)


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """Return a product that is no tombstone."""
    path = tmp_path_factory.mktemp("products") / "volume.nii.gz"
    path.write_bytes(b"\x1f\x8b")
    return path


def scans_of(patients, source="folder"):
    """Return as many scans of each patient as its number says."""
    return [
        Scan(scan_id=f"{source}-{patient}-{i}", patient_id=f"{source}-{patient}", source=source)
        for patient, count in enumerate(patients)
        for i in range(count)
    ]


def split(scans, file, counting="distinct", seed=1, fractions=EIGHT_ONE_ONE):
    return split_cohort(scans, [(file, file)] * len(scans), fractions, counting, seed)[0]


def sizes(rows):
    return Counter(row.part for row in rows)


def test_the_paper_s_cohort_gives_the_paper_s_numbers(whole):
    rows = split(scans_of([1] * 729), whole)
    assert sizes(rows) == {"train": 585, "validation": 72, "test": 72}


@settings(max_examples=40)
@given(st.lists(st.integers(1, 4), min_size=6, max_size=60), st.integers(0, 5))
def test_no_patient_is_in_two_parts_and_no_scan_is_lost(whole, patients, seed):
    scans = scans_of(patients)
    rows = split(scans, whole, seed=seed)
    assert [row.scan for row in rows] == [scan.scan_id for scan in scans]
    parts = defaultdict(set)
    for row in rows:
        parts[row.patient].add(row.part)
    assert all(len(found) == 1 for found in parts.values())
    assert set(sizes(rows)) == {"train", "validation", "test"}
    assert not leaking_patients(rows)


def test_shares_are_exact_where_patients_allow(whole):
    rows = split(scans_of([1, 2, 3, 1, 2, 1, 1] * 10), whole)
    assert sizes(rows) == {"train": 88, "validation": 11, "test": 11}


def test_a_seed_gives_one_split_and_another_seed_another(whole):
    scans = scans_of([1] * 50)
    assert split(scans, whole, seed=3) == split(scans, whole, seed=3)
    assert split(scans, whole, seed=3) != split(scans, whole, seed=4)


def test_one_scan_more_moves_few_others(whole):
    scans = scans_of([1] * 200)
    before = {row.scan: row.part for row in split(scans[:-1], whole)}
    after = {row.scan: row.part for row in split(scans, whole)}
    assert sum(after[scan] != part for scan, part in before.items()) <= 4


def test_sources_are_in_every_part_in_proportion(whole):
    scans = scans_of([1] * 160, "verse19") + scans_of([1] * 40, "folder")
    rows = split(scans, whole)
    counts = Counter((row.source, row.part) for row in rows)
    assert counts["verse19", "test"] == counts["verse19", "validation"] == 16
    assert counts["folder", "test"] == counts["folder", "validation"] == 4


def scans_of_strata(counts):
    """Return single scans of as many patients in each source and region as its number says."""
    strata = product(("phantom", "folder"), REGIONS)
    return [
        Scan(
            scan_id=f"{source}-{region}-{i}",
            patient_id=f"{source}-{region}-{i}",
            source=source,
            region=region,
        )
        for (source, region), count in zip(strata, counts, strict=True)
        for i in range(count)
    ]


@settings(max_examples=40)
@given(st.lists(st.integers(0, 40), min_size=8, max_size=8), st.integers(0, 5))
def test_each_source_and_region_is_within_a_patient_of_its_share(whole, counts, seed):
    scans = scans_of_strata(counts)
    assume(len(scans) >= 20)
    parts = {row.scan: row.part for row in split(scans, whole, seed=seed)}
    drawn = Counter((s.source, s.region, parts[s.scan_id]) for s in scans)
    of_all = Counter((s.source, s.region) for s in scans)
    for part, number in Counter(parts.values()).items():
        # Rounded among all for the test set, and once more among the rest: 1 in all, and a ninth.
        slack = 1.12 if part == "validation" else 1 if part == "test" else 2.12
        for stratum, count in of_all.items():
            share = count * number / len(scans)
            assert abs(drawn[(*stratum, part)] - share) <= slack


def test_generated_regions_are_in_every_part_though_patients_have_two(whole):
    scans = list_scans(CohortSettings(sources=(PhantomSource(count=240),)))
    parts = {row.scan: row.part for row in split(scans, whole)}
    drawn = Counter((parts[scan.scan_id], scan.region) for scan in scans)
    assert all(5 <= drawn[part, r] <= 7 for part in ("validation", "test") for r in REGIONS)


def test_counting_as_the_paper_leaks_and_says_so(whole, caplog):
    rows = split(scans_of([2] * 100), whole, counting="paper")
    assert sizes(rows) == {"train": 160, "validation": 20, "test": 20}
    leaks = leaking_patients(rows)
    assert len(leaks) > 10
    assert f"{len(leaks)} test patients also have scans in the training set" in caplog.text


def test_rejected_scans_are_listed_with_stage_and_reason(whole, tmp_path):
    scans = scans_of([1] * 12)
    stone = tmp_path / "stone.nii.gz"
    stone.write_text(
        json.dumps({"rejected": "stage acquire: a.nii: cut", "stage": "acquire"}), encoding="utf-8"
    )
    products = [(whole, whole)] * 10 + [(stone, stone), (whole, stone)]
    rows, rejected = split_cohort(scans, products, EIGHT_ONE_ONE, "distinct", seed=1)
    assert len(rows) == 10
    assert [row.scan for row in rejected] == ["folder-10-0", "folder-11-0"]
    assert {row.stage for row in rejected} == {"acquire"}
    assert {row.reason for row in rejected} == {"a.nii: cut"}


def test_where_too_few_scans_are_left_the_first_reasons_are_said(whole, tmp_path):
    """No `rejected.tsv` is written then."""
    products = []
    for number in range(8):
        stone = tmp_path / f"{number}.nii.gz"
        text = {"rejected": f"stage acquire: {number}.nii: cut short", "stage": "acquire"}
        stone.write_text(json.dumps(text), encoding="utf-8")
        products.append((stone, stone))
    products.append((whole, whole))
    with pytest.raises(SrnetError) as caught:
        split_cohort(scans_of([1] * 9), products, EIGHT_ONE_ONE, "distinct", seed=1)
    message = str(caught.value)
    assert "1 of 9 scans of 1 patients are usable" in message
    for number in range(5):
        assert f"folder-{number}-0 (acquire): {number}.nii: cut short" in message
    assert "5.nii" not in message
    assert message.endswith("and 3 more")


def test_too_few_patients_are_an_error_with_the_numbers(whole):
    with pytest.raises(SrnetError, match="5 of 5 scans of 2 patients are usable"):
        split(scans_of([2, 3]), whole)


def test_the_tables_come_back_as_written(whole, tmp_path):
    rows = split(scans_of([1] * 12), whole)
    write_split(tmp_path / "split.tsv", rows)
    assert read_split(tmp_path / "split.tsv") == rows
    write_rejected(tmp_path / "rejected.tsv", [])
    header = (tmp_path / "rejected.tsv").read_text(encoding="utf-8")
    assert header == "scan\tpatient\tsource\tstage\treason\n"


def test_an_unknown_part_and_foreign_columns_are_named(tmp_path):
    table = tmp_path / "split.tsv"
    table.write_text("scan\tpatient\tsource\tpart\na\tp\tfolder\ttraining\n", encoding="utf-8")
    with pytest.raises(SrnetError, match="part 'training'"):
        read_split(table)
    table.write_text("scan,part\na,train\n", encoding="utf-8")
    with pytest.raises(SrnetError, match="separated by tabs"):
        read_split(table)


def test_a_repeat_under_another_name_is_left_out_and_joins_its_patient(whole, tmp_path):
    """Scan 1-0 has the voxels of scan 0-0: the rest of patient 1 must stay with patient 0."""
    scans = scans_of([2, 3, *[1] * 20])
    (tmp_path / "bad.txt").write_text(
        json.dumps({"rejected": "no CT", "stage": "acquire"}), encoding="utf-8"
    )
    paths = []
    for number, scan in enumerate(scans):
        digest = 0 if scan.scan_id in {"folder-0-0", "folder-1-0"} else number + 1
        paths.append(tmp_path / f"{scan.scan_id}.txt")
        paths[-1].write_text(f"{digest:064x}\n", encoding="utf-8")
    digests = read_digests(scans, [*paths[:-1], tmp_path / "bad.txt"])
    assert len(digests) == len(scans) - 1
    products = [(whole, whole)] * len(scans)
    rows, rejected = split_cohort(scans, products, EIGHT_ONE_ONE, "distinct", 1, digests)
    assert [row.scan for row in rejected] == ["folder-1-0"]
    assert "has the same voxels as folder-0-0" in rejected[0].reason
    together = {row.part for row in rows if row.scan in {"folder-0-1", "folder-1-1", "folder-1-2"}}
    assert len(together) == 1
    rows, rejected = split_cohort(scans, products, EIGHT_ONE_ONE, "paper", 1, digests)
    assert (len(rows), rejected) == (len(scans), [])
