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
    """How a trunk is made, and which choices it leaves."""

    make: Callable[[Architecture, ImageSize], Trunk]
    choices: frozenset[str]


def _resnet(name: str, asked: Architecture, _size: ImageSize) -> ResNet:
    return ResNet(
        *TABLE[name],
        shortcut=asked.shortcut,
        attention=asked.attention,
        stem=asked.stem,
        stem_pool=asked.stem_pool,
        pool=asked.pool,
    )


_RESNET_CHOICES = frozenset({"shortcut", "attention", "stem", "stem_pool", "pool"})
# A new trunk is one name here: how it is made, and which of the choices below it leaves.
TRUNKS: dict[str, TrunkKind] = {
    "article": TrunkKind(lambda asked, _size: ArticleNet(pool=asked.pool), frozenset({"pool"})),
    **{name: TrunkKind(partial(_resnet, name), _RESNET_CHOICES) for name in TABLE},
}
# What any trunk leaves, as it lies outside of it; all else is a choice that a trunk has or hasn't.
_OUTSIDE = {"trunk", "neck", "dropout", "grapheme_head", "grapheme_pool"}
CHOICES = tuple(key for key in Architecture.model_fields if key not in _OUTSIDE)
_TIMM_CHOICES = frozenset({"pool", "drop_path"})


def build_trunk(asked: Architecture, size: ImageSize, weights: Path | str | None = None) -> Trunk:
    """The trunk that is asked for, with fresh weights, or timm's (see TimmTrunk).

    Raises SettingsError for a name that nobody has, and for a choice that the trunk doesn't leave.
    """
    name = asked.trunk
    if name.startswith(TIMM):
        _check_choices(asked, _TIMM_CHOICES)
        return TimmTrunk(name, size, asked.pool, asked.drop_path, weights)
    if name not in TRUNKS:
        near = f"; did you mean {TIMM}{name}?" if timm_has(name) else guess(name, [*TRUNKS])
        raise SettingsError(f"trunk={name}: neither one of ours nor {TIMM}NAME{near}")
    _check_choices(asked, TRUNKS[name].choices)
    return TRUNKS[name].make(asked, size)


def _check_choices(asked: Architecture, left: frozenset[str]) -> None:
    for key in CHOICES:
        value = getattr(asked, key)
        if key not in left and value != Architecture.model_fields[key].default:
            raise SettingsError(
                f"{key}={shown(value)}: trunk={asked.trunk} has no such choice; leave it out"
            )
