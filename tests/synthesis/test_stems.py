"""Upright strokes that hang from the head line."""

import numpy as np
import pytest

from graphemes.synthesis.lettering.fonts import SHIPPED
from graphemes.synthesis.lettering.glyph_parts import GlyphPart, merged
from graphemes.synthesis.lettering.stems import hanging
from graphemes.synthesis.rendering import stroke_font

LEVEL = -0.6


def line(*corners: tuple[float, float]) -> np.ndarray:
    steps = np.append(0, np.hypot(*np.diff(corners, axis=0).T).cumsum())
    along = np.arange(0, steps[-1] + 0.01, 0.03)
    return np.stack(
        [np.interp(along, steps, np.array(corners)[:, k]) for k in (0, 1)], axis=1
    ).astype(np.float32)


@pytest.mark.parametrize("turned", [False, True])
def test_a_flag_becomes_a_piece_of_the_head_line(turned):
    stem = line((0.3, LEVEL - 0.1), (0.45, LEVEL), (0.47, 0.0))
    part = hanging(GlyphPart([stem[::-1] if turned else stem], []), LEVEL)
    ((left, right),) = part.heads
    assert left < 0.46 < right
    assert right - left < 0.3
    (body,) = part.body
    assert body[:, 1].min() == pytest.approx(LEVEL)
    assert abs(body[0] - body[-1])[1] > 0.5
    assert np.ptp(body[:, 0]) < 0.05


def test_a_flag_of_its_own_goes_and_other_strokes_stay():
    stem = line((0.46, LEVEL - 0.1), (0.46, 0.0))
    flag = line((0.3, LEVEL - 0.08), (0.45, LEVEL - 0.02))
    arm = line((0.0, LEVEL), (0.2, LEVEL + 0.3))
    part = hanging(GlyphPart([flag, stem, arm], []), LEVEL)
    assert len(part.body) == 2
    assert any(np.array_equal(other, arm) for other in part.body)


@pytest.mark.parametrize(
    "stroke",
    [
        line((0.5, LEVEL), (0.1, LEVEL + 0.3), (0.4, 0.0)),  # bulges: ে
        line((0.3, LEVEL), (0.3, -0.1), (0.5, 0.0)),  # goes on to the right: এ
        line((0.5, LEVEL - 0.4), (0.5, 0.0)),  # a sign above goes on down: ি
        line((0.5, LEVEL), (0.5, LEVEL + 0.3)),  # ends half way
    ],
)
def test_what_is_no_stem_stays_as_it_is(stroke):
    part = GlyphPart([stroke], [])
    assert hanging(part, LEVEL) == part


def test_a_stem_under_a_head_line_stays_as_it_is():
    part = GlyphPart([line((0.5, LEVEL - 0.05), (0.5, 0.0))], [(0.0, 0.5)])
    assert hanging(part, LEVEL) == part


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("text", ["খা", "গা", "থা", "পা"])
def test_letters_without_a_line_and_their_sign_hang_from_one_across_their_stems(name, text):
    word = stroke_font(name).word(text)
    (left, right), *_ = reversed(merged([s for p in word.parts for s in p.heads], 0.35))
    aa = max(word.parts[-1].body, key=lambda stroke: np.ptp(stroke[:, 1]))
    assert left - 0.05 < np.median(aa[:, 0]) < right + 0.05
    assert aa[:, 1].min() > word.level - 0.16
