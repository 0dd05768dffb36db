"""Stage: two films to a volume, a mesh, a sheet and a page.

In two lines of Python::

    from srnet.clinical.reconstruct_films import reconstruct
    spine = reconstruct("ap.dcm", "lateral.dcm", model="model/", out="spine/")
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from srnet.clinical.case import Case, place_box
from srnet.clinical.checks import (
    FilmPair,
    check_likeness,
    check_pair,
    check_voxel_size,
    settle_polarity,
)
from srnet.clinical.film import Film, read_film
from srnet.clinical.mesh import Mesh, extract_mesh
from srnet.clinical.pixels import Finding, by_severity, refuse_or_warn
from srnet.clinical.prepare_film import PreparedFilm, prepare_film
from srnet.clinical.scale import Scale, settle_scale
from srnet.config.clinical import ClinicalSettings
from srnet.core.atomic import refuse_existing
from srnet.evaluate.reprojection import ViewConsistency, reproject, view_consistency
from srnet.export.model_folder import ModelFolder, open_model
from srnet.imaging.geometry import View
from srnet.imaging.volume import Volume
from srnet.imaging.xray import Grey


@dataclass(frozen=True)
class Reconstruction:
    """Everything that came of one pair of films.

    Attributes
    ----------
    pair
        The films, bone bright, and their boxes.
    prepared
        What the network was given, by view.
    scale
        Voxel size, and whether it is known.
    volume
        Network values, exactly as the evaluation stage would give them.
    mesh
        Surface of the bone.
    drrs
        (S, S) DRRs of the volume by view, each divided by its maximum.
    consistency
        How they agree with the films, by view.
    findings
        What a reader must know, most severe first.
    model
        The model that was used.
    seconds
        Wall time by step.
    """

    pair: FilmPair
    prepared: Mapping[View, PreparedFilm]
    scale: Scale
    volume: Volume
    mesh: Mesh
    drrs: Mapping[View, Grey]
    consistency: Mapping[View, ViewConsistency]
    findings: tuple[Finding, ...]
    model: ModelFolder
    seconds: Mapping[str, float]


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
        Folder that `srnet export` made, or one already opened.
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
    from srnet.clinical.outputs import write_reconstruction

    refuse_existing(out)
    result = reconstruct_case(case, model, settings)
    start = time.perf_counter()
    write_reconstruction(out, result, settings)
    written = round(time.perf_counter() - start, 3)
    return replace(result, seconds={**result.seconds, "write files": written})


def reconstruct_case(case: Case, model: ModelFolder, settings: ClinicalSettings) -> Reconstruction:
    """Read, check and prepare the films of a case, and run the network.

    Raises
    ------
    SrnetError
        If the films cannot be used or are refused by a check.
    """
    clock = _Clock()
    pair, polarity_findings = _read_pair(case, model)
    findings = refuse_or_warn(check_pair(pair), force=case.force)
    clock.stop("read and check films")
    prepared = {
        film.view: prepare_film(film, box, model.size, model.statistics.of(film.view), settings)
        for film, box in pair.films
    }
    clock.stop("prepare films")
    scale = settle_scale(pair, model)
    volume = _run(prepared, scale, model, settings)
    clock.stop("run the network")
    mesh = extract_mesh(volume, settings)
    clock.stop("extract the mesh")
    drrs = reproject(volume, model.beam)
    clock.stop("reproject")
    findings += polarity_findings
    if scale.spacing_known:
        findings += check_voxel_size(scale.grid, model.statistics)
    findings += check_likeness(
        prepared[View.AP].grey, prepared[View.LATERAL].grey, model.statistics
    )
    return Reconstruction(
        pair=pair,
        prepared=prepared,
        scale=scale,
        volume=volume,
        mesh=mesh,
        drrs=drrs,
        consistency={view: view_consistency(drrs[view], prepared[view].grey) for view in View},
        findings=tuple(by_severity(findings)),
        model=model,
        seconds=clock.seconds,
    )


class _Clock:
    """Wall time of consecutive steps."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def stop(self, step: str) -> None:
        now = time.perf_counter()
        self.seconds[step] = round(now - self._last, 3)
        self._last = now


def _read_pair(case: Case, model: ModelFolder) -> tuple[FilmPair, list[Finding]]:
    """Return both films as the case describes them, bone bright."""
    films: list[Film] = []
    findings: list[Finding] = []
    for view, path in zip(View, (case.ap, case.lateral), strict=True):
        film = read_film(path, view, case.pixel_mm(view))
        if view.value in case.mirror:
            film = film.mirrored()
        film, said = settle_polarity(film, model.statistics, case.invert)
        films.append(film)
        findings += said
    boxes = [
        place_box(film, corners)
        for film, corners in zip(films, (case.ap_box, case.lateral_box), strict=True)
    ]
    return FilmPair(films[0], films[1], boxes[0], boxes[1]), findings


def _run(
    prepared: Mapping[View, PreparedFilm],
    scale: Scale,
    model: ModelFolder,
    settings: ClinicalSettings,
) -> Volume:
    """Give the network what the evaluation stage gives it, by the same functions."""
    from srnet.dataset.tensors import make_views
    from srnet.train.predict import choose_device, run_net

    card = model.loaded.card
    views = make_views(
        np.stack([prepared[view].grey for view in View])[None],
        np.array([[scale.full_scale_hu_mm[view] for view in View]], np.float32),
        np.array([scale.grid.spacing_mm]),
        card.source_to_isocentre_mm,
        gamma=card.train.gamma,
    )
    return Volume(run_net(model.loaded.net, views, choose_device(settings.device)), scale.grid)
