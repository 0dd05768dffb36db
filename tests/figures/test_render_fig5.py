import numpy as np
import pytest
from PIL import Image

from srnet.acquire.acquire import list_scans
from srnet.config.cohort import CohortSettings
from srnet.config.figures import FigureSettings
from srnet.config.prepare import BoneSettings
from srnet.core.errors import ScanRejected
from srnet.figures import render_fig5 as module


@pytest.fixture
def scan():
    source = {"kind": "phantom", "count": 3, "spacing_mm": 4.0, "regions": ["cervical"]}
    return list_scans(CohortSettings.parse({"sources": [source]}))[0]


def test_bone_is_drawn_below_the_scan(scan, tmp_path):
    target = tmp_path / "fig5.png"
    module.render_fig5(scan, 1, BoneSettings(), target, FigureSettings(dpi=50))
    grey = np.asarray(Image.open(target).convert("L"), int)
    upper, lower = np.array_split(grey[25:, 150:], 2)
    soft = [((half > 20) & (half < 100)).mean() for half in (upper, lower)]
    assert soft[0] > 3 * soft[1], "soft tissue is gone"
    assert (lower > 120).mean() > 0.002, "bone is left"


def test_rejected_scan_leaves_a_page_that_says_why(scan, tmp_path, monkeypatch):
    def reject(*_):
        raise ScanRejected("scan.nii.gz: is truncated; copy it again")

    monkeypatch.setattr(module, "acquire", reject)
    target = tmp_path / "fig5.png"
    module.render_fig5(scan, 1, BoneSettings(), target, FigureSettings(dpi=50))
    with Image.open(target) as image:
        assert image.size == (300, 50)
