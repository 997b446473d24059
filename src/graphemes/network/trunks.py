"""Trunks: one table of our own by name, and any of timm's as timm/NAME."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Protocol

from torch import Tensor

from graphemes.foundation.settings.groups import Architecture
from graphemes.foundation.settings.types import TIMM, ImageSize
from graphemes.network.article import ArticleNet
from graphemes.network.resnet import TABLE, ResNet
from graphemes.network.timm_trunks import TimmTrunk


class Trunk(Protocol):
    """What lies below the heads: (B, 1, H, W) -> features (B, width)."""

    width: int
    checkpointing: bool

    def __call__(self, x: Tensor, /) -> Tensor: ...  # noqa: D102


def _resnet(name: str, architecture: Architecture, _size: ImageSize) -> ResNet:
    return ResNet(
        *TABLE[name],
        shortcut=architecture.shortcut,
        attention=architecture.attention,
        stem=architecture.stem,
        stem_pool=architecture.stem_pool,
        pool=architecture.pool,
        widths=architecture.widths,
        drop_path=architecture.drop_path,
    )


# How each of our own trunks is made. A new one is a name here, and one in
# foundation/settings/trunks.py, with the options that it supports.
TRUNKS: dict[str, Callable[[Architecture, ImageSize], Trunk]] = {
    "article": lambda architecture, _size: ArticleNet(pool=architecture.pool),
    **{name: partial(_resnet, name) for name in TABLE},
}


def build_trunk(
    architecture: Architecture, size: ImageSize, weights: Path | str | None = None
) -> Trunk:
    """The trunk that is asked for, with fresh weights, or timm's (see TimmTrunk).

    Raises NetworkError, DataError, MissingPackage: what only timm can tell of its trunks.
    """
    name = architecture.trunk
    if name.startswith(TIMM):
        return TimmTrunk(name, size, architecture.pool, architecture.drop_path, weights)
    return TRUNKS[name](architecture, size)


def need_sizes(trunk: Trunk, sizes: Iterable[ImageSize]) -> None:
    """Raise NetworkError for a size of image_sizes that the trunk can't take; ours take all."""
    if isinstance(trunk, TimmTrunk):
        for size in sizes:
            trunk.need_size(size)
