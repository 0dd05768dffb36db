"""The id of the provenance record under which artifacts are being written.

Writers embed `record_id()` where their format has room (NIfTI `descrip`, HDF5 attribute, PNG
text chunk, table footer), so that an artifact names its record wherever it is copied to. Outside
a recorded job the id is the empty string.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_record: ContextVar[str] = ContextVar("record", default="")


def record_id() -> str:
    """Return the id of the current record, 16 hexadecimal digits, or ''."""
    return _record.get()


@contextmanager
def stamped(record: str) -> Iterator[None]:
    """Write all artifacts inside the block under the record id `record`."""
    token = _record.set(record)
    try:
        yield
    finally:
        _record.reset(token)
