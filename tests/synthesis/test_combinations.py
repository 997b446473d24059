"""Which graphemes can be drawn: seen, unseen, or somebody's list."""

import pytest

from graphemes.foundation.classes import Grapheme, competition_graphemes, spelled
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import PerHead
from graphemes.synthesis.combinations import (
    is_plausible,
    listed_graphemes,
    spelling,
    unseen_graphemes,
)
from graphemes.synthesis.lettering.fonts import SHIPPED, typeface


@pytest.fixture(scope="module")
def unseen() -> list[Grapheme]:
    return unseen_graphemes(map(typeface, SHIPPED))


def test_ra_takes_a_joiner_before_a_ya_phala_as_in_train_csv():
    seen = {one.labels: one.text for one in competition_graphemes()}
    labels = PerHead(123, 1, 4)
    assert spelling(labels) == seen[labels] != spelled(labels)
    # The joiner apart, the spelling is the rule's.
    assert spelling(labels).replace("\u200d", "") == spelled(labels)
    assert spelling(PerHead(122, 1, 4)) == spelled(PerHead(122, 1, 4))


def test_unseen_graphemes_are_new_and_spelled_apart(unseen):
    seen = competition_graphemes()
    assert not {one.labels for one in unseen} & {one.labels for one in seen}
    texts = [one.text for one in [*unseen, *seen]]
    assert len(texts) == len(set(texts))
    # Most of the 12,936 triples less the 1,292 seen; the README gives the figure.
    assert len(unseen) == 10469


def test_unseen_graphemes_are_one_cluster_in_some_font(unseen):
    fonts = [typeface(name) for name in SHIPPED]
    for one in unseen[::97]:
        assert any(font.can_join(one.text) and font.can_write(one.text) for font in fonts), one


def test_a_virama_that_shows_or_a_lonely_sign_is_no_cluster():
    font = typeface("mina")
    assert font.can_join("\u0995\u09cd\u09b7")
    assert not font.can_join("\u09ab\u09cd\u09ab")  # mina has no form for it
    assert not font.can_join("\u09be")  # HarfBuzz sets it on a dotted circle
    assert not font.can_join("\u6f22")
    assert not font.can_join("\u0995\u0996")


def test_letters_that_take_almost_no_signs_get_only_those_of_train_csv(unseen):
    bare = {*range(13), 164}
    pairs = {one.labels[1:] for one in competition_graphemes() if one.labels.root in bare}
    assert {one.labels[1:] for one in unseen if one.labels.root in bare} <= pairs
    assert not is_plausible(PerHead(2, 3, 0))
    assert not is_plausible(PerHead(164, 1, 0))


def test_ra_with_two_classes_of_one_spelling_is_left_out(unseen):
    assert {one.labels.consonant for one in unseen if one.labels.root == 123} <= {0, 1, 4}


def test_a_list_holds_graphemes_and_triples(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("\ufeff\u0995\n\n 13, 1,0 \n13 0 3\n\u0995\n", encoding="utf-8")
    assert listed_graphemes(path) == [
        Grapheme(PerHead(13, 0, 0), "\u0995"),
        Grapheme(PerHead(13, 1, 0), "\u0995\u09be"),
        Grapheme(PerHead(13, 0, 3), spelled(PerHead(13, 0, 3))),
    ]


def test_a_seen_spelling_is_read_with_its_labels(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("\n".join(one.text for one in competition_graphemes()), encoding="utf-8")
    assert listed_graphemes(path) == list(competition_graphemes())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("\u0995\n\u6f22\n", "line 2: '\u6f22' is the string of no grapheme; expected"),
        ("168,0,0", "line 1: root 168 is out of range; expected 0 to 167"),
        ("0,-1,0", "line 1: vowel -1 is out of range; expected 0 to 10"),
        ("0,0,7", "line 1: consonant 7 is out of range; expected 0 to 6"),
        ("0,0", "line 1: '0,0' is no triple; expected root, vowel, consonant: 14,1,0"),
        (" \n", "no graphemes; expected one, or a label triple, a line"),
        ("0,--1,0", "line 1: '0,--1,0' is the string of no grapheme"),
        ("9" * 5000 + ",0,0", f"line 1: '{'9' * 40}' is the string of no grapheme"),
        (None, "can't be read: No such file or directory; expected seen, unseen, all or a file"),
    ],
)
def test_a_list_that_cannot_be_used_is_an_error(tmp_path, text, sentence):
    path = tmp_path / "list.txt"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=f"list.txt: {sentence}"):
        listed_graphemes(path)


@pytest.mark.parametrize(
    ("one", "other"), [("\u09a1\u09bc", "\u09dc"), ("ক\u09c7\u09be", "ক\u09cb")]
)
def test_both_of_unicodes_spellings_name_a_grapheme(tmp_path, one, other):
    path = tmp_path / "list.txt"
    path.write_text(f"{one}\n{other}\n", encoding="utf-8")
    assert len(listed_graphemes(path)) == 1
