"""Conjuncts written as letters side by side."""

import numpy as np
import pytest

from graphemes.images.synthesis.conjuncts import Beside, beside
from graphemes.images.synthesis.drawing import lettering
from graphemes.images.synthesis.fonts import SHIPPED
from graphemes.images.synthesis.parts import extent


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("প্প", Beside("প", "প", 0)),
        ("ষ্টি", Beside("ষ", "টি", 1)),
        ("র্ল্ডে", Beside("ল", "র্ডে", 1)),
        ("স্ট্রো", Beside("স", "ট্রো", 1)),
        ("ঙ্খু", Beside("ঙ", "খু", 0)),
    ],
)
def test_a_conjunct_is_told_apart(text, letters):
    assert beside(text) == letters


@pytest.mark.parametrize("text", ["ক", "কি", "র্ক", "ক্ষ", "জ্ঞ", "প্র", "ম্য", "ত্ত", "হ্ম", "ং"])
def test_what_people_dont_write_side_by_side_stays_whole(text):
    assert beside(text) is None


@pytest.mark.parametrize("name", SHIPPED)
def test_letters_side_by_side_overlap_as_much_as_asked(name):
    letters = lettering(name)
    word = letters.word("প্প", 0.1)
    single = letters.word("প")
    (left, right) = extent(single.parts)
    width = right - left
    whole = np.ptp(extent(word.parts))
    assert whole == pytest.approx(2 * width - 0.1, abs=0.01)
    assert whole > np.ptp(extent(letters.word("প্প").parts)) + 0.1


@pytest.mark.parametrize("name", SHIPPED)
def test_a_sign_that_stands_before_the_letter_stays_there(name):
    word = lettering(name).word("ষ্টে", 0.0)
    sign = lettering(name).word("টে").parts[0]
    assert extent(word.parts[:1]) == pytest.approx(extent([sign]))
    assert extent(word.parts[1:2])[0] > extent(word.parts[:1])[0]


def test_without_an_overlap_type_is_followed():
    plain = lettering("tiro-bangla").word("ষ্ট")
    assert len(plain.parts) == 1
    assert len(lettering("tiro-bangla").word("ষ্ট", 0.1).parts) == 2
    assert len(lettering("tiro-bangla").word("ক্ষ", 0.1).parts) == 1
