"""The surface of the reconstructed bone as STL and PLY files in mm.

Coordinates are LPS (x to the patient's left, y to the back, z to the head),
the convention of ITK and of 3D Slicer's model files; both headers state it in
the form that Slicer reads (`SPACE=LPS`). NIfTI files are RAS, in which x and y have the
opposite sign, and so is the MZ3 file for the viewer on the page.
"""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from srnet.config.clinical import ClinicalSettings
from srnet.core.atomic import atomic_path
from srnet.core.errors import SrnetError
from srnet.imaging.volume import Volume

HEADER = "srnet bone surface; unit mm; SPACE=LPS"
_STL_HEADER = 80
_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_MZ3_MAGIC, _MZ3_FACES_AND_POINTS = 0x5A4D, 0b11
_MZ3_STEPS_PER_MM = 64
_FACE = np.dtype([("count", "u1"), ("corners", "<i4", 3)])


@dataclass(frozen=True)
class Mesh:
    """A closed triangle mesh.

    Attributes
    ----------
    points_mm
        (N, 3) world positions in LPS.
    triangles
        (M, 3) indices of points, counter-clockwise seen from outside.
    """

    points_mm: NDArray[np.float64]
    triangles: NDArray[np.int64]

    @property
    def bounds_mm(self) -> NDArray[np.float64]:
        """Return the lowest and the highest corner, (2, 3), in LPS."""
        return np.stack([self.points_mm.min(axis=0), self.points_mm.max(axis=0)])


def bone_mask(volume: Volume, settings: ClinicalSettings) -> NDArray[np.bool_]:
    """Return the voxels (S, S, S) above the bone threshold, without small pieces.

    Raises
    ------
    SrnetError
        If no voxel exceeds the threshold.
    """
    from scipy.ndimage import label

    bone = volume.array > settings.bone_threshold
    if not bone.any():
        raise SrnetError(
            f"the reconstruction holds no bone above {settings.bone_threshold:g} "
            f"(its largest value is {float(volume.array.max()):.3g}); check the polarity and the "
            "boxes of the films, or lower clinical.bone_threshold"
        )
    pieces, _ = label(bone, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    kept = sizes >= max(1.0, settings.component_share * sizes.max())
    kept[0] = False
    return np.asarray(kept[pieces])


def extract_mesh(volume: Volume, settings: ClinicalSettings) -> Mesh:
    """Return the smoothed surface of the bone.

    Marching cubes runs on the values around the kept pieces, so that the surface lies
    between voxels; a margin of air closes it where bone reaches the border.
    """
    from scipy.ndimage import binary_dilation
    from skimage.measure import marching_cubes

    mask = bone_mask(volume, settings)
    around = binary_dilation(mask, structure=np.ones((3, 3, 3)))
    outside = ~mask & (volume.array > settings.bone_threshold)
    values = np.where(around & ~outside, volume.array, 0).astype(np.float32)
    points, triangles, _, _ = marching_cubes(np.pad(values, 1), level=settings.bone_threshold)
    affine = volume.grid.affine
    ras = (points - 1) @ affine[:3, :3].T + affine[:3, 3]
    lps = ras * (-1, -1, 1)
    # Mirrored axes may have turned the triangles inside out, which makes the volume negative.
    triangles = triangles.astype(np.int64)
    first, second, third = np.moveaxis(lps[triangles], 1, 0)
    if np.einsum("ij,ij->i", first, np.cross(second, third)).sum() < 0:
        triangles = triangles[:, ::-1]
    if settings.smoothing > 0:
        import trimesh

        # Unlike a Laplacian filter, Taubin's keeps the size.
        surface = trimesh.Trimesh(lps, triangles, process=False)
        trimesh.smoothing.filter_taubin(surface, lamb=0.5, nu=0.53, iterations=settings.smoothing)
        lps = np.asarray(surface.vertices, np.float64)
    return Mesh(lps, triangles)


def write_stl(path: str | Path, mesh: Mesh) -> None:
    """Write a binary STL file, mm in LPS."""
    corners = mesh.points_mm[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    records = np.zeros(len(corners), _TRIANGLE)
    records["corners"] = corners
    records["normal"] = normals / np.maximum(lengths, 1e-20)
    with atomic_path(path) as partial, partial.open("wb") as file:
        file.write(HEADER.encode().ljust(_STL_HEADER))
        file.write(np.uint32(len(records)).tobytes())
        file.write(records.tobytes())


def write_ply(path: str | Path, mesh: Mesh) -> None:
    """Write a binary PLY file, mm in LPS."""
    faces = np.zeros(len(mesh.triangles), _FACE)
    faces["count"] = 3
    faces["corners"] = mesh.triangles
    lines = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment {HEADER}",
        "comment x to the patient's left, y to the back, z to the head",
        f"element vertex {len(mesh.points_mm)}",
        *(f"property float {axis}" for axis in "xyz"),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header",
    ]
    with atomic_path(path) as partial, partial.open("wb") as file:
        file.write(("\n".join(lines) + "\n").encode())
        file.write(mesh.points_mm.astype("<f4").tobytes())
        file.write(faces.tobytes())


def encode_mz3(mesh: Mesh) -> bytes:
    """Return the mesh as a gzipped MZ3 file, mm in RAS.

    Points are rounded to 1/64 mm, which halves their compressed size.
    """
    ras = np.round(mesh.points_mm * (-1, -1, 1) * _MZ3_STEPS_PER_MM) / _MZ3_STEPS_PER_MM
    counts = np.array([len(mesh.triangles), len(ras), 0], "<u4")
    parts = (
        np.array([_MZ3_MAGIC, _MZ3_FACES_AND_POINTS], "<u2"),
        counts,
        mesh.triangles.astype("<i4"),
        ras.astype("<f4"),
    )
    # Without a time stamp equal meshes give equal bytes.
    return gzip.compress(b"".join(part.tobytes() for part in parts), mtime=0)
