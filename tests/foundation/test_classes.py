"""The spelling rule against the competition's own 1,295 graphemes."""

import unicodedata
from collections import Counter

import pytest

from graphemes.foundation.classes import (
    CONSONANTS,
    ROOTS,
    VOWELS,
    class_name,
    competition_graphemes,
    spelled,
)
from graphemes.foundation.heads import HEADS, PerHead

# Labels: the rule's string is train.csv's only for the other 1,291 graphemes.
SPELLED_OTHERWISE = {
    # Each of these triples stands for two graphemes; the second has a ra-phala beside the reph.
    (64, 3, 2): "\u09b0\u09cd\u09a4\u09cd\u09b0\u09c0",
    (64, 7, 2): "\u09b0\u09cd\u09a4\u09cd\u09b0\u09c7",
    (72, 0, 2): "\u09b0\u09cd\u09a6\u09cd\u09b0",
    # A zero-width joiner keeps the letter ra from turning into a reph before the ya-phala.
    (123, 1, 4): "\u09b0\u200d\u09cd\u09af\u09be",
}


def test_the_rule_spells_all_but_four_seen_graphemes():
    others = {
        tuple(labels): text for labels, text in competition_graphemes() if spelled(labels) != text
    }
    assert others == SPELLED_OTHERWISE
    assert len(competition_graphemes()) - len(others) == 1291


def test_the_seen_graphemes_are_those_of_train_csv():
    seen = competition_graphemes()
    assert len(seen) == len({grapheme.text for grapheme in seen}) == 1295
    triples = Counter(grapheme.labels for grapheme in seen)
    twice = {tuple(labels) for labels, count in triples.items() if count == 2}
    assert twice == {(64, 3, 2), (64, 7, 2), (72, 0, 2)}
    assert len(triples) == 1292
    assert list(seen) == sorted(seen, key=lambda grapheme: grapheme.labels)


def test_every_class_occurs_in_the_seen_graphemes():
    for place, head in enumerate(HEADS):
        labels = {grapheme.labels[place] for grapheme in competition_graphemes()}
        assert labels == set(range(head.classes)), head.name


def test_the_facts_about_rare_classes():
    seen = competition_graphemes()
    assert sum(grapheme.labels.consonant == 3 for grapheme in seen) == 4
    roots = Counter(grapheme.labels.root for grapheme in seen)
    assert sum(count == 1 for count in roots.values()) == 24
    independent = [g for g in seen if 2 <= g.labels.root <= 12]
    assert sum(g.labels.vowel or g.labels.consonant for g in independent) > 0
    assert sum(bool(g.labels.vowel or g.labels.consonant) for g in independent) == 6


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (PerHead(13, 0, 0), "\u0995"),
        (PerHead(13, 1, 1), "\u0995\u09be\u0981"),  # candrabindu comes last
        (PerHead(13, 1, 2), "\u09b0\u09cd\u0995\u09be"),  # reph comes first
        (PerHead(13, 0, 3), "\u09b0\u09cd\u0995\u09cd\u09af"),  # around the root
        (PerHead(13, 4, 4), "\u0995\u09cd\u09af\u09c1"),
        (PerHead(13, 9, 5), "\u0995\u09cd\u09b0\u09cb"),
        (PerHead(13, 0, 6), "\u0995\u09cd\u09b0\u09cd\u09af"),
    ],
)
def test_signs_stand_in_their_order(labels, text):
    assert spelled(labels) == text


def test_thirty_three_strings_stand_for_two_triples():
    spellings: dict[str, list[tuple[int, ...]]] = {}
    for root in range(HEADS.root.classes):
        for vowel in range(HEADS.vowel.classes):
            for consonant in range(HEADS.consonant.classes):
                text = spelled(PerHead(root, vowel, consonant))
                spellings.setdefault(text, []).append((root, vowel, consonant))
    double = [triples for triples in spellings.values() if len(triples) > 1]
    assert len(double) == 33
    assert all(len(triples) == 2 and triples[1][0] == 123 for triples in double)


def test_signs_are_the_ones_of_class_map_csv():
    assert len(set(ROOTS)) == 168
    # As train.csv has them, and not as letter and dot apart.
    assert [len(root) for root in ROOTS[-3:]] == [1, 1, 1]
    assert [hex(ord(sign)) for sign in VOWELS[1:]] == [
        *("0x9be", "0x9bf", "0x9c0", "0x9c1", "0x9c2", "0x9c3", "0x9c7", "0x9c8", "0x9cb"),
        "0x9cc",
    ]
    assert CONSONANTS[:3] == ["", "\u0981", "\u09b0\u09cd"]
    letters = [letter for root in ROOTS for letter in root]
    assert all(unicodedata.name(letter).startswith("BENGALI") for letter in letters)


def test_class_names_are_for_people():
    assert class_name("root", 13) == "13 \u0995"
    assert class_name("vowel", 0) == "0 (none)"
    assert class_name("vowel", 1) == "1 \u25cc\u09be"
    assert class_name("consonant", 6) == "6 \u25cc\u09cd\u09b0\u09cd\u09af"
