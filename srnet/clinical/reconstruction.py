"""The computation from two films to a volume, its mesh, and how well it fits the films."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srnet.clinical.case import Case
from srnet.clinical.checks import (
    FilmPair,
    check_likeness,
    check_pair,
    check_voxel_size,
    settle_polarity,
)
from srnet.clinical.film import Film, place_box, read_film
from srnet.clinical.findings import Finding, by_severity, refuse_or_warn
from srnet.clinical.mesh import Mesh, extract_mesh
from srnet.clinical.prepare_film import PreparedFilm, prepare_film
from srnet.clinical.scale import Scale, settle_scale
from srnet.config.clinical import ClinicalSettings
from srnet.core.errors import SrnetError
from srnet.evaluate.reprojection import ViewConsistency, reproject, view_consistency
from srnet.export.model_folder import ModelFolder
from srnet.imaging.geometry import View
from srnet.imaging.target import hounsfield
from srnet.imaging.volume import Volume
from srnet.imaging.xray import Grey

CUT_UNSAID, CUT_WIDE = 0.001, 0.05
"""Shares of a volume's sum that lie above the largest value: cut off without a word, and without
a warning."""


@dataclass(frozen=True)
class Reconstruction:
    """A volume reconstructed from two films, with its input and its assessment.

    Attributes
    ----------
    pair
        The films, bone bright, and their boxes.
    prepared
        The network's input by view.
    scale
        Voxel size, and whether it is known.
    volume
        Network values in [0, 1], exactly those that the evaluation stage scores.
    mesh
        Surface of the bone.
    drrs
        (S, S) DRRs of the volume by view, each divided by its maximum.
    consistency
        How well they agree with the films, by view.
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


def reconstruct_case(case: Case, model: ModelFolder, settings: ClinicalSettings) -> Reconstruction:
    """Read, check and prepare the films of a case, and run the network.

    Raises
    ------
    SrnetError
        If the films cannot be used or are refused by a check.
    """
    seconds: dict[str, float] = {}
    last = time.perf_counter()

    def note_time(step: str) -> None:
        nonlocal last
        now = time.perf_counter()
        seconds[step], last = round(now - last, 3), now

    pair, polarity_findings = _read_pair(case, model)
    findings = refuse_or_warn(check_pair(pair), force=case.force)
    note_time("read and check films")
    prepared = {
        film.view: prepare_film(film, box, model.size, model.statistics.of(film.view), settings)
        for film, box in pair.films
    }
    note_time("prepare films")
    scale = settle_scale(pair, prepared, model)
    volume, range_findings = _run_network(prepared, scale, model, settings)
    note_time("run the network")
    mesh = extract_mesh(volume, settings)
    note_time("extract the mesh")
    drrs = reproject(volume, model.beam)
    note_time("reproject")
    findings += polarity_findings + scale.findings + range_findings
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
        seconds=seconds,
    )


def _read_pair(case: Case, model: ModelFolder) -> tuple[FilmPair, list[Finding]]:
    """Return both films as the case describes them, bone bright."""
    films: list[Film] = []
    findings: list[Finding] = []
    for view, path in zip(View, (case.ap, case.lateral), strict=True):
        film = read_film(path, view, case.pixel_mm(view))
        if view.value in case.mirror:
            film = film.mirrored()
        film, found = settle_polarity(film, model.statistics, case.invert)
        films.append(film)
        findings += found
    ap, lateral = films
    boxes = place_box(ap, case.ap_box), place_box(lateral, case.lateral_box)
    return FilmPair(ap, lateral, *boxes), findings


def _run_network(
    prepared: Mapping[View, PreparedFilm],
    scale: Scale,
    model: ModelFolder,
    settings: ClinicalSettings,
) -> tuple[Volume, list[Finding]]:
    """Return the network's volume, by the functions of the evaluation, and what was cut off it.

    Raises
    ------
    SrnetError
        If it holds values that are no numbers.
    """
    from srnet.physics.views import make_views
    from srnet.train.predict import choose_device, run_net

    card = model.loaded.card
    views = make_views(
        np.stack([prepared[view].grey for view in View])[None],
        np.array([[scale.full_scale_hu_mm[view] for view in View]], np.float32),
        np.array([scale.grid.spacing_mm]),
        card.source_to_isocentre_mm,
        gamma=card.train.gamma,
    )
    values = run_net(model.loaded.net, views, choose_device(settings.device))
    if not np.isfinite(values).all():
        raise SrnetError(
            "the network returned values that are no numbers; check the spacing and the boxes of "
            "the films, or export the model again"
        )
    return Volume(np.clip(values, 0, 1), scale.grid), _check_range(values)


def _check_range(values: NDArray[np.float32]) -> list[Finding]:
    """Return what was cut off a volume above 1, the densest bone, where no value has a meaning."""
    excess = float(np.maximum(values - 1, 0).sum(dtype=np.float64))
    share = excess / max(float(values.sum(dtype=np.float64)), 1e-12)
    if share < CUT_UNSAID:
        return []
    sentence = (
        f"The network returned values up to {float(values.max()):.3g}, and 1 is the densest bone "
        f"({hounsfield(1.0):.0f} HU): {share:.1%} of the bone was cut off there"
    )
    if share < CUT_WIDE:
        return [Finding("range", "note", f"{sentence}.")]
    cure = "so that the HU are not true; check the spacing and the boxes."
    return [Finding("range", "warning", f"{sentence}, {cure}")]
