"""Digitally reconstructed radiographs by ITK's ray casting.

The interpolator is asked pixel by pixel instead of through ITK's resampling
filter: the same rays and the same sums, but of ITK only one module is loaded,
a fraction of a second instead of several for every job of a cohort. ITK ignores direction cosines
here; the volume's array is therefore handed over as it is, in the frame of
`srnet.prepare.geometry`, whose axes run along the array's.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srnet.config.prepare import DrrSettings
from srnet.core.errors import ScanRejected, SrnetError
from srnet.imaging.geometry import ConeBeam, View
from srnet.imaging.volume import Axis, Grid, Volume
from srnet.imaging.xray import Xray


def project_drr(volume: Volume, settings: DrrSettings) -> tuple[Xray, Xray]:
    """Return the AP and the lateral x-ray of a target volume.

    Parameters
    ----------
    volume
        Stored target, values in [0, 2500].
    settings
        Distances of source and detector.

    Raises
    ------
    ScanRejected
        If no ray of a view meets bone.
    SrnetError
        If the source of a view stands within the bone.
    """
    beam = cone_beam(settings)
    for view in View:
        _check_source(volume, beam, view)
    ap, lateral = (_expose(cast_rays(volume, beam, view), view) for view in View)
    return ap, lateral


def cone_beam(settings: DrrSettings) -> ConeBeam:
    """Return the geometry that the settings describe."""
    return ConeBeam(settings.source_to_isocentre_mm)


def cast_rays(volume: Volume, beam: ConeBeam, view: View) -> NDArray[np.float32]:
    """Return the line integrals of `volume` from the source to each pixel.

    Returns
    -------
    float32 (rows, columns), in units of the volume times mm. Values at or
    below 0 do not count.
    """
    # ITK looks into this array without owning it: it must outlive the caster.
    # ITK's rays end at the outermost voxel centres and skip the first slice; a
    # rim of air lets the outermost voxels count like all others.
    array = np.pad(volume.array.astype(np.float32), 1)
    image = _image(array, replace(volume.grid, shape=array.shape))
    caster = _ray_caster()
    caster.SetInputImage(image)
    caster.SetThreshold(0.0)
    caster.SetFocalPoint(_swapped(beam.source_mm(view)))
    pixels = beam.pixels_mm(view, volume.grid)[..., ::-1]
    sums = [caster.Evaluate(pixel) for pixel in pixels.reshape(-1, 3).tolist()]
    return np.array(sums, np.float32).reshape(pixels.shape[:2])


def _check_source(volume: Volume, beam: ConeBeam, view: View) -> None:
    """Refuse a source that stands no further from the isocentre than bone reaches.

    What counts is the bone, not the array: an isotropic cube is mostly air.
    """
    others = tuple(axis for axis in Axis if axis != view.depth)
    filled = np.flatnonzero(np.any(volume.array > 0, axis=others))
    if filled.size == 0:
        return
    spacing, middle = volume.grid.spacing_mm[view.depth], volume.grid.shape[view.depth] / 2
    ends = (filled[0] - middle) * spacing, (filled[-1] + 1 - middle) * spacing
    reach = max(view.source_side * end for end in ends)
    needed = max(reach, (ends[1] - ends[0]) / 2)
    if beam.source_to_isocentre_mm <= needed:
        raise SrnetError(
            f"drr.source_to_isocentre_mm is {beam.source_to_isocentre_mm:g}, but bone reaches "
            f"{needed:.0f} mm from the isocentre along the {view.value} view, so that the source "
            "would stand within the patient; give the distances in mm, not in cm"
        )


def _expose(integral: NDArray[np.float32], view: View) -> Xray:
    """Scale line integrals to grey values by their own maximum."""
    white = float(integral.max())
    if white <= 0:
        raise ScanRejected(
            f"the {view.value} view meets no bone in any of its {integral.size} rays; "
            "look at the bone volume"
        )
    return Xray(integral / np.float32(white), white)


def _ray_caster() -> Any:
    """Return ITK's ray caster with a transform that leaves rays where they are."""
    from itk import itkIdentityTransformPython, itkRayCastInterpolateImageFunctionPython

    caster = itkRayCastInterpolateImageFunctionPython.itkRayCastInterpolateImageFunctionIF3D_New()
    caster.SetTransform(itkIdentityTransformPython.itkIdentityTransformD3_New())
    return caster


def _image(array: NDArray[np.float32], grid: Grid) -> Any:
    """Return the array seen as an ITK image, x to the left, y to the back, z down."""
    from itk import itkPyBufferPython

    # Its copying sibling would load all of ITK and, where there is one, torch.
    image = itkPyBufferPython.itkPyBufferIF3.GetImageViewFromArray(array)
    image.SetSpacing(_swapped(grid.spacing_mm))
    image.SetOrigin(_swapped(_first_voxel_mm(grid)))
    return image


def _first_voxel_mm(grid: Grid) -> tuple[float, float, float]:
    down, back, left = (
        -(count - 1) / 2 * spacing
        for count, spacing in zip(grid.shape, grid.spacing_mm, strict=True)
    )
    return down, back, left


def _swapped(position: tuple[float, float, float]) -> list[float]:
    """Return an array-axis triple in ITK's order, fastest axis first."""
    return [float(value) for value in reversed(position)]
