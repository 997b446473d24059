"""The classes spelled in Bengali, and the 1,295 graphemes of the competition's train.csv."""

import csv
import functools
from importlib import resources
from typing import NamedTuple

from graphemes.foundation.heads import HEADS, PerHead

VIRAMA = "\u09cd"
_ROOT_TABLE = (
    "ং ঃ অ আ ই ঈ উ ঊ ঋ এ ঐ ও ঔ ক ক্ক ক্ট ক্ত ক্ল ক্ষ ক্ষ্ণ ক্ষ্ম ক্স খ গ গ্ধ গ্ন গ্ব গ্ম গ্ল ঘ ঘ্ন ঙ "
    "ঙ্ক ঙ্ক্ত ঙ্ক্ষ ঙ্খ ঙ্গ ঙ্ঘ চ চ্চ চ্ছ চ্ছ্ব ছ জ জ্জ জ্জ্ব জ্ঞ জ্ব ঝ ঞ ঞ্চ ঞ্ছ ঞ্জ ট ট্ট ঠ ড ড্ড ঢ ণ ণ্ট ণ্ঠ "
    "ণ্ড ণ্ণ ত ত্ত ত্ত্ব ত্থ ত্ন ত্ব ত্ম থ দ দ্ঘ দ্দ দ্ধ দ্ব দ্ভ দ্ম ধ ধ্ব ন ন্জ ন্ট ন্ঠ ন্ড ন্ত ন্ত্ব ন্থ ন্দ ন্দ্ব ন্ধ "
    "ন্ন ন্ব ন্ম ন্স প প্ট প্ত প্ন প্প প্ল প্স ফ ফ্ট ফ্ফ ফ্ল ব ব্জ ব্দ ব্ধ ব্ব ব্ল ভ ভ্ল ম ম্ন ম্প ম্ব ম্ভ ম্ম ম্ল য র "
    "ল ল্ক ল্গ ল্ট ল্ড ল্প ল্ব ল্ম ল্ল শ শ্চ শ্ন শ্ব শ্ম শ্ল ষ ষ্ক ষ্ট ষ্ঠ ষ্ণ ষ্প ষ্ফ ষ্ম স স্ক স্ট স্ত স্থ স্ন স্প স্ফ "
    "স্ব স্ম স্ল স্স হ হ্ন হ্ব হ্ম হ্ল ৎ "
    # Precomposed, as train.csv has them: editors like to write letter and dot apart.
    "\u09dc \u09dd \u09df"
)
ROOTS = _ROOT_TABLE.split()
VOWELS = ["", *"\u09be\u09bf\u09c0\u09c1\u09c2\u09c3\u09c7\u09c8\u09cb\u09cc"]
CANDRABINDU, REPH, YA_PHALA, RA_PHALA = "\u0981", "\u09b0\u09cd", "\u09cd\u09af", "\u09cd\u09b0"
RA_YA_PHALA = "\u09cd\u09b0\u09cd\u09af"
# As class_map.csv has them; class 3 is reph, the root, ya-phala.
CONSONANTS = ["", CANDRABINDU, REPH, "\u09b0\u09cd\u09af", YA_PHALA, RA_PHALA, RA_YA_PHALA]
# What stands before the root, after it, and after the vowel sign, by consonant class.
_AROUND = [
    ("", "", ""),
    ("", "", CANDRABINDU),
    (REPH, "", ""),
    (REPH, YA_PHALA, ""),
    ("", YA_PHALA, ""),
    ("", RA_PHALA, ""),
    ("", RA_YA_PHALA, ""),
]
_LONGEST_FIRST = sorted(ROOTS, key=len, reverse=True)
SPELLINGS = PerHead(ROOTS, VOWELS, CONSONANTS)
assert SPELLINGS.map(len) == HEADS.map(lambda head: head.classes)


class Grapheme(NamedTuple):
    """One grapheme of train.csv: its labels and its string."""

    labels: PerHead[int]
    text: str


def spelled(labels: PerHead[int]) -> str:
    """The string of a triple: reph, root, phalas, vowel sign, candrabindu.

    Agrees with 1,291 of the competition's 1,295 graphemes; `tests/foundation/test_classes.py`
    lists the other four.
    """
    before, after, last = _AROUND[labels.consonant]
    return f"{before}{ROOTS[labels.root]}{after}{VOWELS[labels.vowel]}{last}"


def around(consonant: int) -> tuple[str, str, str]:
    """What a consonant class puts before the root, after it, and after the vowel sign."""
    return _AROUND[consonant]


def root_of(text: str) -> str:
    """The root that a grapheme's string is written with; '' if it begins with none."""
    rest = text.removeprefix(REPH)
    return next((root for root in _LONGEST_FIRST if rest.startswith(root)), "")


def class_name(head: str, label: int) -> str:
    """A class for people: its label and its sign, '(none)' for the empty one."""
    sign = getattr(SPELLINGS, head)[label]
    # A sign alone is drawn on a dotted circle, or it would land on whatever stands before it.
    shown = sign if head == "root" else f"\u25cc{sign}"
    return f"{label} {shown if sign else '(none)'}"


def sign_on_circle(head: str, label: int) -> str:
    """A class's sign where it is written: around a dotted circle, if it stands on no letter."""
    if head == "root":
        return ROOTS[label]
    if head == "vowel":
        return f"\u25cc{VOWELS[label]}" if VOWELS[label] else ""
    before, after, last = _AROUND[label]
    return f"{before}\u25cc{after}{last}" if CONSONANTS[label] else ""


@functools.cache
def competition_graphemes() -> tuple[Grapheme, ...]:
    """The competition's 1,295 graphemes (1,292 triples), ordered by labels.

    `synthesise` calls these seen, and all others unseen.
    """
    source = resources.files("graphemes.foundation").joinpath("graphemes.csv")
    with source.open(encoding="utf-8") as file:
        return tuple(
            Grapheme(PerHead(*(int(row[head.column]) for head in HEADS)), row["grapheme"])
            for row in csv.DictReader(file)
        )


SIGNS_BEFORE = "িেৈোৌ"  # written to the left of a letter


def stands_before(text: str) -> bool:
    """Whether a sign is written to the left of a string's letter."""
    return any(sign in text for sign in SIGNS_BEFORE)
