"""From a font's outline to ink on paper."""

import sys
from importlib import resources

import cv2
import numpy as np
import pytest

from graphemes.foundation.classes import seen_graphemes
from graphemes.foundation.errors import DataError, MissingPackage
from graphemes.foundation.heads import HEIGHT, WIDTH
from graphemes.foundation.seeds import stream
from graphemes.images.synthesis.drawing import EDGE, draw, inked, placed, writer
from graphemes.images.synthesis.fonts import SHIPPED, Typeface, shipped_typeface
from graphemes.images.synthesis.packages import drawing_package
from graphemes.images.synthesis.strokes import EM, MARGIN, fill, strokes

FONTS = resources.files("graphemes.images.synthesis").joinpath("fonts")
DOTTED_CIRCLE = "\u25cc"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_font_writes_every_grapheme(name):
    typeface = shipped_typeface(name)
    circle = {glyph.number for glyph in typeface.shape(DOTTED_CIRCLE)}
    for one in seen_graphemes():
        glyphs = {glyph.number for glyph in typeface.shape(one.text)}
        assert glyphs, one.text
        assert 0 not in glyphs, one.text
        assert not glyphs & circle, one.text


def test_each_font_has_its_licence_beside_it_and_no_reserved_name():
    assert {file.name for file in FONTS.iterdir()} == {
        name + end for name in SHIPPED for end in (".ttf", "-OFL.txt")
    }
    for name in SHIPPED:
        licence = FONTS.joinpath(f"{name}-OFL.txt").read_text(encoding="utf-8")
        notice, _, terms = licence.partition("This Font Software is licensed under")
        assert notice.startswith("Copyright")
        assert "Reserved Font Name" not in notice
        assert "SIL OPEN FONT LICENSE Version 1.1 - 26 February 2007" in terms
        assert "PERMISSION & CONDITIONS" in terms


def test_a_string_that_the_font_lacks_is_an_error():
    with pytest.raises(DataError, match="galada: this font can't write '漢'"):
        shipped_typeface("galada").outline("漢")


def test_a_file_that_is_no_font_is_an_error():
    with pytest.raises(DataError, match=r"x.ttf: not a font; expected a TTF or OTF file"):
        Typeface("x.ttf", b"no font")


@pytest.mark.parametrize(
    ("module", "package"),
    [("uharfbuzz", "uharfbuzz"), ("skimage.morphology", "scikit-image")],
)
def test_a_missing_package_is_named_with_what_to_do(monkeypatch, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    sentence = f"drawing handwriting needs the package {package}: pip install {package}"
    with pytest.raises(MissingPackage, match=f"^{sentence}$"):
        drawing_package(module, package)


def test_overlapping_contours_make_no_hole():
    square = np.array([[2, 2], [2, 12], [12, 12], [12, 2]], np.float32)
    assert fill([square, square + 5])[9, 9] == 1
    ring = fill([square * 2, (square[::-1] + 2)])
    assert ring[10, 10] == 0
    assert ring[5, 20] == 1


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("text", ["\u09dc", "\u09df", "রি", "কাঁ", "ং", "ঃ", "ঙ্ক্ষ", "ন্ত্ব"])
def test_no_separate_part_of_a_letter_is_lost(name, text):
    outline = shipped_typeface(name).outline(text)
    corner = np.min([contour.min(axis=0) for contour in outline], axis=0) * EM - MARGIN
    filled = fill([contour * EM - corner for contour in outline])
    count, parts = cv2.connectedComponents(filled)
    points = np.rint(np.concatenate(strokes(outline)) * EM - corner).astype(int)
    height, width = filled.shape
    x, y = np.clip(points, 0, (width - 1, height - 1)).T
    assert set(range(1, count)) <= set(parts[y, x].tolist())


def test_a_straight_bar_is_one_straight_stroke():
    bar = np.array([[0, 0], [1, 0], [1, 0.1], [0, 0.1]], np.float32)
    (line,) = strokes([bar])
    assert np.abs(line[:, 1] - 0.05).max() < 0.02
    assert np.ptp(line[:, 0]) > 0.85


def test_a_cross_is_four_strokes_that_meet():
    across = np.array([[0, 0.45], [1, 0.45], [1, 0.55], [0, 0.55]], np.float32)
    lines = strokes([across, across[:, ::-1][::-1]])
    assert len(lines) == 4
    ends = np.array([[line[0], line[-1]] for line in lines])
    assert (np.abs(ends - 0.5).max(axis=2).min(axis=1) < 0.02).all()


def test_a_ring_is_closed():
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], 1).astype(np.float32)
    (line,) = strokes([circle * 0.5, circle[::-1] * 0.4])
    assert np.abs(np.hypot(*line.T) - 0.45).max() < 0.02
    assert np.abs(line[0] - line[-1]).max() < 0.02


@pytest.mark.parametrize("place", range(40))
def test_a_scan_has_dark_ink_on_light_paper_and_a_free_edge(place):
    texts = seen_graphemes()
    scan = draw(texts[place * 32].text, writer(0, place), stream(0, place))
    assert scan.shape == (HEIGHT, WIDTH)
    assert scan.dtype == np.uint8
    paper = np.median(scan)
    assert paper > 235
    ink = scan < paper - 60
    assert 0.005 < ink.mean() < 0.25
    assert np.median(scan[ink]) < 140
    ink[3:-3, 3:-3] = False
    assert not ink.any()


def test_wide_and_high_writing_is_shrunk_to_the_scan():
    hand = writer(0, 0)._replace(size=900.0)
    lines = placed(strokes(shipped_typeface("atma").outline("স্ফ্রি")), hand, stream(1))
    points = np.concatenate(lines)
    assert (points >= EDGE).all()
    assert (points <= np.array([WIDTH, HEIGHT]) - EDGE).all()
    assert inked(lines, hand, stream(2)).max() <= 1


def test_a_writer_and_a_scan_have_an_address():
    assert writer(3, 0, 5) == writer(3, 0, 5)
    assert len({writer(3, 0, k).pen for k in range(20)} | {writer(3, 1, 0).pen}) == 21
    assert {writer(0, k).font for k in range(60)} == set(SHIPPED)
    hand = writer(0, 1)
    first, again, other = (draw("ক", hand, stream(0, k)) for k in (1, 1, 2))
    assert (first == again).all()
    assert not (first == other).all()
