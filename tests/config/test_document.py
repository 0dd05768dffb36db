"""The reference page is current and complete."""

from pathlib import Path

from srnet.config.document import document
from srnet.config.run import Config

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == document(), (
        "docs/configuration.md is stale: srnet config document > docs/configuration.md"
    )


def test_every_top_level_key_is_on_the_page():
    page = document()
    for key in Config.model_fields:
        assert f"`{key}`" in page
