"""The files of a reconstruction: all of them, or none.

They do not name the patient: they hold no file name and no DICOM value, and
show films blurred outside the marked boxes.
"""

import html
import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from srnet.clinical.film import Box, Film
from srnet.clinical.film_sheet import draw_sheet
from srnet.clinical.mesh import encode_mz3, write_ply, write_stl
from srnet.clinical.prepare_film import METHOD
from srnet.clinical.reconstruction import Reconstruction
from srnet.config.clinical import ClinicalSettings
from srnet.core.atomic import atomic_folder, write_text
from srnet.core.stamp import record_id
from srnet.figures.canvas import save_figure, style
from srnet.figures.viewer import viewer_html
from srnet.imaging.geometry import View
from srnet.imaging.target import hounsfield
from srnet.imaging.volume import Volume, write_volume

PURPOSE = "Research use only. A reconstruction from two views is not a measurement."
SOFTWARE = ("srnet", "torch", "numpy", "scikit-image", "pydicom")


def write_reconstruction(
    out: str | Path, result: Reconstruction, settings: ClinicalSettings
) -> None:
    """Write all files of a reconstruction into the folder `out`, new or empty.

    An error leaves nothing behind.
    """
    hu = np.asarray(hounsfield(result.volume.array), np.float32)
    with atomic_folder(out) as folder:
        write_volume(folder / "spine.nii.gz", Volume(hu, result.volume.grid))
        write_stl(folder / "spine_mm.stl", result.mesh)
        write_ply(folder / "spine_mm.ply", result.mesh)
        with style():
            save_figure(folder / "sheet.png", draw_sheet(result, settings), dpi=150)
        page = viewer_html(
            [("Volume", result.volume)],
            "Spine from two x-ray films",
            _foreword(result),
            surfaces=[("Surface", encode_mz3(result.mesh))],
        )
        write_text(folder / "view.html", page)
        text = json.dumps(sidecar(result), indent=2, sort_keys=True)
        write_text(folder / "spine.json", text + "\n")


def sidecar(result: Reconstruction) -> dict[str, Any]:
    """Return the content of `spine.json`: plain JSON types without any identifier."""
    grid = result.scale.grid
    return {
        "purpose": PURPOSE,
        "model": {
            "method": result.model.method,
            "size": result.model.size,
            "manifest_sha256": result.model.sha256,
        },
        "films": {
            film.view.value: _about_film(film, box, result) for film, box in result.pair.films
        },
        "volume": {
            "file": "spine.nii.gz",
            "axes": "RAS+",
            "unit": "mm",
            "values": "HU in bone, -1024 elsewhere",
            "shape_right_anterior_superior": list(reversed(grid.shape)),
            "spacing_right_anterior_superior_mm": list(reversed(grid.spacing_mm)),
            "spacing_known": result.scale.spacing_known,
        },
        "mesh": {
            "files": ["spine_mm.stl", "spine_mm.ply"],
            "axes": "LPS",
            "unit": "mm",
            "triangles": len(result.mesh.triangles),
            "bounds": np.round(result.mesh.bounds_mm, 3).tolist(),
        },
        "line_integrals": {
            "known": result.scale.full_scale_known,
            "full_scale_hu_mm": {
                view.value: float(np.float32(scale))
                for view, scale in result.scale.full_scale_hu_mm.items()
            },
        },
        "consistency": {
            "meaning": "DRRs of the volume against the network's input; correlation 1 and "
            "difference 0 are perfect",
            **{view.value: result.consistency[view].plain() for view in View},
            "test_set": result.model.reference.plain(),
        },
        "findings": [finding.plain() for finding in result.findings],
        "software": {name: metadata.version(name) for name in SOFTWARE}
        | {"python": platform.python_version()},
        "record": record_id(),
    }


def _about_film(film: Film, box: Box, result: Reconstruction) -> dict[str, Any]:
    cleaned = result.prepared[film.view].cleaned
    return {
        "sha256": film.sha256,
        "format": film.file_format,
        "pixels": [film.shape[1], film.shape[0]],
        "box": [box.x0, box.y0, box.x1, box.y1],
        "box_given": box.given,
        "spacing_mm": list(film.spacing_mm) if film.spacing_mm else None,
        "inverted": film.inverted,
        "rows_columns_exchanged": film.transposed,
        "rows_columns_reversed": list(film.flip),
        "claimed_view": film.claimed_view,
        "cleaning": METHOD if cleaned else None,
    }


def _foreword(result: Reconstruction) -> str:
    """Return the sentences above the viewer, as HTML."""
    items = "".join(
        f"<li>{html.escape(finding.sentence)}</li>"
        for finding in result.findings
        if finding.severity != "note"
    )
    agreement = ", ".join(
        f"{view.value} {result.consistency[view].correlation:.2f}" for view in View
    )
    return (
        f"<p><strong>{PURPOSE}</strong></p>"
        f"<p>Correlation of the DRRs of the volume with the films: {agreement}.</p>"
        f"<ul>{items}</ul>"
    )
