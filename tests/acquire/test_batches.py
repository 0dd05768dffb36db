"""Batches: every scan once, of one source, and stable when the cohort changes."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srnet.acquire.batches import LEAST_BITS, batch_scans
from srnet.acquire.scan import Scan
from srnet.config.cohort import CohortSettings

MOST = CohortSettings().scans_per_job


def cohort(count, source="folder", prefix="scan"):
    names = (f"{prefix}{number:04d}" for number in range(count))
    return [Scan(scan_id=name, patient_id=name, source=source) for name in names]


@given(st.integers(1, 300), st.integers(0, 100), st.integers(1, 20))
def test_every_scan_stands_in_one_batch_of_its_own_source(folders, phantoms, most):
    scans = [*cohort(folders), *cohort(phantoms, "phantom", "body")]
    batches = batch_scans(scans, most)
    listed = list(chain.from_iterable(batches.values()))
    assert sorted(listed) == sorted(scan.scan_id for scan in scans)
    source = {scan.scan_id: scan.source for scan in scans}
    for batch, names in batches.items():
        assert {source[name] for name in names} == {batch.rpartition("_")[0]}
        assert 1 <= len(names) <= most


@pytest.mark.parametrize("count", [235, 340, 729, 5000])
def test_batches_of_a_large_cohort_are_half_full_or_more_on_average(count):
    assert count / len(batch_scans(cohort(count), MOST)) > MOST / 2


def test_few_scans_still_occupy_several_cores():
    assert len(batch_scans(cohort(60), MOST)) == 2**LEAST_BITS
    assert sorted(chain(*batch_scans(cohort(1), MOST).values())) == ["scan0000"]


@given(st.integers(1, 400), st.integers(1, 30))
def test_a_scan_more_redoes_the_scans_of_its_own_batch_only(count, most):
    before, after = batch_scans(cohort(count), most), batch_scans(cohort(count + 1), most)
    new = f"scan{count:04d}"
    redone = {
        name for batch, names in after.items() if before.get(batch) != names for name in names
    }
    (own,) = (batch for batch, names in after.items() if new in names)
    old = next((batch for batch in before if own.startswith(batch)), None)
    assert redone <= {new, *before.get(old or "", [])}
    assert len(redone) <= most + 1


def test_the_order_of_the_cohort_decides_nothing_but_the_order_in_a_batch():
    scans = cohort(100)
    turned = batch_scans(reversed(scans), 8)
    assert {batch: names[::-1] for batch, names in turned.items()} == batch_scans(scans, 8)
