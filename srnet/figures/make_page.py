"""Stage: one self-contained web page with a volume viewer, all tables and all figures."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from srnet.config.figures import FigureSettings
from srnet.core.atomic import write_text
from srnet.core.errors import SrnetError
from srnet.core.stamp import record_id
from srnet.figures.cases import choose_scans, put_first, read_case
from srnet.figures.viewer import VIEWER_STYLE, viewer_block
from srnet.imaging.volume import Volume
from srnet.tables.page import html_page

TITLE = "3-D spine CT from two x-rays"
FOREWORD = (
    "<p>Volumes reconstructed from an AP and a lateral x-ray of scans that no method was trained "
    "on. For research only: what two views do not show, a network makes up, and a reconstruction "
    "is no measurement.</p>"
)


@dataclass(frozen=True)
class PageParts:
    """What the page shows, in its order.

    Attributes
    ----------
    tables
        HTML files of tables.
    figures
        PNG files, named after their captions.
    captions
        Text under each figure, by the stem of its file.
    """

    tables: Sequence[str | Path]
    figures: Sequence[str | Path]
    captions: Mapping[str, str]


def make_page(
    page: str | Path,
    parts: PageParts,
    test_h5: str | Path,
    prediction_h5s: Sequence[str | Path],
    settings: FigureSettings,
) -> None:
    """Write a volume viewer, tables and all figures into the HTML file `page`.

    The viewer shows one test scan and its reconstruction by `settings.subject`.
    """
    subject = put_first(prediction_h5s, settings.subject)[0]
    scan = settings.scan or choose_scans(test_h5, subject)[0]
    case = read_case(test_h5, [subject], scan)
    volumes = [
        (head, Volume(array, case.target.grid))
        for head, array in zip(case.heads(), case.volumes().values(), strict=True)
    ]
    sections = [
        FOREWORD,
        f"<h2>Look into test scan {html.escape(scan)}</h2>"
        + viewer_block(volumes, settings.window_hu),
        "<h2>Tables</h2>",
        *(_table(path, folded=number > 0) for number, path in enumerate(parts.tables)),
        "<h2>Figures</h2>",
        *(_figure(path, parts.captions) for path in parts.figures),
        f'<p class="muted">Record {record_id() or "none"}</p>',
    ]
    write_text(page, html_page(TITLE, "\n".join(sections), VIEWER_STYLE))


def _table(path: str | Path, folded: bool) -> str:
    """Return heading, tables and notes out of the HTML file of a table, folded or open."""
    text = Path(path).read_text(encoding="utf-8")
    start, end = text.find("<h1>"), text.rfind("</body>")
    if min(start, end) < 0:
        raise SrnetError(f"{path}: is no table written by make_table; make it again")
    body = text[start:end].replace("<h1>", "<summary>").replace("</h1>", "</summary>")
    return f"<details{'' if folded else ' open'}>{body}</details>"


def _figure(path: str | Path, captions: Mapping[str, str]) -> str:
    name = Path(path).stem
    caption = " ".join(captions[name].split())
    data = base64.b64encode(Path(path).read_bytes()).decode("ascii")
    return (
        f'<figure id="{html.escape(name)}"><img alt="{html.escape(caption)}" '
        f'src="data:image/png;base64,{data}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )
