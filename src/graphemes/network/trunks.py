"""Trunks: one table of our own by name, and any of timm's as timm/NAME."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

from torch import Tensor

from graphemes.foundation.errors import SettingsError
from graphemes.foundation.settings.groups import Architecture
from graphemes.foundation.settings.types import TIMM, ImageSize
from graphemes.foundation.settings.words import guess, shown
from graphemes.network.article import ArticleNet
from graphemes.network.resnet import TABLE, ResNet
from graphemes.network.timm_trunks import TimmTrunk, timm_has


class Trunk(Protocol):
    """What lies below the heads: (B, 1, H, W) -> features (B, width)."""

    width: int
    checkpointing: bool

    def __call__(self, x: Tensor, /) -> Tensor: ...  # noqa: D102


class TrunkKind(NamedTuple):
    """How a trunk is made, and which options it supports."""

    make: Callable[[Architecture, ImageSize], Trunk]
    options: frozenset[str]


def _resnet(name: str, asked: Architecture, _size: ImageSize) -> ResNet:
    return ResNet(
        *TABLE[name],
        shortcut=asked.shortcut,
        attention=asked.attention,
        stem=asked.stem,
        stem_pool=asked.stem_pool,
        pool=asked.pool,
    )


_RESNET_OPTIONS = frozenset({"shortcut", "attention", "stem", "stem_pool", "pool"})
# A new trunk is one name here: how it is made, and which of the options below it supports.
TRUNKS: dict[str, TrunkKind] = {
    "article": TrunkKind(lambda asked, _size: ArticleNet(pool=asked.pool), frozenset({"pool"})),
    **{name: TrunkKind(partial(_resnet, name), _RESNET_OPTIONS) for name in TABLE},
}
# Options outside of the trunk, which any supports; all others are the trunk's own.
_OUTSIDE = {"trunk", "neck", "dropout", "grapheme_head", "grapheme_pool"}
OPTIONS = tuple(key for key in Architecture.model_fields if key not in _OUTSIDE)
_TIMM_OPTIONS = frozenset({"pool", "drop_path"})


def build_trunk(asked: Architecture, size: ImageSize, weights: Path | str | None = None) -> Trunk:
    """The trunk that is asked for, with fresh weights, or timm's (see TimmTrunk).

    Raises SettingsError for a name that nobody has, and for an option that it doesn't support.
    """
    name = asked.trunk
    if name.startswith(TIMM):
        _check_options(asked, _TIMM_OPTIONS)
        return TimmTrunk(name, size, asked.pool, asked.drop_path, weights)
    if name not in TRUNKS:
        near = f"; did you mean {TIMM}{name}?" if timm_has(name) else guess(name, [*TRUNKS])
        raise SettingsError(f"trunk={name}: neither one of ours nor {TIMM}NAME{near}")
    _check_options(asked, TRUNKS[name].options)
    return TRUNKS[name].make(asked, size)


def _check_options(asked: Architecture, left: frozenset[str]) -> None:
    for key in OPTIONS:
        value = getattr(asked, key)
        if key not in left and value != Architecture.model_fields[key].default:
            raise SettingsError(
                f"{key}={shown(value)}: trunk={asked.trunk} has no such option; leave it out"
            )
