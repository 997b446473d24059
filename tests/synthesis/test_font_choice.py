"""Which fonts write which roots."""

import pytest

from graphemes.foundation.classes import ROOTS, competition_graphemes, root_of
from graphemes.synthesis.handwriting.font_choice import UNLIKE, resembles_handwriting
from graphemes.synthesis.lettering.fonts import SHIPPED, typeface


def test_the_table_names_shipped_fonts_and_roots_of_the_competition():
    assert set(UNLIKE) <= set(SHIPPED)
    for roots in UNLIKE.values():
        assert set(roots.split()) <= set(ROOTS)


@pytest.mark.parametrize("root", ROOTS)
def test_several_fonts_are_left_for_each_root_they_can_write(root):
    able = [name for name in SHIPPED if typeface(name).can_write(root)]
    assert sum(resembles_handwriting(name, root) for name in able) >= min(4, len(able))


def test_a_font_of_the_users_own_counts_as_handwriting():
    assert resembles_handwriting("/home/me/mine.ttf", "শ")
    assert not resembles_handwriting("mina", "শ")
    assert not resembles_handwriting("mina", "র্শি")
    assert resembles_handwriting("mina", "ক")


def test_a_grapheme_begins_with_its_root():
    others = [
        one.text for one in competition_graphemes() if root_of(one.text) != ROOTS[one.labels.root]
    ]
    assert others == ["র্যো"]  # spelled as reph and য, labelled as র and ্য
    assert root_of("") == ""
