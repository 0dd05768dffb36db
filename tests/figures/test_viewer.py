import base64
import gzip
import re
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from srnet.core.errors import SrnetError
from srnet.figures import viewer as module
from srnet.figures.cases import read_case
from srnet.figures.viewer import viewer_html
from srnet.imaging.volume import Grid, Volume


@pytest.fixture(scope="module")
def page_file(fake_run, tmp_path_factory) -> Path:
    case = read_case(fake_run.test, [fake_run.predictions["srnet3d"]], "sub-a_ct")
    prediction = Volume(case.reconstructions["srnet3d"], case.target.grid)
    path: Path = tmp_path_factory.mktemp("viewer") / "view.html"
    path.write_text(
        viewer_html([("Truth <b>", case.target), ("3DSRNet", prediction)]), encoding="utf-8"
    )
    return path


def test_page_holds_the_volumes_in_hounsfield_units():
    array = np.zeros((8, 8, 8), np.float32)
    array[1, 2, 3] = 0.5
    grid = Grid(array.shape, (3.0, 2.0, 1.0), (5.0, 6.0, 7.0))
    page = viewer_html([("one", Volume(array, grid))])
    [data] = re.findall(r'id="volume0">([^<]*)<', page)
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(data)))
    values = np.asarray(image.dataobj)
    assert values.max() == 226, "a network value of 0.5 in bone"
    assert values.min() == -1024
    assert image.header.get_zooms() == (1.0, 2.0, 3.0)


def test_page_names_no_server_to_load_from(page_file):
    page = page_file.read_text(encoding="utf-8")
    markup = re.sub(r"(?s)<script.*?</script>", "", page)
    assert not re.search(r"https?://", markup)
    assert "default-src 'none'" in markup
    assert "Truth &lt;b&gt;" in markup


def test_unknown_bundle_is_named_with_its_cure(monkeypatch, tmp_path):
    bundle = tmp_path / "widget.js"
    bundle.write_text("export{a as default};", encoding="utf-8")
    monkeypatch.setattr(module, "_bundle", lambda: bundle)
    with pytest.raises(SrnetError, match=r"requirements\.lock"):
        module.niivue_module("")


def test_slices_move_in_a_real_browser_and_nothing_leaves_it(page_file, tmp_path, tab):
    before, after = tmp_path / "before.png", tmp_path / "after.png"
    tab.open(page_file)
    tab.wait_for("document.body.dataset.viewers === 'ready'")
    tab.screenshot(before, ".viewers")
    tab.evaluate(
        "const s = document.querySelectorAll('.sliders input')[2];"
        "s.value = 0.83; s.dispatchEvent(new Event('input'))"
    )
    tab.screenshot(after, ".viewers")
    values = tab.evaluate("[...document.querySelectorAll('output')].map((o) => o.value)")
    assert [url for url in tab.requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert tab.errors == []
    first, second = (np.asarray(Image.open(path).convert("L"), int) for path in (before, after))
    assert (first > 120).mean() > 0.005, "volumes are visible"
    assert (np.abs(first - second) > 60).mean() > 0.002, "the slices moved"
    assert all(value.endswith(" HU") for value in values)


def test_a_surface_is_drawn_beside_the_volume(fake_run, tmp_path, tab):
    """A tetrahedron of 20 mm about the middle, as an MZ3 file."""
    case = read_case(fake_run.test, [fake_run.predictions["srnet3d"]], "sub-a_ct")
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], "<f4") * 10
    faces = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]], "<i4")
    head = np.array([0x5A4D, 3], "<u2").tobytes() + np.array([4, 4, 0], "<u4").tobytes()
    mesh = head + faces.tobytes() + corners.tobytes()
    page, picture = tmp_path / "view.html", tmp_path / "surface.png"
    page.write_text(
        viewer_html([("Truth", case.target)], surfaces=[("Mesh", mesh)]), encoding="utf-8"
    )
    tab.open(page)
    tab.wait_for("document.body.dataset.viewers === 'ready'")
    tab.screenshot(picture, "canvas[data-surface]")
    assert tab.errors == []
    shown = np.asarray(Image.open(picture).convert("RGB"), int)
    bone = (shown[..., 0] > 50) & (shown[..., 0] > shown[..., 2])
    assert bone.mean() > 0.03, "the surface is visible, in the colour of bone"
