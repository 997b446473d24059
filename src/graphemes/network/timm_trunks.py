"""Any network of timm as a trunk: its pooled features, without its classifier.

B images, H x W pixels.
"""

import difflib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graphemes.foundation.errors import NetworkError, one_line
from graphemes.foundation.settings.types import TIMM, ImageSize, Pool
from graphemes.foundation.settings.words import shown
from graphemes.network.pooling import GlobalPool
from graphemes.network.timm_library import FAULTS, timm_library
from graphemes.network.timm_weights import with_weights

UNCOVERED = 4  # pixels at a side's end; fewer any strided convolution may leave


class TimmTrunk(nn.Module):
    """A model of timm on one channel, pooled as timm pools it, or otherwise where it has maps.

    size is handed to models that are built for one. weights: a file of timm's, or FETCHED for those
    that timm itself knows; their first convolution goes from three channels to one timm's way,
    by its sum over them. Raises NetworkError for a name, a size or an option that timm or the
    model doesn't have, DataError for weights that aren't its.
    """

    def __init__(
        self,
        trunk: str,
        size: ImageSize,
        pool: Pool = "avg",
        drop_path: float = 0.0,
        weights: Path | str | None = None,
    ) -> None:
        super().__init__()
        name = trunk.removeprefix(TIMM)
        _check_name(name)
        self._checkpointing = False
        self.name, self.pool = name, pool
        self.arguments = _arguments(name, size, drop_path)
        self.model: Any = _create(name, self.arguments, weights)
        if pool != "avg":
            _replace_pooling(trunk, self.model, pool)
        _check_patches(trunk, self.model, size)
        self.width = _features(trunk, self.model, size)

    def need_size(self, size: ImageSize) -> None:
        """Raise NetworkError for a size of pictures, of image_sizes, that it can't take besides."""
        _check_patches(TIMM + self.name, self.model, size, "image_sizes")
        _features(TIMM + self.name, self.model, size, "image_sizes")

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, H, W) -> features (B, width)."""
        return self.model(x)  # type: ignore[no-any-return]

    @property
    def checkpointing(self) -> bool:
        """Whether its blocks are recomputed instead of kept; timm's models can't be asked."""
        return self._checkpointing

    @checkpointing.setter
    def checkpointing(self, wanted: bool) -> None:
        if wanted == self.checkpointing:
            return  # some models refuse a call that changes nothing
        try:
            self.model.set_grad_checkpointing(wanted)
        except (*FAULTS, AttributeError):
            raise NetworkError(
                f"checkpointing={shown(wanted)}: {type(self.model).__name__} has no such thing;"
                " leave it out, or take a smaller batch_size"
            ) from None
        self._checkpointing = wanted


def _check_name(name: str) -> None:
    timm = timm_library()
    known = set(timm.list_models()) | set(timm.list_pretrained())
    if timm.is_model(name.split(".", maxsplit=1)[0]) and ("." not in name or name in known):
        return
    near = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.5)
    guesses = f"did you mean {' or '.join(TIMM + one for one in near)}?" if near else ""
    raise NetworkError(
        f"trunk={TIMM}{name}: timm {timm.__version__} has no such model among its"
        f" {len(timm.list_models()):,}; {guesses or 'look at timm.list_models()'}"
    )


def _arguments(name: str, size: ImageSize, drop_path: float) -> dict[str, Any]:
    """What its constructor is given beside the name."""
    given: dict[str, Any] = {"in_chans": 1, "num_classes": 0}
    known = timm_library().models.get_pretrained_cfg(name)
    if known is not None and known.fixed_input_size:
        given["img_size"] = tuple(size)
    if drop_path:
        given["drop_path_rate"] = drop_path
    return given


def _create(name: str, given: dict[str, Any], weights: Path | str | None) -> nn.Module:
    """The model. Raises NetworkError for every fault of its building."""
    if weights is not None:
        names = _create(name, given, None).state_dict()  # what can't be built is no fault of theirs
        return with_weights(name, given, weights, names.keys())
    try:
        return timm_library().create_model(name, **given)  # type: ignore[no-any-return]
    except FAULTS as error:
        what = one_line(error)
        if "drop_path_rate" in what:
            raise NetworkError(f"drop_path: trunk={TIMM}{name} has none; leave it out") from None
        size = given.get("img_size")
        at = f" at image_size={ImageSize(*size)}" if size else ""
        raise NetworkError(f"trunk={TIMM}{name} can't be built{at}: {what}") from None


def _replace_pooling(trunk: str, model: nn.Module, pool: Pool) -> None:
    """Put our pooling in the place of timm's, which keeps its name and its flattening."""
    select = timm_library().layers.SelectAdaptivePool2d
    found = [name for name, part in model.named_modules() if isinstance(part, select)]
    if len(found) != 1:
        raise NetworkError(
            f"pool={pool}: trunk={trunk} has no pooling of feature maps to replace; leave it out"
        )
    old = model.get_submodule(found[0])
    with torch.no_grad():  # what it gives for maps of 1x1 says how it lays them out
        channels_last = old(torch.zeros(1, 1, 1, 7)).shape[-1] == 7
        probe = torch.zeros(1, 1, 1, 7) if channels_last else torch.zeros(1, 7, 1, 1)
        flat = old(probe).ndim == 2
    parent, _, last = found[0].rpartition(".")
    setattr(model.get_submodule(parent), last, _Pooling(pool, channels_last, flat))


class _Pooling(nn.Module):
    """Our pooling in the layout of the one it replaces."""

    def __init__(self, pool: Pool, channels_last: bool, flat: bool) -> None:
        super().__init__()
        self.pool = GlobalPool(pool)
        self.channels_last, self.flat = channels_last, flat

    def forward(self, maps: Tensor) -> Tensor:
        features = self.pool(maps.permute(0, 3, 1, 2) if self.channels_last else maps)
        return features if self.flat else features[:, :, None, None]  # type: ignore[no-any-return]


def _check_patches(trunk: str, model: nn.Module, size: ImageSize, key: str = "image_size") -> None:
    """A network of patches passes over what is left of a side when it is cut into them."""
    kind = timm_library().layers.PatchEmbed
    cutting = next((part for part in model.modules() if isinstance(part, kind)), None)
    if cutting is None or cutting.dynamic_img_pad:
        return
    patch = cutting.patch_size
    left = [side % one for side, one in zip(size, patch, strict=True)]
    if max(left) >= UNCOVERED:
        fits = ImageSize(*(-(-side // one) * one for side, one in zip(size, patch, strict=True)))
        raise NetworkError(
            f"{key}={size}: trunk={trunk} cuts it into patches of {patch[0]}x{patch[1]} and"
            f" leaves the last rows ({left[0]}) and columns ({left[1]}) unseen; try"
            f" {key}={fits}"
        )


def _features(trunk: str, model: Any, size: ImageSize, key: str = "image_size") -> int:
    """How many features it gives, asked by a picture: timm's models name this differently."""
    was = model.training
    try:
        with torch.inference_mode():
            found = model.eval()(torch.zeros(1, 1, *size))
    except FAULTS as error:
        own = ImageSize(*(model.pretrained_cfg.get("input_size") or (3, 224, 224))[1:])
        advice = (
            f"it was made for image_size={own}"
            if key == "image_size"
            else "it is built for one size; leave image_sizes out"
        )
        raise NetworkError(
            f"{key}={size}: trunk={trunk} can't take it ({one_line(error)}); {advice}"
        ) from None
    finally:
        model.train(was)
    if not isinstance(found, Tensor) or found.ndim != 2 or 0 in found.shape:
        raise NetworkError(f"trunk={trunk} gives no vector of features; take another")
    return int(found.shape[1])
