"""The font that pages carry joins whatever the competition has."""

import io

import uharfbuzz
from fontTools.ttLib import TTFont

from graphemes.foundation.classes import competition_graphemes
from graphemes.synthesis.lettering.web_font import bengali_woff

HASANTA = 0x9CD


def test_no_grapheme_of_the_competition_is_written_with_a_hasanta_that_is_seen():
    plain, file = TTFont(io.BytesIO(bengali_woff())), io.BytesIO()
    plain.flavor = None
    plain.save(file)
    font = uharfbuzz.Font(uharfbuzz.Face(file.getvalue()))
    unjoined = {0, font.get_nominal_glyph(HASANTA)}
    broken = []
    for grapheme in (one.text for one in competition_graphemes()):
        buffer = uharfbuzz.Buffer()
        buffer.add_str(grapheme)
        buffer.guess_segment_properties()
        uharfbuzz.shape(font, buffer)
        if unjoined & {glyph.codepoint for glyph in buffer.glyph_infos}:
            broken.append(grapheme)
    assert broken == []
