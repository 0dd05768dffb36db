"""Where records are kept, and how they are read and written.

    <results>/provenance/artifacts/<path of an artifact>.json   how it was made
    <results>/provenance/code/<digest>.json                     source files behind a digest
    <results>/provenance/runs/<run>.json                        command, settings, environment

The record of `<results>/drr/s1/ap.png` is therefore the file
`<results>/provenance/artifacts/drr/s1/ap.png.json`. All are JSON with sorted
keys, written atomically, and sealed with a digest of their own content.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from srnet.core.atomic import write_text
from srnet.core.errors import SrnetError

FOLDER = "provenance"


def canonical(values: Any) -> str:
    """Return `values` as the one JSON text that stands for them."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), default=str)


class Store:
    """The provenance of one results folder.

    Parameters
    ----------
    results
        Folder that a run writes to.
    """

    def __init__(self, results: str | Path) -> None:
        self.results = Path(results)
        self.folder = self.results / FOLDER

    def artifact_path(self, artifact: str) -> Path:
        """Return the file of an artifact's record.

        An artifact in the results folder is named relative to it, any other, such as a
        download, by the path that its rule gave.
        """
        path = Path(artifact)
        beyond = path.is_absolute() or ".." in path.parts
        return self.folder / "artifacts" / f"{quote(artifact, safe='') if beyond else path}.json"

    def code_path(self, digest: str) -> Path:
        """Return the file that lists the sources behind a code digest."""
        return self.folder / "code" / f"{digest}.json"

    def run_path(self, run: str) -> Path:
        """Return the file with the facts of a run."""
        return self.folder / "runs" / f"{run}.json"

    def relative(self, path: str | Path) -> str | None:
        """Return `path` relative to `results` with forward slashes, or None outside it."""
        full, root = Path(path).absolute(), self.results.absolute()
        return full.relative_to(root).as_posix() if full.is_relative_to(root) else None

    def write(self, path: Path, values: Mapping[str, Any]) -> None:
        """Write one record atomically, with a digest of its content as a seal."""
        sealed = {**values, "seal": _seal(values)}
        write_text(path, json.dumps(sealed, sort_keys=True, indent=1, default=str) + "\n")

    def read(self, path: Path) -> dict[str, Any]:
        """Read one record; raise `SrnetError` if it is missing or does not match its seal."""
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            seal = values.pop("seal")
        except FileNotFoundError:
            raise SrnetError(f"{path} is missing; restore it, or run again what made it") from None
        except (ValueError, KeyError, AttributeError, TypeError):
            raise SrnetError(f"{path} is not a record: no JSON with a seal") from None
        if seal != _seal(values):
            raise SrnetError(f"{path} was changed after it was written: its seal does not match")
        return values

    def read_artifact(self, artifact: str) -> dict[str, Any] | None:
        """Return the record of an artifact, or None where it has none."""
        path = self.artifact_path(artifact)
        return self.read(path) if path.is_file() else None

    def read_run(self, run: str) -> dict[str, Any]:
        """Return the facts of a run; raise `SrnetError` if they are missing or damaged."""
        path = self.run_path(run)
        facts = self.read(path)
        if facts.get("run") != run or not isinstance(facts.get("folder"), str):
            raise SrnetError(f"{path} does not hold the facts of that run")
        return facts

    def runs(self) -> list[Path]:
        """Return the files of all runs, the first one first."""
        return sorted((self.folder / "runs").glob("*.json"))

    def listings(self) -> list[Path]:
        """Return the files that list the sources behind each code digest."""
        return sorted((self.folder / "code").glob("*.json"))

    def artifacts(self) -> list[str]:
        """Return the names of all recorded artifacts, sorted."""
        root = self.folder / "artifacts"
        files = (path.relative_to(root).as_posix() for path in root.rglob("*.json"))
        names = (name.removesuffix(".json") for name in files)
        return sorted(unquote(name) if "%2F" in name else name for name in names)


def is_results(folder: Path) -> bool:
    """Tell whether a folder is the results folder of a run."""
    return (folder / FOLDER).is_dir() and not folder.is_symlink()


def contents(results: Path) -> Iterator[Path]:
    """Yield every file and folder of a results folder, links not followed.

    A results folder inside it belongs to another run: it is yielded without what is in it.
    """
    for name, folders, files in os.walk(results):
        here = Path(name)
        yield from sorted(here / entry for entry in (*folders, *files))
        folders[:] = [folder for folder in folders if not is_results(here / folder)]


def find_store(path: str | Path) -> tuple[Store, str]:
    """Return the store that `path` belongs to, and its name there ('.' for the folder itself).

    Raises
    ------
    SrnetError
        If neither `path` nor a folder above it holds records.
    """
    full = Path(path).absolute()
    for folder in (full, *full.parents):
        if (folder / FOLDER / "artifacts").is_dir():
            return Store(folder), full.relative_to(folder).as_posix()
    raise SrnetError(
        f"{path} is in no results folder: none above it holds {FOLDER}/artifacts; "
        "give a folder that a run has written, or a file in it"
    )


def _seal(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(values).encode()).hexdigest()
