"""Combinations: which label triples can be written, how, and which of them train.csv lacks."""

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from graphemes.foundation.classes import ROOTS, Grapheme, competition_graphemes, spelled
from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import HEADS, PerHead
from graphemes.synthesis.lettering.fonts import Typeface

EXCERPT = 40  # characters of a line in an error
JOINER = "\u200d"  # zero-width: keeps a letter ra before a ya-phala from turning into a reph
RA, YA_PHALA_CLASS = ROOTS.index("\u09b0"), 4
# Reph, reph with ya-phala and the ra-phalas: on the letter ra two classes have one spelling.
AMBIGUOUS_ON_RA = (2, 3, 5, 6)
# Letters that take almost no signs: anusvara and visarga, independent vowels, khanda ta.
FEW_SIGNS = ({0, 1}, set(range(2, 13)), {ROOTS.index("\u09ce")})


def spelling(labels: PerHead[int]) -> str:
    """The string to draw for a triple: the rule's, with a joiner where ra takes a ya-phala."""
    text = spelled(labels)
    if labels.root == RA and labels.consonant == YA_PHALA_CLASS:
        return text.replace(ROOTS[RA], ROOTS[RA] + JOINER, 1)
    return text


def unseen_graphemes(typefaces: Iterable[Typeface]) -> list[Grapheme]:
    """The triples that train.csv lacks and one of the typefaces writes as one sensible cluster.

    Left out: two classes of one spelling (on the letter ra), signs on letters that don't take
    them by train.csv, and what no typeface can shape.
    """
    fonts = list(typefaces)
    seen = {one.labels for one in competition_graphemes()}
    every = (PerHead(*k) for k in itertools.product(*(range(head.classes) for head in HEADS)))
    wanted = (Grapheme(k, spelling(k)) for k in every if k not in seen and is_plausible(k))
    taken = {one.text for one in competition_graphemes()}
    return [
        one
        for one in wanted
        if one.text not in taken and any(font.can_join(one.text) for font in fonts)
    ]


def is_plausible(labels: PerHead[int]) -> bool:
    """Whether a triple's letter takes such signs, and its spelling is its own."""
    if labels.root == RA and labels.consonant in AMBIGUOUS_ON_RA:
        return False
    return all(
        labels[1:] in _signs_on(group)
        for group, roots in enumerate(FEW_SIGNS)
        if labels.root in roots
    )


@functools.cache
def _signs_on(group: int) -> frozenset[tuple[int, ...]]:
    """The pairs of signs that train.csv shows on one kind of FEW_SIGNS letters."""
    seen = competition_graphemes()
    return frozenset(tuple(one.labels[1:]) for one in seen if one.labels.root in FEW_SIGNS[group])


def listed_graphemes(path: Path) -> list[Grapheme]:
    """The graphemes of a file, a grapheme or a label triple a line. Raises DataError."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise DataError(
            f"graphemes={path}: can't be read: {error.strerror}; expected seen, unseen, all or a"
            " file with a grapheme a line"
        ) from None
    except ValueError:
        raise DataError(
            f"graphemes={path}: isn't UTF-8; expected text with a grapheme a line"
        ) from None
    found = [
        _listed(f"{path}: line {number}", line.strip())
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]
    if not found:
        raise DataError(f"{path}: no graphemes; expected one, or a label triple, a line")
    return list(dict.fromkeys(found))


def _listed(where: str, line: str) -> Grapheme:
    """The grapheme of one line: its string, or three labels with commas or blanks between."""
    words = line.replace(",", " ").split()
    if not all(re.fullmatch(r"-?[0-9]{1,9}", word) for word in words):
        known = _by_text().get(unicodedata.normalize("NFC", line))
        if known is None:
            raise DataError(
                f"{where}: '{line[:EXCERPT]}' is the string of no grapheme; expected a root of"
                " class_map.csv with its signs, or a label triple as 14,1,0"
            )
        return known
    if len(words) != len(HEADS):
        raise DataError(f"{where}: '{line}' is no triple; expected root, vowel, consonant: 14,1,0")
    labels = PerHead(*map(int, words))
    for head, label in zip(HEADS, labels, strict=True):
        if not 0 <= label < head.classes:
            raise DataError(
                f"{where}: {head.name} {label} is out of range; expected 0 to {head.classes - 1}"
            )
    seen = (one for one in competition_graphemes() if one.labels == labels)
    return next(seen, Grapheme(labels, spelling(labels)))


@functools.cache
def _by_text() -> dict[str, Grapheme]:
    """Every spelling's grapheme; where two have one, train.csv's, else the first by its labels.

    The spellings are in Unicode's form NFC: editors write a letter with its dot, and the two
    halves of a vowel sign, now in one piece and now in two.
    """
    out = {unicodedata.normalize("NFC", one.text): one for one in competition_graphemes()}
    for k in itertools.product(*(range(head.classes) for head in HEADS)):
        labels = PerHead(*k)
        for text in (spelling(labels), spelled(labels)):
            out.setdefault(unicodedata.normalize("NFC", text), Grapheme(labels, text))
    return out
