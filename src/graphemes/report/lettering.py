"""The letters of a page: a font that spells Bengali, cut to what the page says, as an address.

Not every machine has such a font, and one without it shows boxes, or signs beside their letters.
"""

import base64
import functools
import io
import logging
from importlib import resources

from fontTools import subset
from fontTools.ttLib import TTFont

_FONT = "noto-sans-bengali.ttf"  # SIL Open Font License 1.1: its text lies beside it
_OTHERS = "\u25cc\u200c\u200d"  # the circle that a sign stands on alone; joiners


def font_address(text: str) -> str:
    """WOFF of the letters of `text` that are Bengali, with all that joins them."""
    letters = "".join(sorted({sign for sign in text if "\u0980" <= sign <= "\u09ff"}))
    return "data:font/woff;base64," + base64.b64encode(_subset(letters + _OTHERS)).decode()


@functools.lru_cache(maxsize=4)
def _subset(letters: str) -> bytes:
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    options = subset.Options()
    options.layout_features = ["*"]  # conjuncts are made by them
    options.hinting = False
    options.notdef_outline = True
    options.flavor = "woff"  # woff2 needs brotli
    place = resources.files("graphemes.synthesis.lettering").joinpath("fonts", _FONT)
    font = TTFont(io.BytesIO(place.read_bytes()), recalcTimestamp=False)
    cutter = subset.Subsetter(options)
    cutter.populate(text=letters)
    cutter.subset(font)
    font.flavor = "woff"
    file = io.BytesIO()
    font.save(file)
    return file.getvalue()
