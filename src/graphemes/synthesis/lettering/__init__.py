"""From type to strokes: fonts, outlines thinned to lines, glyph parts and their head line."""
