import re

import pytest
from PIL import Image

from srnet.config.figures import FigureSettings
from srnet.core.errors import SrnetError
from srnet.figures.make_page import PageParts, make_page
from srnet.tables.page import html_page


@pytest.fixture
def parts(tmp_path):
    table = tmp_path / "table1.html"
    body = "<table><tr><td>3DSRNet</td></tr></table><ul><li>60 scans</li></ul>"
    table.write_text(html_page("Table I", body), encoding="utf-8")
    figure = tmp_path / "overview.png"
    Image.new("L", (40, 20), 128).save(figure)
    return PageParts([table, table], [figure], {"overview": "Truth &\nmethods."})


@pytest.fixture
def page_file(fake_run, parts, tmp_path):
    page = tmp_path / "index.html"
    make_page(page, parts, fake_run.test, list(fake_run.predictions.values()), FigureSettings())
    return page


def test_page_shows_table_figure_and_case_of_median_error(page_file):
    text = re.sub(r"(?s)<script.*?</script>", "", page_file.read_text(encoding="utf-8"))
    assert text.count("<td>3DSRNet</td>") == 2
    assert text.index("<details open>") < text.index("<details>"), "only the first is open"
    assert text.count("<h1>") == 1
    assert "<figcaption>Truth &amp; methods.</figcaption>" in text
    assert "Look into test scan sub-a_ct" in text
    assert not re.search(r'(src|href)="(?!data:)', text)


def test_foreign_table_is_refused(fake_run, parts, tmp_path):
    foreign = tmp_path / "foreign.html"
    foreign.write_text("nothing", encoding="utf-8")
    changed = PageParts([foreign], [], {})
    with pytest.raises(SrnetError, match="make_table"):
        make_page(
            tmp_path / "i.html",
            changed,
            fake_run.test,
            [fake_run.predictions["ipf"]],
            FigureSettings(),
        )


def test_page_opens_in_a_real_browser_without_a_request(page_file, tab):
    tab.open(page_file)
    tab.wait_for("document.body.dataset.viewers === 'ready'")
    assert tab.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")
    assert tab.errors == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in tab.requests)
