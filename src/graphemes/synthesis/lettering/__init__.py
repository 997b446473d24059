"""Type taken to strokes: fonts, outlines thinned to lines, and the parts a string is made of."""
