"""Bulbs (ball terminals) of type, which a pen writes as loops."""

import numpy as np
import pytest

from graphemes.synthesis.handwriting.curls import spiralled
from graphemes.synthesis.lettering.bulbs import Bulb, curled, looped
from graphemes.synthesis.lettering.glyph_parts import moved
from graphemes.synthesis.lettering.strokes import strokes
from graphemes.synthesis.rendering import stroke_font

BAR = np.array([[0, 0.46], [1, 0.46], [1, 0.54], [0, 0.54]], np.float32)
TURN = np.linspace(0, 2 * np.pi, 40, endpoint=False)
DISC = np.stack([np.cos(TURN), np.sin(TURN)], axis=1).astype(np.float32)


def ball(x: float, y: float, radius: float) -> np.ndarray:
    return DISC * np.float32(radius) + np.array((x, y), np.float32)


def test_a_swollen_end_is_a_bulb_and_a_plain_one_is_not():
    assert not strokes([BAR]).bulbs
    (bulb,) = strokes([BAR, ball(1, 0.5, 0.1)]).bulbs
    assert bulb.centre == pytest.approx((1, 0.5), abs=0.02)
    assert bulb.radius == pytest.approx(0.1, abs=0.015)


def test_a_bulb_at_a_strokes_side_is_found():
    (bulb,) = strokes([BAR, ball(0.5, 0.6, 0.1)]).bulbs
    assert bulb.centre == pytest.approx((0.5, 0.59), abs=0.03)


def test_neither_a_crossing_nor_a_dot_nor_a_speck_is_a_bulb():
    stem = np.array([[0.46, 0], [0.54, 0], [0.54, 1], [0.46, 1]], np.float32)
    assert not strokes([BAR, stem]).bulbs
    assert not strokes([BAR, stem, ball(0.5, 0.5, 0.1)]).bulbs
    assert not strokes([BAR, ball(0.5, 0.9, 0.1)]).bulbs
    thin = np.array([[0, 0.49], [1, 0.49], [1, 0.51], [0, 0.51]], np.float32)
    assert not strokes([thin, ball(1, 0.5, 0.04)]).bulbs


@pytest.mark.parametrize("name", ["galada", "noto-serif-bengali", "tiro-bangla"])
def test_type_has_bulbs_where_hands_have_loops(name):
    for text, count in (("ম", 1), ("শ", 1), ("ন", 1), ("ভ", 1), ("ব", 0), ("র", 0)):
        bulbs = [bulb for part in stroke_font(name).word(text).parts for bulb in part.bulbs]
        assert len(bulbs) >= count if count else not bulbs, text


def test_a_line_goes_into_its_loop_without_a_corner():
    line = np.stack([np.arange(0, 0.5, 0.03), 0.1 * np.arange(0, 0.5, 0.03) ** 2], axis=1)
    loop = curled(line, np.array((0.48, 0.02)), 0.06, 1.8 * np.pi)
    steps = np.diff(loop, axis=0)
    headings = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    assert np.abs(np.diff(headings)).max() < np.radians(50)
    assert abs(headings[-1] - headings[0]) > 1.3 * np.pi
    kept = len(loop) - len(loop[np.hypot(*(loop - (0.48, 0.02)).T) < 0.061])
    assert (loop[:kept] == line[:kept]).all()


def test_a_bulb_that_no_line_ends_in_is_a_ring_of_its_own():
    line = np.stack([np.arange(0, 1, 0.03), np.zeros(34)], axis=1)
    bulb = Bulb(np.array((0.5, 0.08)), 0.08)
    same, ring = looped([line], [bulb], [0.5], [5.0])
    assert same is line
    assert np.hypot(*(ring - bulb.centre).T) == pytest.approx(0.04)
    assert ring[0] == pytest.approx(ring[-1])


@pytest.mark.parametrize("end", [0, -1])
def test_the_end_that_lies_in_the_bulb_is_curled(end):
    line = np.stack([np.arange(0, 1, 0.03), np.zeros(34)], axis=1)
    bulb = Bulb(line[end], 0.1)
    (loop,) = looped([line], [bulb], [1.0], [5.0])
    assert (loop[end] != line[end]).any()
    assert (loop[-1 - end] == line[-1 - end]).all()


def test_a_short_line_inside_its_bulb_is_curled_too():
    line = np.array([(0.0, 0.0), (0.01, 0.0)])
    (loop,) = looped([line], [Bulb(np.zeros(2), 0.1)], [1.0], [5.0])
    assert np.isfinite(loop).all()


def test_bulbs_move_with_their_part():
    part = stroke_font("tiro-bangla").word("ম").parts[0]
    there = moved(part, 0.5, -0.25)
    assert there.bulbs[0].centre - part.bulbs[0].centre == pytest.approx((0.5, -0.25))
    assert part.bulbs[0].radius == there.bulbs[0].radius


def arc(turn: float, radius: float = 0.1) -> np.ndarray:
    """A straight line that ends in a curl."""
    angles = np.arange(0, turn, 0.2)
    curl = radius * np.stack([np.sin(angles), 1 - np.cos(angles)], axis=1)
    return np.vstack([np.stack([np.arange(-0.6, 0, 0.03), np.zeros(20)], axis=1), curl])


@pytest.mark.parametrize("turned", [False, True])
def test_a_free_curl_goes_on_round_and_a_straight_end_doesnt(turned):
    line = arc(3.5)[::-1] if turned else arc(3.5)
    (out,) = spiralled([line], [], 1.5)
    kept = out[-len(line) :] if turned else out[: len(line)]
    assert np.allclose(kept, line)
    more = out[: len(out) - len(line)] if turned else out[len(line) :]
    assert len(more) > 3
    headings = np.unwrap(np.arctan2(*np.diff(out, axis=0).T[::-1]))
    before = np.unwrap(np.arctan2(*np.diff(line, axis=0).T[::-1]))
    assert np.ptp(headings) == pytest.approx(np.ptp(before) + 1.5, abs=0.3)
    assert np.hypot(*(more - (0, 0.1)).T).max() < 0.12  # inside what it curls round


def test_a_curl_that_touches_another_stroke_or_a_bulb_or_is_wide_stays():
    line = arc(3.5)
    end = line[-1]
    other = np.stack([np.full(5, end[0]), end[1] + np.arange(5) * 0.03], axis=1)
    assert np.array_equal(spiralled([line, other], [], 1.5)[0], line)
    assert np.array_equal(spiralled([line], [Bulb(end, 0.05)], 1.5)[0], line)
    wide = arc(3.5, radius=0.3)
    assert np.array_equal(spiralled([wide], [], 1.5)[0], wide)
    dot = np.zeros((1, 2))
    assert np.array_equal(spiralled([dot], [], 1.5)[0], dot)
