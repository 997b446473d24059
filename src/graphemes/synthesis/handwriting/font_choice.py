"""Font choice: which fonts have a root in a form that hands hardly write, so others write it.

Measured on the competition's training scans: of a small residual network that learned roots from
10,000 of them (none of those that drawings are scored on; 64x64, 64,000 passes), the mean
log-probability of the root on 14 drawings (version 8, any font for any root) by each font. Left out
is a font that is 1.5 or more below the root's best, and not among its best 4.
"""

from collections.abc import Sequence

from graphemes.foundation.classes import root_of
from graphemes.synthesis.lettering.fonts import typeface

UNLIKE = {
    "anek-bangla": (
        "অ ঈ উ ঋ ক্ত ক্ষ ক্ষ্ম গ্ম ঙ্গ জ্ব ঝ ঞ্জ ণ্ট ণ্ণ ত্ত্ব দ্ঘ দ্ভ ধ ধ্ব প্ত প্প প্ল "
        "ম ম্ন ম্ম ম্ল ল্ব ল্ম ল্ল শ শ্চ শ্ন শ্ব শ্ম শ্ল ষ্ক ষ্ঠ ষ্ম হ্ন হ্ব হ্ম ৎ"
    ),
    "atma": ("অ আ ঈ ক্স গ্ল ঙ্খ ঙ্গ ঙ্ঘ জ্জ্ব জ্ব ঞ্জ দ্ব প্প ভ্ল ম্ব ল্গ ল্ব ল্ম শ্চ শ্ম ষ্ণ ষ্ফ স্ট স্স হ্ন হ্ব ৎ"),
    "baloo-da-2": (
        "ঋ ক্ষ ক্ষ্ণ ক্ষ্ম গ্ব গ্ল জ্জ জ্জ্ব জ্ব ঝ ঞ্ছ ঞ্জ ণ্ট ন্ড প্ল প্স ব্জ ব্ল ম ম্ন "
        "ম্প ম্ভ ম্ম ম্ল ল্ক ল্ড ল্ম ল্ল শ শ্চ শ্ন শ্ব শ্ম শ্ল ষ্ক ষ্ট ষ্ঠ ষ্ম স্ল"
    ),
    "galada": (
        "অ আ ঈ ঋ ও ক্ক ক্ল ক্ষ্ম গ ঘ ঘ্ন ঙ ঙ্গ চ্চ চ্ছ্ব ঝ ঞ ঢ ণ ত্ত্ব ত্থ ত্ন দ দ্ভ দ্ম "
        "ধ ন্ড ন্ত ন্দ ন্দ্ব ন্ধ ন্ন ন্ব ন্ম ন্স প্প প্ল প্স ফ্ল ব্দ ব্ল ভ ভ্ল ম্ন ম্ব "
        "ম্ল ল ল্ড ল্প শ শ্চ শ্ন শ্ব শ্ম শ্ল ষ্ণ ষ্প ষ্ফ ষ্ম স্ট স্ন হ্ন হ্ব হ্ম হ্ল ঢ়"
    ),
    "hind-siliguri": (
        "অ ঐ ক্ত ক্ষ ক্ষ্ণ ক্ষ্ম গ্ন গ্ম গ্ল ঘ্ন ঙ্খ ঙ্গ জ্ব ঞ্ছ ঞ্জ ড্ড ণ্ঠ ত্ত্ব ত্ন "
        "ত্ম দ্ম ধ ধ্ব ন্ঠ ন্স প্ন প্ল ফ্ফ ব্ব ব্ল ম ম্ন ম্ব ম্ভ ম্ম ম্ল ল্ক ল্ড ল্প ল্ব "
        "ল্ম শ শ্চ শ্ন শ্ব শ্ম শ্ল ষ্ক ষ্ট ষ্ঠ ষ্ম স্ক স্ট স্ম স্স হ্ন হ্ব হ্ম হ্ল"
    ),
    "mina": (
        "অ আ ঈ উ ঋ ঐ ও ঔ ক্ষ্ম গ্ম গ্ল ঙ্ক্ত ঙ্গ চ্ছ্ব ঝ ঞ ঞ্ছ ঞ্জ ট ট্ট ণ্ট ণ্ঠ ত্ত্ব "
        "ত্থ ত্ব ত্ম থ দ্দ দ্ম ধ ধ্ব ন্জ ন্ড ন্দ ন্ম ন্স প্স ব্দ ম্ন ম্প ম্ম ম্ল ল্ক ল্গ "
        "ল্ট ল্ড ল্ম ল্ল শ শ্চ শ্ন শ্ব শ্ম শ্ল ষ্ঠ ষ্ণ ষ্ম স্ম স্ল হ্ন হ্ব হ্ম হ্ল"
    ),
    "noto-sans-bengali": ("উ ঘ্ন ঙ্খ ঞ্ছ ত্ম দ্ধ দ্ভ ধ্ব ন্ত ন্ধ প্ন প্স ব্ধ ভ্ল ম্ব ম্ভ ম্ল ৎ"),
    "noto-serif-bengali": ("উ ঋ ঔ ক্ষ ক্ষ্ণ খ গ্ল ঙ্ক্ষ ঙ্খ ঞ্জ দ্ঘ দ্ধ দ্ভ ধ্ব ন্ড ন্ত ন্দ্ব ন্ন ন্ম প্ন ভ্ল ৎ"),
    "tiro-bangla": ("ঈ ঔ গ্ল ঘ্ন ঙ্খ চ্ছ্ব ণ্ণ দ্ব দ্ভ দ্ম ন্ত ন্দ্ব ন্ধ ন্ন ন্ব প্ন প্স ফ্ল ব্জ ভ্ল ম্ন ম্ভ স্ত ৎ"),
    "tiro-bangla-italic": (
        "ঈ ঋ ঔ গ ঘ্ন ঙ্খ চ্ছ্ব ণ্ণ দ্ভ ন্ত ন্ত্ব ন্দ্ব ন্ধ প্প প্স ব্জ ভ্ল ম্ভ ল ল্গ ল্ড ল্ব ল্ল ষ্ণ স্ত স্ন হ্ব ৎ"
    ),
}
_UNLIKE = {font: frozenset(roots.split()) for font, roots in UNLIKE.items()}


def choose_font(text: str, fonts: Sequence[str]) -> str:
    """The first font that can write a string, and its root in a form that hands write if any has.

    Where none can, the first of all.
    """
    able = (font for font in fonts if typeface(font).can_write(text))
    alike = (
        font
        for font in fonts
        if resembles_handwriting(font, text) and typeface(font).can_write(text)
    )
    return next(alike, None) or next(able, fonts[0])


def resembles_handwriting(font: str, text: str) -> bool:
    """Whether a font has a string's root in a form that hands write; unknown fonts do."""
    return root_of(text) not in _UNLIKE.get(font, ())
