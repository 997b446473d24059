"""Conjuncts written as letters side by side."""

import numpy as np
import pytest

from graphemes.synthesis.lettering.conjuncts import (
    LetterPair,
    Placement,
    letter_pair,
    random_placement,
)
from graphemes.synthesis.lettering.fonts import SHIPPED
from graphemes.synthesis.lettering.glyph_parts import extent
from graphemes.synthesis.rendering import stroke_font


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("প্প", LetterPair("প", "প", 0)),
        ("ষ্টি", LetterPair("ষ", "টি", 1)),
        ("র্ল্টে", LetterPair("ল", "র্টে", 1)),
        ("স্ট্রো", LetterPair("স", "ট্রো", 1)),
        ("ঙ্খু", LetterPair("ঙ", "খু", 0)),
    ],
)
def test_a_conjunct_is_split_into_its_letters(text, letters):
    assert letter_pair(text) == letters


@pytest.mark.parametrize("text", ["ক", "কি", "র্ক", "ক্ষ", "জ্ঞ", "প্র", "ম্য", "ত্ত", "হ্ম", "ং"])
def test_what_people_dont_write_side_by_side_stays_whole(text):
    assert letter_pair(text) is None


@pytest.mark.parametrize("name", SHIPPED)
def test_letters_side_by_side_overlap_as_much_as_asked(name):
    font = stroke_font(name)
    word = font.word("প্প", Placement(0.1))
    single = font.word("প")
    (left, right) = extent(single.parts)
    width = right - left
    whole = np.ptp(extent(word.parts))
    assert whole == pytest.approx(2 * width - 0.1, abs=0.01)
    assert whole > np.ptp(extent(font.word("প্প").parts)) + 0.1


@pytest.mark.parametrize("name", SHIPPED)
def test_a_sign_that_stands_before_the_letter_stays_there(name):
    word = stroke_font(name).word("ষ্টে", Placement(0.0))
    sign = stroke_font(name).word("টে").parts[0]
    assert extent(word.parts[:1]) == pytest.approx(extent([sign]))
    assert extent(word.parts[1:2])[0] > extent(word.parts[:1])[0]


def test_without_a_placement_type_is_followed():
    plain = stroke_font("tiro-bangla").word("ষ্ট")
    assert len(plain.parts) == 1
    assert len(stroke_font("tiro-bangla").word("ষ্ট", Placement(0.1)).parts) == 2
    assert len(stroke_font("tiro-bangla").word("ক্ষ", Placement(0.1)).parts) == 1


@pytest.mark.parametrize("text", ["ষ্প", "ষ্পা", "ষ্পু"])
def test_the_second_letter_may_stand_lower_and_be_smaller(text):
    font = stroke_font("tiro-bangla")
    level = font.word(text, Placement(0.1)).parts
    lower = font.word(text, Placement(0.1, drop=0.2, size=0.8)).parts
    assert len(level) == len(lower)
    tops = [min(line[:, 1].min() for line in parts[1].body) for parts in (level, lower)]
    assert tops[1] > tops[0] + 0.1
    widths = [np.ptp(np.concatenate(parts[1].body)[:, 0]) for parts in (level, lower)]
    assert widths[1] == pytest.approx(0.8 * widths[0], rel=0.01)
    assert not lower[1].heads  # there is none below the line
    if text.endswith("ু"):
        feet = [max(line[:, 1].max() for line in parts[2].body) for parts in (level, lower)]
        assert feet[1] > feet[0]
    if text.endswith("া"):
        assert extent(lower[2:])[0] < extent(level[2:])[0]


def test_placements_differ_and_some_keep_both_letters_on_the_line():
    random = np.random.default_rng(0)
    found = [random_placement(random) for _ in range(200)]
    assert 100 < sum(one.drop == 0 for one in found) < 180
    assert all(one.size == 1 for one in found if not one.drop)
    assert len({one.overlap for one in found}) == 200
