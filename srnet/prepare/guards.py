"""How much bone, and at which HU, a CT of a body can hold.

Whether a file is a CT at all was decided when it was imported. K-means itself
never fails, its window pins the threshold; what tells a scan without bone is
the centre of the upper cluster and the amount of what was found.
"""

from srnet.errors import ScanRejected

__all__ = ["CORE_DEPTH_MM", "check_amount", "check_centres", "warn_of_contrast", "warn_of_metal"]

LEAST_BONE_CENTRE_HU = 200.0
THRESHOLD_RANGE_HU = (130.0, 260.0)
LEAST_BONE = 0.01
SUSPICIOUS_BONE = 0.2
MOST_BONE = 0.4
LEAST_METAL_ML = 0.2
CORE_DEPTH_MM = 12.0
LEAST_CORE_ML = 4.0


def check_centres(bone_centre_hu: float, threshold_hu: float) -> None:
    """Refuse clusters that cannot be soft tissue and bone.

    Raises
    ------
    ScanRejected
        With the centre and the threshold.
    """
    low, high = THRESHOLD_RANGE_HU
    if bone_centre_hu < LEAST_BONE_CENTRE_HU or not low <= threshold_hu <= high:
        raise ScanRejected(
            f"no bone: the denser cluster is centred at {bone_centre_hu:.0f} HU, of bone it is at "
            f"least at {LEAST_BONE_CENTRE_HU:.0f}, and the threshold is {threshold_hu:.0f} HU, "
            f"expected in {low:.0f} to {high:.0f}; take a CT that shows the spine"
        )


def check_amount(bone_ml: float, tissue_ml: float) -> list[str]:
    """Refuse an impossible amount of bone; return a warning about a suspicious one.

    Parameters
    ----------
    bone_ml
        Volume of the bone found.
    tissue_ml
        Volume above -200 HU.

    Raises
    ------
    ScanRejected
        With the share of bone in all tissue.
    """
    share = bone_ml / tissue_ml
    if not LEAST_BONE <= share <= MOST_BONE:
        raise ScanRejected(
            f"{share:.1%} of the tissue ({bone_ml:.0f} of {tissue_ml:.0f} ml) would be bone, "
            f"plausible are {LEAST_BONE:.0%} to {MOST_BONE:.0%}; is this a CT of a body?"
        )
    if share > SUSPICIOUS_BONE:
        return [f"{share:.1%} of the tissue was taken for bone: contrast agent?"]
    return []


def warn_of_metal(metal_ml: float, above_hu: int) -> list[str]:
    """Return a warning about voxels denser than any bone."""
    if metal_ml < LEAST_METAL_ML:
        return []
    return [
        f"{metal_ml:.1f} ml above {above_hu} HU were kept as bone: metal, or dense contrast agent?"
    ]


def warn_of_contrast(core_ml: float) -> list[str]:
    """Return a warning about dense tissue that is thicker than cortical bone.

    Parameters
    ----------
    core_ml
        Volume of the centres of all balls of radius `CORE_DEPTH_MM` that lie above the
        threshold, before any filling. Under the cortex of bone is marrow, mostly
        fainter; a heart or an aorta full of contrast agent is dense throughout.
    """
    if core_ml < LEAST_CORE_ML:
        return []
    return [
        f"{core_ml:.0f} ml of what was kept as bone lie {CORE_DEPTH_MM:.0f} mm deep in tissue as "
        "dense throughout: contrast agent in heart or vessels?"
    ]
