"""The size of a voxel, and the line integral at white, also where films do not state them."""

from collections.abc import Mapping
from dataclasses import dataclass

from srnet.clinical.checks import FilmPair
from srnet.export.model_folder import ModelFolder
from srnet.imaging.geometry import View
from srnet.imaging.volume import Axis, Grid

UNKNOWN_VOXEL_MM = 1.0
"""Craniocaudal voxel size where no spacing is known; a round number that stands for no size."""


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
        Line integral at grey 1 by view; the training median for a film.
    full_scale_known
        True only for DRRs of this package.
    """

    grid: Grid
    spacing_known: bool
    full_scale_hu_mm: Mapping[View, float]
    full_scale_known: bool


def settle_scale(pair: FilmPair, model: ModelFolder) -> Scale:
    """Return the scale of the volume between two boxed films.

    The volume fills both boxes: its height is the mean of theirs, its width that of the
    AP box, its depth that of the lateral box. A film of unknown spacing takes
    it from the other, whose box shows the same height of the body.
    """
    heights = [
        box.height * film.spacing_mm[0] for film, box in pair.films if film.spacing_mm is not None
    ]
    height_mm = sum(heights) / len(heights) if heights else UNKNOWN_VOXEL_MM * model.size
    extents = {Axis.CRANIOCAUDAL: height_mm}
    for film, box in pair.films:
        pixel_mm = film.spacing_mm[1] if film.spacing_mm else height_mm / box.height / film.aspect
        extents[film.view.columns] = box.width * pixel_mm
    down, back, left = (extents[axis] / model.size for axis in Axis)
    known = all(film.is_drr for film, _ in pair.films)
    full_scale = {}
    for film, box in pair.films:
        if known:
            top = float(film.grey[box.y0 : box.y1, box.x0 : box.x1].max())
            full_scale[film.view] = film.full_scale_hu_mm * top
        else:
            median = model.statistics.of(film.view).full_scale_hu_mm
            # A line integral in an unknown size shrinks with the voxels.
            full_scale[film.view] = (
                median if heights else median * down / model.statistics.spacing_median_mm[0]
            )
    shape = model.size, model.size, model.size
    return Scale(
        grid=Grid.centred(shape, (down, back, left), (0.0, 0.0, 0.0)),
        spacing_known=bool(heights),
        full_scale_hu_mm=full_scale,
        full_scale_known=known,
    )
