"""A string as parts under a head line, and what a hand does with them."""

import numpy as np
import pytest

from graphemes.foundation.classes import stands_before
from graphemes.foundation.seeds import stream
from graphemes.synthesis.handwriting.hand import (
    bent,
    bowed,
    ended,
    head_lines,
    over_signs,
    rounded,
    stretched,
    written,
)
from graphemes.synthesis.handwriting.jitter import jittered, leant, proportioned
from graphemes.synthesis.handwriting.signs import HIGH_SIGNS, LOW_SIGNS, in_own_form, lengthened
from graphemes.synthesis.handwriting.writers import calm, writer
from graphemes.synthesis.lettering.bulbs import Bulb
from graphemes.synthesis.lettering.fonts import SHIPPED
from graphemes.synthesis.lettering.glyph_parts import (
    LEVEL,
    GlyphPart,
    Word,
    merged,
    without_head_line,
)
from graphemes.synthesis.lettering.stroke_font import upright
from graphemes.synthesis.lettering.strokes import Traced
from graphemes.synthesis.rendering import stroke_font

CAREFUL = writer(stream(0, 0))._replace(no_head_line=0.0, overshoot=(0.0, 0.0), care=1.0)


# Galada's letters hang from short slanting pieces, which aren't taken for a line.
@pytest.mark.parametrize("name", [name for name in SHIPPED if name != "galada"])
def test_letters_hang_from_one_head_line(name):
    word = stroke_font(name).word("কন")
    assert -0.7 < word.level < -0.5
    for part in word.parts:
        left, right = part.heads[0][0], part.heads[-1][1]
        x = np.concatenate(part.body)[:, 0]
        # The line spans most of the letter, and what is left hangs below it.
        assert right - left > 0.5 * np.ptp(x)
        assert np.median(np.concatenate(part.body)[:, 1]) > word.level


@pytest.mark.parametrize("name", SHIPPED)
def test_a_letter_without_a_head_line_has_none(name):
    assert not stroke_font(name).word("ঃ").parts[0].heads


def test_parts_stand_where_the_font_puts_them():
    (sign, letter) = stroke_font("hind-siliguri").word("কে").parts
    assert np.concatenate(sign.body)[:, 0].max() < np.concatenate(letter.body)[:, 0].max()
    assert stroke_font("hind-siliguri").word("ক").parts[0].heads != letter.heads


def test_a_stroke_is_cut_at_the_head_line():
    level = -0.6
    line = np.array([(x, level + 0.01) for x in np.arange(0, 0.5, 0.03)], np.float32)
    down = np.array([(0.48, y) for y in np.arange(level + 0.05, 0.0, 0.03)], np.float32)
    part = without_head_line(Traced([np.vstack([line, down])], []), level)
    ((left, right),) = part.heads
    assert left == pytest.approx(0)
    assert right == pytest.approx(0.48, abs=0.04)
    (stem,) = part.body
    assert np.ptp(stem[:, 0]) < 0.04
    assert stem[:, 1].max() > -0.05


def test_a_stroke_that_only_crosses_the_head_line_stays_whole():
    line = np.array([(0.2, y) for y in np.arange(-0.9, 0.0, 0.03)], np.float32)
    part = without_head_line(Traced([line], []), -0.6)
    assert not part.heads
    assert len(part.body) == 1
    far = without_head_line(Traced([line + np.float32(2 * LEVEL)], []), 0.9)
    assert not far.heads


def test_spans_are_joined_over_gaps():
    assert merged([(2.0, 3.0), (0.0, 1.0), (1.1, 1.5)], 0.2) == [(0.0, 1.5), (2.0, 3.0)]
    assert merged([(0.0, 3.0), (1.0, 2.0)], 0.0) == [(0.0, 3.0)]


def test_rounding_keeps_the_ends_and_cuts_the_corner():
    corner = np.array(
        [
            *((x, 0.0) for x in np.arange(0, 0.6, 0.03)),
            *((0.6, y) for y in np.arange(0, 0.6, 0.03)),
        ],
        np.float32,
    )
    soft = rounded(corner, 0.06)
    assert np.allclose(soft[[0, -1]], corner[[0, -1]], atol=1e-6)
    assert np.hypot(*(soft - (0.6, 0)).T).min() > 0.01
    assert np.allclose(rounded(corner, 0.0), corner)


def test_bending_moves_near_points_alike():
    points = np.random.default_rng(0).uniform(0, 1, (500, 2))
    moved = bent(points, 0.03, stream(3)) - points
    near = bent(points + 1e-3, 0.03, stream(3)) - points - 1e-3
    assert np.abs(moved - near).max() < 1e-3
    assert 0.005 < moved.std() < 0.1


def test_a_dot_stays_a_dot():
    dot = np.array([[0.3, 0.2]])
    assert bowed(dot, 1.0, stream(0)).shape == (1, 2)
    assert (ended(dot, 1.0, stream(0)) == dot).all()
    assert np.ptp(bowed(np.repeat(dot, 3, axis=0), 1.0, stream(0)), axis=0).max() == 0


def test_a_head_line_is_left_out_or_goes_too_far():
    assert not head_lines([(0.0, 1.0)], -0.6, CAREFUL._replace(no_head_line=1.0), stream(0))
    assert not head_lines([], -0.6, CAREFUL, stream(0))
    far = CAREFUL._replace(overshoot=(0.5, 0.0))
    lines = [head_lines([(0.0, 1.0)], -0.6, far, stream(k))[0] for k in range(50)]
    starts = np.array([line[0, 0] for line in lines])
    ends = np.array([line[-1, 0] for line in lines])
    assert starts.mean() < -0.3
    assert abs(ends.mean() - 1) < 0.05
    assert np.abs(np.array([line[:, 1].mean() for line in lines]) + 0.6).max() < 0.1


def test_a_careless_hand_jitters_more_than_a_careful_one():
    part = GlyphPart([np.array([(0.0, -0.6), (0.5, 0.0)], np.float32)], [(0.0, 0.5)])

    def deviation(jitter: float) -> float:
        moved = [
            jittered(part, -0.6, CAREFUL._replace(care=1.3 - jitter), stream(k)).body[0]
            for k in range(100)
        ]
        return float(np.std(moved, axis=0).mean())

    assert deviation(1.3) > 3 * deviation(0.3)


def test_a_word_is_more_than_its_head_line():
    word = stroke_font("atma").word("ক্ষি")
    with_line, without = (
        written(word, CAREFUL._replace(no_head_line=share), stream(5)) for share in (0.0, 1.0)
    )
    assert len(with_line) > len(without) > 3


def test_a_calm_hand_writes_what_the_font_shows():
    word = stroke_font("atma").word("ন্ত্রি")
    shapes = {True: [], False: []}
    for kept, drawn in shapes.items():
        for k in range(40):
            hand = writer(stream(0, k))._replace(pen=4.0)
            hand = calm(hand) if kept else hand
            points = np.concatenate(written(word, hand, stream(0, k)))
            low, high = points.min(axis=0), points.max(axis=0)
            drawn.append((high - low)[1] / (high - low)[0])
    assert np.std(shapes[True]) < 0.7 * np.std(shapes[False])


def test_the_slanting_end_of_a_head_line_is_no_stroke():
    line = np.array([(x, -0.6) for x in np.arange(0, 0.5, 0.03)], np.float32)
    end = np.array([(0.5, -0.59), (0.54, -0.57), (0.58, -0.555)], np.float32)
    part = without_head_line(Traced([np.vstack([line, end])], []), -0.6)
    assert not part.body
    # As long, but leading away from the line: a stroke.
    away = np.array([(0.5, -0.59), (0.52, -0.5), (0.55, -0.42)], np.float32)
    assert len(without_head_line(Traced([np.vstack([line, away])], []), -0.6).body) == 1


def test_a_part_with_other_proportions_keeps_its_corners():
    corners = np.array([(0.0, -0.6), (0.5, -0.6), (0.5, 0.0), (0.0, 0.0)])
    low, high = corners.min(axis=0), corners.max(axis=0)
    waves = np.array([(0.2, -0.1), (0.1, 0.3)])
    assert proportioned(corners, low, high, waves) == pytest.approx(corners)
    inner = np.linspace(low, high, 50)
    moved = proportioned(inner, low, high, waves)
    assert np.abs(moved - inner).max() > 0.01
    assert (np.diff(moved, axis=0) > 0).all()  # nothing is folded over


def test_a_leaning_letter_goes_further_down_on_the_left():
    line = np.array([(0.0, -0.6), (0.0, 0.0), (0.5, 0.0), (0.5, -0.6)])
    out = leant(line, np.array((0.25, -0.6)), 0.5, 0.2)
    assert out[[0, 3]] == pytest.approx(line[[0, 3]])
    assert out[1, 1] == pytest.approx(0.06)
    assert out[2, 1] == pytest.approx(-0.06)


def test_a_sign_below_is_written_larger_and_its_tail_falls():
    tail = GlyphPart([np.array([(0.0, 0.05), (0.2, 0.05), (0.2, 0.15)], np.float32)], [])

    def mean(sign: str) -> np.ndarray:
        hand = CAREFUL._replace(low_sign_size=1.0, low_sign_tilt=0.0)
        return np.mean(
            [jittered(tail, -0.6, hand, stream(k), sign).body[0] for k in range(80)], axis=0
        )

    plain, turned, large = mean(""), mean("\u09c1"), mean("\u09c3")
    assert np.ptp(large[:, 0]) > 1.2 * np.ptp(plain[:, 0])
    fall = turned[1] - turned[0]
    assert np.arctan2(fall[1], fall[0]) == pytest.approx(LOW_SIGNS["\u09c1"].tilt, abs=0.05)
    # A letter with the sign keeps its size: it doesn't hang below anything.
    letter = GlyphPart([np.array([(0.0, -0.6), (0.4, 0.0)], np.float32)], [])
    sizes = [
        np.ptp(jittered(letter, -0.6, CAREFUL, stream(k), "\u09c3").body[0][:, 0])
        for k in range(80)
    ]
    assert np.mean(sizes) == pytest.approx(0.4, rel=0.1)


@pytest.mark.parametrize(
    ("name", "leans"),
    [("galada", 0.2), ("tiro-bangla-italic", 0.2), ("tiro-bangla", 0.0), ("hind-siliguri", 0.0)],
)
def test_italics_are_set_upright(name, leans):
    font = stroke_font(name)
    assert font.slant == pytest.approx(leans, abs=0.051)
    steps = np.concatenate(
        [
            np.diff(line, axis=0)
            for text in "নমলা"
            for part in font.word(text).parts
            for line in part.body
        ]
    )
    steep = steps[np.abs(steps[:, 0]) < 0.4 * np.abs(steps[:, 1])]
    lean = np.average(-steep[:, 0] / steep[:, 1], weights=np.abs(steep[:, 1]))
    assert abs(lean) < 0.07


def test_a_leaning_bulb_goes_with_its_stroke():
    line = np.array([(0.0, 0.0), (0.2, -1.0)], np.float32)
    out = upright(Traced([line], [Bulb(np.array((0.2, -1.0)), 0.1)]), 0.2)
    assert out.lines[0][:, 0] == pytest.approx(0, abs=1e-6)
    assert out.bulbs[0].centre == pytest.approx((0, -1), abs=1e-6)


@pytest.mark.parametrize("name", [name for name in SHIPPED if name not in ("galada", "mina")])
@pytest.mark.parametrize("text", ["ণ", "প", "গ"])
def test_a_round_top_that_touches_the_head_line_stays_whole(name, text):
    word = stroke_font(name).word(text)
    left = min(line[:, 0].min() for part in word.parts for line in part.body)
    # What there is of a head line is to the right, at the stem.
    assert all(span[0] > left + 0.15 for part in word.parts for span in part.heads)
    tops = [
        line[np.abs(line[:, 1] - word.level) < 0.12] for part in word.parts for line in part.body
    ]
    across = np.sort(np.concatenate(tops)[:, 0])
    assert np.diff(across).max() < 0.13  # no gap where it is flat


def test_the_head_line_often_goes_on_over_a_sign_without_one():
    sign = GlyphPart([np.array([(0.0, -0.4), (0.2, 0.0)], np.float32)], [])
    starts = [over_signs([(0.3, 1.0)], sign, stream(k))[0][0] for k in range(200)]
    assert 0.5 < np.mean(np.array(starts) < 0.3) < 0.9
    assert min(starts) < 0.1
    assert min(starts) >= 0
    letter = sign._replace(heads=[(0.0, 0.2)])
    assert over_signs([(0.3, 1.0)], letter, stream(1)) == [(0.3, 1.0)]
    assert not over_signs([], sign, stream(1))


def test_signs_above_are_written_higher_than_type_has_them_and_serifs_lower():
    hand = CAREFUL._replace(above=1.6)
    points = np.array([(0.0, -1.0), (0.1, -0.63), (0.2, -0.3), (0.3, 0.2)])

    def mean(text: str) -> np.ndarray:
        word = Word([], -0.6, text)
        return np.mean([stretched(points, word, hand, stream(k)) for k in range(200)], axis=0)

    sign, letter = mean("\u0995\u09bf"), mean("\u0995")
    assert sign[0, 1] == pytest.approx(-0.6 - 0.4 * 1.6 * HIGH_SIGNS["\u09bf"], abs=0.05)
    assert letter[0, 1] == pytest.approx(-0.6 - 0.4, abs=0.06)
    assert letter[1, 1] > -0.62  # a serif, nearly gone
    assert sign[2, 1] == pytest.approx(-0.3)
    assert mean("\u09b0\u09cd\u0995")[0, 1] < letter[0, 1] - 0.15  # the reph


def test_a_hand_has_its_own_form_of_the_long_u():
    type_ = GlyphPart([np.array([(0.1, 0.05), (0.3, 0.1)], np.float32)], [])
    part = in_own_form(type_, LOW_SIGNS["\u09c2"].form)
    (line,) = part.body
    assert line[0] == pytest.approx((0.1, 0.05), abs=1e-6)
    bowl = line[line[:, 0].argmin() :]
    assert bowl[:, 1].min() < bowl[0, 1] - 0.05  # after it comes a hump
    assert line[-1, 1] == line[:, 1].max()  # and the tail ends below
    hands = {len(jittered(type_, -0.6, CAREFUL, stream(k), "ক\u09c2").body[0]) for k in range(40)}
    assert len(hands) == 2  # some follow type


def test_a_sign_to_the_left_is_drawn_nearer(monkeypatch):
    word = stroke_font("hind-siliguri").word("কে")
    widths = {}
    for near in (0.0, 0.3):
        monkeypatch.setattr("graphemes.synthesis.handwriting.hand.NEARER", near)
        every = [np.concatenate(written(word, CAREFUL, stream(k))) for k in range(40)]
        widths[near] = np.mean([np.ptp(points[:, 0]) for points in every])
    assert widths[0.3] < 0.9 * widths[0.0]
    assert stands_before("কে")
    assert not stands_before("কী")


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("কা", [None, "া"]),
        ("ষি", ["ি", None]),
        ("মো", ["ে", None, "া"]),
        ("শ্য", [None, "্য"]),
        ("ক্ষ", [None]),
    ],
)
def test_a_part_knows_which_sign_it_is(name, text, signs):
    assert [part.sign for part in stroke_font(name).word(text).parts] == signs


def test_reph_is_longer_and_begins_near_the_head_line():
    word = stroke_font("hind-siliguri").word("র্ক")
    reph = word.parts[-1]
    longer = [lengthened(reph, word.level, stream(k)) for k in range(30)]
    high = [np.ptp(np.concatenate(part.body)[:, 1]) for part in longer]
    assert high == pytest.approx([1.3 * np.ptp(np.concatenate(reph.body)[:, 1])] * 30)
    lowest = [max(line[:, 1].max() for line in part.body) for part in longer]
    assert abs(np.mean(lowest) - word.level) < 0.1
    assert np.std(lowest) > 0.02
