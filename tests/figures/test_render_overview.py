import numpy as np
from PIL import Image

from srnet.config.figures import FigureSettings
from srnet.core.stamp import stamped
from srnet.figures.render_overview import render_overview


def test_overview_is_reproducible_and_names_its_record(fake_run, tmp_path):
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    with stamped("feedfacefeedface"):
        for path in (first, second):
            render_overview(
                fake_run.test, list(fake_run.predictions.values()), path, FigureSettings(dpi=60)
            )
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as image:
        assert image.info["record"] == "feedfacefeedface"
        assert "Creation Time" not in image.info


def test_overview_shows_light_and_dark_on_white(fake_run, tmp_path):
    target = tmp_path / "overview.png"
    render_overview(
        fake_run.test,
        [fake_run.predictions["srnet3d"]],
        target,
        FigureSettings(dpi=60, scan="sub-c_ct"),
    )
    grey = np.asarray(Image.open(target).convert("L"))
    assert (grey[0] == 255).all(), "the page is white"
    assert (grey == 0).mean() > 0.2, "pictures have a black background"
    assert ((grey > 100) & (grey < 250)).mean() > 0.02, "bone is seen"
