"""From fonts to handwriting: shaping, strokes, a pen, and a data set of drawings."""
