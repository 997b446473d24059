"""Letterforms of hands, where type has others."""

import numpy as np
import pytest

from graphemes.synthesis.handwriting.letterforms import (
    FORMS,
    ends_in_curl,
    extra_lean,
    own_form,
    rewritten,
)
from graphemes.synthesis.lettering.fonts import SHIPPED
from graphemes.synthesis.lettering.glyph_parts import extent
from graphemes.synthesis.rendering import stroke_font


@pytest.mark.parametrize(
    ("text", "letter"),
    [("স", "স"), ("সি", "স"), ("র্সে", "স"), ("স্ত", None), ("ক", None), ("ন্স", None), ("সঁ", "স")],
)
def test_a_letter_that_stands_alone_has_its_form(text, letter):
    assert own_form(text) == (FORMS[letter] if letter else None)


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("letter", FORMS)
@pytest.mark.parametrize("signs", ["", "া", "ি", "ে", "ু"])
def test_a_form_takes_its_letters_place_and_leaves_the_signs(name, letter, signs):
    word = stroke_font(name).word(letter + signs)
    parts = rewritten(word.parts, word.level, FORMS[letter])
    assert len(parts) == len(word.parts)
    (k,) = [k for k, part in enumerate(parts) if part is not word.parts[k]]
    old, new = word.parts[k], parts[k]
    assert new.heads == old.heads
    assert not new.bulbs
    for side in (0, 1):
        assert extent([new])[side] == pytest.approx(extent([old])[side], abs=0.25)
    bottom = [max(line[:, 1].max() for line in part.body) for part in (old, new)]
    assert bottom[0] == pytest.approx(bottom[1], abs=0.06)
    assert len(new.body) == len(FORMS[letter])
    assert all(np.isfinite(line).all() for line in new.body)


@pytest.mark.parametrize(
    ("text", "further"), [("স", True), ("স্ক", True), ("র্সা", True), ("ক", False), ("র্ক", False)]
)
def test_some_letters_go_further_down_on_their_left(text, further):
    assert (extra_lean(text) > 0) == further


@pytest.mark.parametrize(
    ("text", "curled"),
    [("ত", True), ("র্ভা", True), ("স্তি", True), ("ত্ত", False), ("ক্ত", False), ("ত্র", False)],
)
def test_a_curl_goes_on_where_hands_close_it(text, curled):
    assert ends_in_curl(text) == curled
