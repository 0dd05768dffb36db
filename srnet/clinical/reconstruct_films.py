"""Stage: two films to a volume, a mesh, a sheet and a page.

In two lines of Python::

    from srnet.clinical.reconstruct_films import reconstruct
    spine = reconstruct("ap.dcm", "lateral.dcm", model="model/", out="spine/")
"""

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from srnet.clinical.case import Case
from srnet.clinical.outputs import write_reconstruction
from srnet.clinical.reconstruction import Reconstruction, reconstruct_case
from srnet.config.clinical import ClinicalSettings
from srnet.core.atomic import refuse_existing
from srnet.core.errors import SrnetError
from srnet.core.rejection import is_shortage
from srnet.export.model_folder import ModelFolder, open_model


def reconstruct(
    ap: str | Path,
    lateral: str | Path,
    model: str | Path | ModelFolder,
    out: str | Path | None = None,
    **about: Any,
) -> Reconstruction:
    """Reconstruct a spine from two films.

    Parameters
    ----------
    ap, lateral
        Film files.
    model
        Folder that `srnet export` wrote, or one already opened.
    out
        Folder to write; without it nothing is written.
    about
        Further fields of `srnet.clinical.case.Case` (ap_box, lateral_box,
        spacing_mm, invert, mirror, force), and `settings`, a
        `srnet.config.clinical.ClinicalSettings`.

    Raises
    ------
    SrnetError
        If a film, a box, the model or the folder cannot be used; nothing is written then.
    """
    settings = about.pop("settings", None) or ClinicalSettings()
    case = Case.parse({"ap": str(ap), "lateral": str(lateral), **about})
    opened = model if isinstance(model, ModelFolder) else open_model(model)
    if out is None:
        return _reconstruct(case, opened, settings)
    return reconstruct_case_to(out, case, opened, settings)


def reconstruct_case_to(
    out: str | Path, case: Case, model: ModelFolder, settings: ClinicalSettings
) -> Reconstruction:
    """Reconstruct a case and write all its files into the folder `out`, or none.

    Raises
    ------
    SrnetError
        Whatever goes wrong, so that it is a finding of this case and others go on. Its cause
        is set where the machine failed (`is_shortage`), and others would fail alike.
    """
    with _explained(f"{out}: cannot be written", "choose another folder"):
        refuse_existing(out)
    result = _reconstruct(case, model, settings)
    start = time.perf_counter()
    with _explained(f"{out}: cannot be written", "choose another folder"):
        write_reconstruction(out, result, settings)
    written = round(time.perf_counter() - start, 3)
    return replace(result, seconds={**result.seconds, "write files": written})


def _reconstruct(case: Case, model: ModelFolder, settings: ClinicalSettings) -> Reconstruction:
    films = f"{case.ap} and {case.lateral}"
    with _explained(f"{films}: cannot be reconstructed", "export both films again, as PNG"):
        try:
            return reconstruct_case(case, model, settings)
        except PermissionError as failure:  # which is no shortage where it concerns one film
            raise SrnetError(f"{films}: cannot be read ({failure.strerror})") from None


@contextmanager
def _explained(subject: str, cure: str) -> Iterator[None]:
    """Turn any exception inside the block into an `SrnetError` of one sentence."""
    try:
        yield
    except SrnetError:
        raise
    except Exception as failure:
        short = is_shortage(failure)
        what = failure.strerror if isinstance(failure, OSError) else None
        cure = "mend that and try again" if short else cure
        cause = failure if short else None
        raise SrnetError(f"{subject} ({what or _place(failure)}); {cure}") from cause


def _place(failure: Exception) -> str:
    """Return the type of an error, and where in this package it came up.

    Its text may quote what a film says of the patient, and is left out.
    """
    package = Path(__file__).parents[1]
    paths = [
        (Path(frame.filename), frame.lineno)
        for frame in traceback.extract_tb(failure.__traceback__)
    ]
    ours = [f" in {path.name}:{line}" for path, line in paths if path.is_relative_to(package)]
    return type(failure).__name__ + (ours[-1] if ours else "")
