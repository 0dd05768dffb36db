"""The frame of a self-contained HTML page: one file, no request to anywhere."""

import html

# Whatever a script inside the page tries, the browser itself refuses to fetch.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data: blob:; connect-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #1a1a1a; background: #fff;
       max-width: 80rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .3rem 0; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #ddd;
         white-space: nowrap; }
th { border-bottom: 2px solid #888; vertical-align: bottom; white-space: normal; }
th:first-child, td:first-child { text-align: left; }
.wide { overflow-x: auto; }
details { margin: 1rem 0; } summary { font-size: 1.1rem; font-weight: 600; cursor: pointer; }
img { max-width: 100%; height: auto; }
figure { margin: 1rem 0; } figcaption { color: #444; font-size: .9rem; }
.muted { color: #666; font-size: .9rem; }
"""


def html_page(title: str, body: str, style: str = "") -> str:
    """Return a whole HTML document around `body`.

    Parameters
    ----------
    title
        Plain text; it is escaped here and also heads the page.
    body
        HTML below the heading.
    style
        CSS to add to the page's own.
    """
    heading = html.escape(title)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{heading}</title>
<style>{_STYLE}{style}</style>
</head>
<body>
<h1>{heading}</h1>
{body}
</body>
</html>
"""
