"""Output folders that are never overwritten."""

from pathlib import Path

from srnet.errors import SrnetError

__all__ = ["refuse_existing"]


def refuse_existing(out: str | Path) -> None:
    """Refuse to write where something is already.

    Raises
    ------
    SrnetError
        If `out` is a file, or a folder that is not empty.
    """
    out = Path(out)
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise SrnetError(f"{out}: already exists; choose another folder, or remove it first")
