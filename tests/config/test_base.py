"""A mistake in the configuration is refused with a message that teaches."""

import pytest

from srnet.config.base import difference, overlay
from srnet.config.run import Config
from srnet.core.errors import SrnetError

MISTAKES = [
    ({"drr": {"source_to_isocenter_mm": 5}}, ["source_to_isocenter_mm", "source_to_isocentre_mm"]),
    ({"sizes": 64}, ["'sizes'", "did you mean 'size'"]),
    ({"size": 65}, ["'size' is 65", "32, 64 or 128"]),
    ({"train": {"recipe": "fast"}}, ["'fast'", "'quick', 'paper'"]),
    ({"train": {"loss": {"fll": 1}}}, ["train.loss.fll", "did you mean 'ffl'"]),
    (
        {"cohort": {"sources": [{"kind": "phantom", "cuont": 9}]}},
        ["cuont", "did you mean 'count'"],
    ),
    ({"cohort": {"sources": [{"kind": "atlas"}]}}, ["atlas", "phantom"]),
    ({"methods": {"mine": {"net": {"name": "srnet3d", "asp": False}}}}, ["asp", "aspp"]),
    ({"tables": {"table1": ["x3ct"]}}, ["table1", "x3ct", "x2ct"]),
    ({"methods": {"a/{b}": {"net": {"name": "x2ct"}}}}, ["'a/{b}'", "plain letters"]),
    ({"results": "out{1}"}, ["results", "'out{1}'", "{ } < >"]),
    ({"cohort": {"downloads": "<results>"}}, ["cohort.downloads", "'<results>'", "{ } < >"]),
    ({"results": "line\nbreak"}, ["results", r"'line\nbreak'", "printed"]),
    ({"drr": {"source_to_isocentre_mm": float("nan")}}, ["source_to_isocentre_mm", "finite"]),
]


@pytest.mark.parametrize(("values", "words"), MISTAKES, ids=lambda v: str(v)[:40])
def test_a_mistake_is_named_with_its_cure(values, words):
    with pytest.raises(SrnetError) as caught:
        Config.parse(values)
    for word in words:
        assert word in str(caught.value)


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Config().size = 32  # type: ignore[misc]


def test_plain_settings_parse_back_to_the_same():
    config = Config.parse({"train": {"recipe": "paper"}, "size": 128})
    assert Config.parse(config.plain()) == config


def test_overlay_changes_only_what_it_names():
    base = {"a": {"b": 1, "c": 2}, "d": 3}
    assert overlay(base, {"a": {"b": 9}}) == {"a": {"b": 9, "c": 2}, "d": 3}
    assert overlay(base, {}) == base
    assert base == {"a": {"b": 1, "c": 2}, "d": 3}


def test_a_difference_laid_over_its_base_gives_the_values_again():
    base = {"a": 1, "inner": {"b": 2, "c": 3}, "same": {"d": 4}}
    values = {"a": 1, "inner": {"b": 5, "c": 3}, "same": {"d": 4}, "new": [6]}
    assert difference(values, base) == {"inner": {"b": 5}, "new": [6]}
    assert overlay(base, difference(values, base)) == values
    assert difference(base, base) == {}
