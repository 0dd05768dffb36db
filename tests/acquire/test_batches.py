"""Batches: every scan once, of one source, and stable when the cohort changes."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srnet.acquire.batches import JOBS_AT_LEAST, batch_scans
from srnet.acquire.scan import Scan


def cohort(count, source="folder", prefix="scan"):
    names = (f"{prefix}{number:04d}" for number in range(count))
    return [Scan(scan_id=name, patient_id=name, source=source) for name in names]


@given(st.integers(1, 300), st.integers(0, 100), st.integers(1, 20))
def test_every_scan_stands_in_one_batch_of_its_own_source(folders, phantoms, size):
    scans = [*cohort(folders), *cohort(phantoms, "phantom", "body")]
    batches = batch_scans(scans, size)
    listed = list(chain.from_iterable(batches.values()))
    assert sorted(listed) == sorted(scan.scan_id for scan in scans)
    source = {scan.scan_id: scan.source for scan in scans}
    for batch, names in batches.items():
        assert {source[name] for name in names} == {batch.rpartition("_")[0]}


@pytest.mark.parametrize(("count", "size"), [(729, 8), (340, 8), (64, 8), (5000, 20), (729, 1)])
def test_batches_hold_as_many_scans_as_asked_for_or_up_to_twice(count, size):
    mean = count / len(batch_scans(cohort(count), size))
    assert size <= mean < 2 * size


def test_few_scans_still_occupy_several_cores():
    assert len(batch_scans(cohort(40), 8)) == JOBS_AT_LEAST
    assert batch_scans(cohort(1), 8) == {"folder_0": ["scan0000"]}


def test_a_scan_more_changes_its_own_batch_only():
    before, after = batch_scans(cohort(200), 8), batch_scans(cohort(201), 8)
    assert sum(before.get(batch) != names for batch, names in after.items()) == 1
    assert set(before) <= set(after)


def test_the_order_of_the_cohort_decides_nothing_but_the_order_in_a_batch():
    scans = cohort(100)
    turned = batch_scans(reversed(scans), 8)
    assert {batch: names[::-1] for batch, names in turned.items()} == batch_scans(scans, 8)
