"""Stage: two films to a volume, a mesh, a sheet and a page.

In two lines of Python::

    from srnet.clinical.reconstruct_films import reconstruct
    spine = reconstruct("ap.dcm", "lateral.dcm", model="model/", out="spine/")
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from srnet.clinical.case import Case
from srnet.clinical.outputs import write_reconstruction
from srnet.clinical.reconstruction import Reconstruction, reconstruct_case
from srnet.config.clinical import ClinicalSettings
from srnet.core.atomic import refuse_existing
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
        If a film, a box or the model cannot be used; nothing is written then.
    """
    settings = about.pop("settings", None) or ClinicalSettings()
    case = Case.parse({"ap": str(ap), "lateral": str(lateral), **about})
    opened = model if isinstance(model, ModelFolder) else open_model(model)
    if out is None:
        return reconstruct_case(case, opened, settings)
    return reconstruct_case_to(out, case, opened, settings)


def reconstruct_case_to(
    out: str | Path, case: Case, model: ModelFolder, settings: ClinicalSettings
) -> Reconstruction:
    """Reconstruct a case and write all its files into the folder `out`, or none.

    Raises
    ------
    SrnetError
        If `out` exists already, or the films cannot be used.
    """
    refuse_existing(out)
    result = reconstruct_case(case, model, settings)
    start = time.perf_counter()
    write_reconstruction(out, result, settings)
    written = round(time.perf_counter() - start, 3)
    return replace(result, seconds={**result.seconds, "write files": written})
