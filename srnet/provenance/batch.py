"""Jobs that take a batch of scans, and the lists of what they made.

The engine knows one file a batch and stage: a list of every product of the scans with the
digest of each file. Its graph thus has one node a stage, and compares batches by content.
Each scan is recorded as a job of its own, as if it had been alone.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from srnet.core.atomic import write_text
from srnet.core.errors import SrnetError
from srnet.core.text import read_rows
from srnet.provenance.record import Job, logged, recorded, run_job
from srnet.provenance.store import Store

LIST = "products"
"""Name of a list of products among the inputs and outputs of a job."""

_COLUMNS = ["scan", "product", "path", "sha256"]


class Product(NamedTuple):
    """A file that was made of a scan: its path within the results folder, and its digest."""

    path: str
    sha256: str


Products = dict[str, dict[str, Product]]
"""The products of each scan by their names."""


def read_products(lists: Iterable[str | Path]) -> Products:
    """Return all products that lists name.

    Raises
    ------
    SrnetError
        If a file is no such list.
    """
    products: Products = {}
    for path in lists:
        for row in read_rows(path, _COLUMNS):
            made = products.setdefault(row["scan"], {})
            made[row["product"]] = Product(row["path"], row["sha256"])
    return products


def write_products(path: str | Path, products: Products) -> None:
    """Write a list of products."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(_COLUMNS)
    for scan, made in products.items():
        writer.writerows((scan, name, *product) for name, product in made.items())
    write_text(path, text.getvalue())


@contextmanager
def run_cohort_job(
    job: Job, log: str, scans: Sequence[str], reads: Sequence[str]
) -> Iterator[Mapping[str, Sequence[str]]]:
    """Run the block as a job that reads products of the whole cohort.

    Parameters
    ----------
    job
        The job of the engine; among its inputs are lists of products.
    log
        File to log to.
    scans, reads
        Ids of the scans, and names of the products.

    Yields
    ------
    The input files by name: for each of `reads`, one file a scan, in the order of `scans`.
    """
    with logged(log, job):
        whole = _with_products(job, read_products(job.inputs[LIST]), scans, reads)
        with recorded(whole):
            yield whole.inputs


def _with_products(
    job: Job, products: Products, scans: Sequence[str], reads: Sequence[str]
) -> Job:
    """Return `job` with products of `scans` in place of the lists that name them."""
    inputs = {name: paths for name, paths in job.inputs.items() if name != LIST}
    digests: dict[str, str] = {}
    for name in reads:
        found = [_find(products, scan, name) for scan in scans]
        inputs[name] = [f"{job.results}/{product.path}" for product in found]
        digests |= {product.path: product.sha256 for product in found}
    return replace(job, inputs=inputs, digests=digests)


def _find(products: Products, scan: str, name: str) -> Product:
    try:
        return products[scan][name]
    except KeyError:
        raise SrnetError(
            f"no list of products names the {name} of scan {scan}; delete the lists and give the "
            "same command again"
        ) from None


@dataclass(frozen=True)
class ScanJob:
    """The part of one scan in the job of a batch."""

    scan: str
    job: Job
    log: str

    def run(self) -> AbstractContextManager[None]:
        """Return the context in which the scan is worked on and recorded."""
        return run_job(self.job, self.log)

    @property
    def inputs(self) -> dict[str, str]:
        """Return the file of each product that is read."""
        return {name: paths[0] for name, paths in self.job.inputs.items() if paths}

    @property
    def outputs(self) -> dict[str, str]:
        """Return the file of each product that is written."""
        return {name: paths[0] for name, paths in self.job.outputs.items()}


def scan_jobs(
    batch: Job, log: str, reads: Sequence[str], writes: Mapping[str, str]
) -> Iterator[ScanJob]:
    """Yield the job of each scan of a batch, then write the list of all that was made.

    Parameters
    ----------
    batch
        The job of the engine. Its param `scans` names the scans, or holds a row with its
        `files` for each; among its inputs may be the list of the stage before, and among its
        outputs is the list to write. All other params are those of each scan.
    log
        File that all of them log to.
    reads
        Products that a scan is made from, by their names in the list of the stage before;
        none where the rows name files.
    writes
        Name of each product, and its path within the results folder with `{batch}` and
        `{scan}`.
    """
    scans, store, products = batch.params["scans"], Store(batch.results), Products()
    with logged(log, batch):
        before = read_products(batch.inputs.get(LIST, ()))
    common = {name: value for name, value in batch.params.items() if name != "scans"}
    for scan in scans:
        row = {"scan": scans[scan]} if isinstance(scans, Mapping) else {}
        outputs = {
            name: [f"{batch.results}/{path.format(scan=scan, **batch.wildcards)}"]
            for name, path in writes.items()
        }
        job = replace(batch, wildcards={"scan": scan}, params=common | row, outputs=outputs)
        if row:
            job = replace(job, inputs={"files": row["scan"]["files"]})
        else:
            with logged(log, batch):
                job = _with_products(job, before, [scan], reads)
        yield ScanJob(scan, job, log)
        products[scan] = before.get(scan, {}) | _products(store, outputs)
    write_products(batch.outputs[LIST][0], products)


def _products(store: Store, outputs: Mapping[str, Sequence[str]]) -> dict[str, Product]:
    """Return what a job has just made, as its record states it."""
    first = next(iter(outputs.values()))[0]
    record = store.read_artifact(store.relative(first) or "")
    if record is None:
        raise SrnetError(f"{first}: its job left no record; give the same command again")
    return {entry["name"]: Product(entry["path"], entry["sha256"]) for entry in record["outputs"]}
