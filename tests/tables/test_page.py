from html.parser import HTMLParser

from srnet.tables.page import html_page


class Outline(HTMLParser):
    """Collects the text below each kind of element, and all attributes."""

    def __init__(self, page: str):
        super().__init__()
        self.path: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.path.append(tag)
        self.attributes.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        while self.path and self.path.pop() != tag:
            pass

    def handle_data(self, data):
        if self.path:
            self.texts.setdefault(self.path[-1], []).append(data)


def test_a_title_is_text_and_the_body_is_markup():
    outline = Outline(html_page("<A & B>", "<p>one <b>two</b></p>", "p { color: red; }"))
    assert outline.texts["title"] == ["<A & B>"]
    assert outline.texts["h1"] == ["<A & B>"]
    assert outline.texts["b"] == ["two"]
    assert outline.texts["style"][0].endswith("p { color: red; }")


def test_the_browser_is_told_to_fetch_nothing():
    outline = Outline(html_page("title", ""))
    [policy] = [str(a["content"]) for _, a in outline.attributes if a.get("http-equiv")]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    allowed = {word for rule in rules.values() for word in rule.split()}
    assert allowed <= {"'none'", "'unsafe-inline'", "data:", "blob:"}
