"""The names of rows in print, and what the paper prints for them in its Tables I-III."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from srnet.config.run import method_label
from srnet.evaluate.baselines import BASELINES


def printed_name(row: str) -> str:
    """Return the name of a row in print; a method without one keeps its words."""
    return BASELINES.get(row) or method_label(row)


def is_baseline(row: str) -> bool:
    """Return whether a row of the tables was made without training."""
    return row in BASELINES


@dataclass(frozen=True)
class Traits:
    """What tells one row of the paper's tables from another.

    Attributes
    ----------
    net
        Name of the network.
    parts
        Whether ASPP, SRCT, SRTE, IGDL3D and FFL3D are there; empty for other
        networks than 3DSRNet.
    published
        False for a variant that the paper does not have.
    """

    net: str
    parts: tuple[tuple[str, bool], ...] = ()
    published: bool = True

    def sign(self, part: str) -> str:
        """Return '+' or '-' as the paper marks a part, '' where it has no meaning."""
        there = dict(self.parts)
        return ("+" if there[part] else "-") if part in there else ""


TITLES = {
    "table1": "Table I: methods",
    "table2": "Table II: ablation of modules",
    "table3": "Table III: ablation of losses",
}

SIGNS: dict[str, tuple[str, ...]] = {
    "table1": (),
    "table2": ("ASPP", "SRCT", "SRTE"),
    "table3": ("IGDL3D", "FFL3D"),
}
"""The columns of signs that stand before the metrics."""

WHOLE = (("ASPP", True), ("SRCT", True), ("SRTE", True), ("IGDL3D", True), ("FFL3D", True))
"""Every part of 3DSRNet that the paper takes away in turn."""

PRINTED_METRICS = ("PSNR", "SSIM", "CS", "MAE", "MSE", "LPIPS", "FLOPs")
"""The metrics of Table I; Tables II and III have all but the last."""


def without(part: str) -> Traits:
    """Return the traits of 3DSRNet without one part."""
    parts = tuple((name, there and name != part) for name, there in WHOLE)
    return Traits("srnet3d", parts)


PRINTED: dict[Traits, tuple[float, ...]] = {
    Traits("psr"): (35.2928, 0.7590, 0.6203, 37.2106, 15509.27, 0.2169, 111.631),
    Traits("sit"): (33.2308, 0.7669, 0.5810, 37.9719, 16118.3614, 0.1541, 123.674),
    Traits("x2ct"): (43.6990, 0.8692, 0.6966, 27.1507, 12251.6784, 0.0948, 623.345),
    Traits("ete"): (43.9580, 0.8546, 0.6466, 29.8947, 14428.335, 0.1229, 208.175),
    Traits("srnet3d", WHOLE): (45.4666, 0.8850, 0.7662, 23.6696, 9016.1044, 0.0768, 785.979),
    without("ASPP"): (43.9712, 0.8700, 0.7117, 27.3234, 12235.5622, 0.1047),
    without("SRCT"): (42.8017, 0.8522, 0.6480, 30.4998, 14604.7407, 0.1059),
    without("SRTE"): (43.3599, 0.8594, 0.6634, 29.5770, 14501.7391, 0.1095),
    without("IGDL3D"): (44.0720, 0.8642, 0.6811, 28.5959, 13466.5542, 0.0993),
    without("FFL3D"): (44.2018, 0.8691, 0.7068, 27.9719, 12194.5319, 0.1031),
}
"""The values of every row, in the order of `PRINTED_METRICS`."""


def traits(net: Mapping[str, Any], loss: Mapping[str, float]) -> Traits:
    """Return the traits of a method from its network settings and its weights of losses."""
    published = net.get("physics", "none") == "none"
    if net["name"] != "srnet3d":
        return Traits(net["name"], published=published and net.get("views", 2) == 2)
    there = {
        "ASPP": bool(net["aspp"]),
        "SRCT": net["srct"] != "off",
        "SRTE": net["srte"] != "off",
        "IGDL3D": loss["igdl"] > 0,
        "FFL3D": loss["ffl"] > 0,
    }
    return Traits("srnet3d", tuple(there.items()), published)


def printed_scores(table: str, method: Traits) -> dict[str, float]:
    """Return the values that the paper prints for `method`, empty if it has none.

    In Table I a 3DSRNet counts as the paper's whatever its losses, and in
    Table II likewise; Table III is about the losses.
    """
    if table != "table3" and method.parts:
        kept = dict(method.parts) | {"IGDL3D": True, "FFL3D": True}
        method = replace(method, parts=tuple(kept.items()))
    shown = PRINTED_METRICS if table == "table1" else PRINTED_METRICS[:-1]
    return dict(zip(shown, PRINTED.get(method, ()), strict=False))
