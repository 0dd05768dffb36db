"""What every script shares: log, provenance record, and the fate of a rejected scan."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from snakemake.iocontainers import Namedlist, Snakemake

from srnet.config.run import Config
from srnet.errors import SrnetError
from srnet.provenance.record import Job, recorded
from srnet.rejection import bury

DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


@contextmanager
def job(snakemake: Snakemake) -> Iterator[None]:
    """Log to the rule's file, record every output, bury a rejected scan."""
    logging.basicConfig(
        filename=snakemake.log[0], level=logging.INFO, format="%(asctime)s %(message)s"
    )
    logging.captureWarnings(capture=True)
    described = Job(
        results=Config.parse(snakemake.config).results,
        rule=snakemake.rule,
        wildcards=dict(snakemake.wildcards.items()),
        params=dict(snakemake.params.items()),
        inputs=_by_name(snakemake.input),
        outputs=_by_name(snakemake.output),
        threads=snakemake.threads,
        resources=dict(snakemake.resources.items()),
    )
    try:
        with recorded(described), bury(snakemake.output, stage=snakemake.rule):
            yield
    except OSError as failure:
        logging.exception("%s failed", snakemake.rule)
        if failure.errno in DISK:
            raise SrnetError(
                f"{snakemake.rule}: {', '.join(snakemake.output)} cannot be written: "
                f"{failure.strerror}; nothing half-written is left: mend the disk, "
                "then give the same command again"
            ) from None
        raise
    except Exception:
        logging.exception("%s failed", snakemake.rule)
        raise


def _by_name(files: Namedlist) -> dict[str, list[str]]:
    """Return the files of each name as a list."""
    return {name: [one] if isinstance(one, str) else list(one) for name, one in files.items()}
