"""The size of a voxel, and the line integral at white, also where films do not state them."""

from collections.abc import Mapping
from dataclasses import dataclass

from srnet.clinical.checks import FilmPair
from srnet.clinical.film import Film, crop
from srnet.clinical.findings import Finding
from srnet.clinical.prepare_film import PreparedFilm
from srnet.export.model_folder import ModelFolder
from srnet.imaging.geometry import View
from srnet.imaging.volume import Axis, Grid
from srnet.imaging.xray import resize


@dataclass(frozen=True)
class Scale:
    """Size and brightness of a reconstruction.

    Attributes
    ----------
    grid
        Grid of the volume; its centre is the origin of the world.
    spacing_known
        False where only the proportions are right.
    full_scale_hu_mm
        Line integral at grey 1 by view; an estimate for a film.
    full_scale_known
        True only for DRRs of this package that were not cleaned.
    """

    grid: Grid
    spacing_known: bool
    full_scale_hu_mm: Mapping[View, float]
    full_scale_known: bool

    @property
    def findings(self) -> list[Finding]:
        """Return what is not true of the size and of the HU."""
        if self.spacing_known and self.full_scale_known:
            return []
        if self.spacing_known:
            sentence = (
                "The line integrals of films are unknown, and those of the training x-rays were "
                "taken: the HU are not true."
            )
            return [Finding("scale", "note", sentence)]
        size = " x ".join(f"{edge:.2f}" for edge in self.grid.spacing_mm)
        sentence = (
            f"Voxels were taken to be {size} mm, after the median of the training volumes: "
            "neither size nor HU are true."
        )
        return [Finding("scale", "warning", sentence)]


def settle_scale(
    pair: FilmPair, prepared: Mapping[View, PreparedFilm], model: ModelFolder
) -> Scale:
    """Return the scale of the volume between two boxed films.

    The volume fills both boxes: its height is the mean of theirs, its width that of the
    AP box, its depth that of the lateral box. A film of unknown spacing takes it from the other,
    whose box shows the same height of the body. Where both are unknown, a DRR of this package
    counts as one of the median training volume, and films are as large as fit into that volume.

    The line integral at white is known of DRRs only. Of films it is the training median in
    voxels, so that it grows with the voxels and the values of the volume do not depend on
    the assumed size.
    """
    median_mm = model.statistics.spacing_median_mm
    typical_mm = {axis: median_mm[axis] * model.size for axis in Axis}
    sizes = {film.view: film.spacing_mm for film, _ in pair.films}
    spacing_known = any(sizes.values())
    if not spacing_known:
        sizes = {film.view: _typical_pixel(film, typical_mm) for film, _ in pair.films}
    heights = [box.height * size[0] for film, box in pair.films if (size := sizes[film.view])]
    height_mm = sum(heights) / len(heights) if heights else typical_mm[Axis.CRANIOCAUDAL]
    extents = {Axis.CRANIOCAUDAL: height_mm}
    for film, box in pair.films:
        if size := sizes[film.view]:
            extents[film.view.columns] = box.width * size[1]
        else:
            down, across = _typical_pixel(film, typical_mm) or (film.aspect, 1.0)
            extents[film.view.columns] = box.width / box.height * height_mm * across / down
    fit = 1.0 if heights else min(typical_mm[axis] / extents[axis] for axis in Axis)
    down, back, left = spacing_mm = tuple(fit * extents[axis] / model.size for axis in Axis)
    known = all(film.is_drr and not prepared[film.view].cleaned for film, _ in pair.films)
    full_scale = {}
    for film, box in pair.films:
        if known:
            top = float(resize(crop(film, box), (model.size, model.size)).max())
            full_scale[film.view] = film.full_scale_hu_mm * top
        else:
            depth = film.view.depth
            median = model.statistics.of(film.view).full_scale_hu_mm
            full_scale[film.view] = median * spacing_mm[depth] / median_mm[depth]
    shape = model.size, model.size, model.size
    return Scale(
        grid=Grid.centred(shape, (down, back, left), (0.0, 0.0, 0.0)),
        spacing_known=spacing_known,
        full_scale_hu_mm=full_scale,
        full_scale_known=known,
    )


def _typical_pixel(film: Film, typical_mm: Mapping[Axis, float]) -> tuple[float, float] | None:
    """Return the pixels, in mm, that a DRR of the median training volume has; None for a film."""
    if not film.is_drr:
        return None
    rows, columns = film.shape
    return typical_mm[Axis.CRANIOCAUDAL] / rows, typical_mm[film.view.columns] / columns
