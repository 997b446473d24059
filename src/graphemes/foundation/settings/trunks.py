"""Our own trunks by name, and the options of a network that each supports.

They stand here so that a contradiction is said before torch is imported; network/trunks.py makes
them, and a test holds its table to this one.
"""

from collections.abc import Mapping
from typing import Any

from graphemes.foundation.settings.types import TIMM
from graphemes.foundation.settings.words import guess, shown

# A trunk's own options; neck, dropout and the grapheme head lie outside of it: any supports them.
OPTIONS = ("shortcut", "stem", "stem_pool", "widths", "attention", "pool", "drop_path")
RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
_OF_RESNETS = frozenset(OPTIONS)
SUPPORTED: dict[str, frozenset[str]] = {
    "article": frozenset({"pool"}),
    **dict.fromkeys(RESNETS, _OF_RESNETS),
}
SUPPORTED_BY_TIMM = frozenset({"pool", "drop_path"})


def check_trunk(name: str, chosen: Mapping[str, Any]) -> None:
    """Raise ValueError for a trunk that nobody has, or an option that this one doesn't support.

    chosen: the values of OPTIONS that aren't the default. Which names timm has, only timm knows.
    """
    if not name.startswith(TIMM) and name not in SUPPORTED:
        raise ValueError(
            f"trunk={name}: neither one of ours nor {TIMM}NAME{guess(name, [*SUPPORTED])}"
            f" (timm's would be {TIMM}{name})"
        )
    for key, value in chosen.items():
        if key not in SUPPORTED.get(name, SUPPORTED_BY_TIMM):
            raise ValueError(f"{key}={shown(value)}: trunk={name} has no such option; leave it out")


def supporting_trunks(chosen: Mapping[str, Any]) -> tuple[str, ...]:
    """Our own trunks that support these options: the ResNets support all."""
    return tuple(name for name, options in SUPPORTED.items() if chosen.keys() <= options)
