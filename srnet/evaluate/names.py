"""How rows of the tables are called in print."""

__all__ = ["is_floor", "printed_name"]

_FLOORS = {
    "all_zero": "All zero",
    "mean_volume": "Mean volume",
    "nearest_neighbour": "Nearest scan",
    "back_projection": "Back-projection",
    "ipf": "IPF of the mean",
}

_PRINTED = {
    **_FLOORS,
    "psr": "PSR",
    "sit": "SIT",
    "x2ct": "X2CT",
    "ete": "ETE",
    "srnet3d": "3DSRNet",
    "srnet3d_no_aspp": "without ASPP",
    "srnet3d_no_srct": "without SRCT",
    "srnet3d_no_srte": "without SRTE",
    "srnet3d_eq12": "3DSRNet, eq. 12",
    "srnet3d_no_igdl": "without IGDL3D",
    "srnet3d_no_ffl": "without FFL3D",
    "srnet3d_dc": "3DSRNet + ML-EM",
    "x2ct_dc": "X2CT + ML-EM",
}


def printed_name(row: str) -> str:
    """Return the name of a row as the paper prints it, or the row itself."""
    return _PRINTED.get(row, row.replace("_", " "))


def is_floor(row: str) -> bool:
    """Return whether a row of the tables was made without training."""
    return row in _FLOORS
