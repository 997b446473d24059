"""The table of predict images= holds names of files that others chose: none is a formula."""

import pytest

from graphemes.pipeline.image_reading import FORMULA, as_text


@pytest.mark.parametrize("start", ["=cmd|'/c calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "'"])
def test_a_name_that_begins_as_formulas_do_is_text(start):
    name = f"{start}.png"
    assert as_text(name) == f"'{name}"
    assert not as_text(name).startswith(FORMULA[:-1])


@pytest.mark.parametrize("name", ["a.png", "more/=b.png", "ক.png", "1-2.png"])
def test_another_name_stays(name):
    assert as_text(name) == name
