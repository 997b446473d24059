"""A font that spells Bengali for a page, cut to what the page says.

Not every machine has such a font, and one without it shows boxes, or signs beside their letters.
"""

import functools
import io
import logging
from importlib import resources

from fontTools import subset
from fontTools.ttLib import TTFont

# Of ours a plain one that joins all graphemes of the competition: Noto's lack three conjuncts.
_FONT = "hind-siliguri.ttf"  # SIL Open Font License 1.1: its text lies beside it
# The circle that a sign stands on alone; joiners; the right half that au is taken apart into.
_OTHERS = "\u25cc\u200c\u200d\u09d7"
ALL = "".join(map(chr, range(0x980, 0xA00)))  # Unicode's Bengali block


def bengali_woff(text: str = ALL) -> bytes:
    """WOFF of the letters of `text` that are Bengali, with all that joins them."""
    letters = "".join(sorted({sign for sign in text if sign in ALL}))
    return _subset(letters + _OTHERS)


@functools.lru_cache(maxsize=4)
def _subset(letters: str) -> bytes:
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    options = subset.Options()
    options.layout_features = ["*"]  # conjuncts are made by them
    options.hinting = False
    options.notdef_outline = True
    place = resources.files("graphemes.synthesis.lettering").joinpath("fonts", _FONT)
    font = TTFont(io.BytesIO(place.read_bytes()), recalcTimestamp=False)
    cutter = subset.Subsetter(options)
    cutter.populate(text=letters)
    cutter.subset(font)
    font.flavor = "woff"  # woff2 needs brotli
    file = io.BytesIO()
    font.save(file)
    return file.getvalue()
