"""Where a network looks: Grad-CAM, Selvaraju et al. 2016 (arXiv:1610.02391).

B images, H x W pixels, h x w positions of the last feature maps, K channels of them.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from graphemes.foundation.errors import NetworkError
from graphemes.foundation.heads import PerHead
from graphemes.network.article import ArticleNet
from graphemes.network.devices import Engine
from graphemes.network.model import GraphemeNetwork
from graphemes.network.resnet import ResNet
from graphemes.network.timm_trunks import TimmTrunk
from graphemes.network.trunks import Trunk

Heat = npt.NDArray[np.float32]  # (H, W), 0 .. 1, 1 where it mattered most


# Positions of a side: of the paper's networks at 224x224. Small pictures end in maps of 2x2 or 1x1,
# which say nothing of where; an earlier stage's are looked at then.
FINEST = 7


def grad_cam(
    network: GraphemeNetwork, ink: Tensor, labels: PerHead[int], engine: Engine
) -> PerHead[Heat]:
    """How much each part of a picture spoke for each head's label.

    ink: (1, H, W). The maps are those of the last stage with 7 positions a side or more. In
    float32, whatever the engine's precision: gradients of half-precision numbers vanish. Not for
    a network that another thread reads with meanwhile: hooks are put on it. Raises NetworkError
    for a trunk without feature maps, as a transformer's.
    """
    batch = ink[None].to(engine.device).requires_grad_()  # the weights may be frozen
    with torch.enable_grad():
        maps, logits = _maps_and_logits(network, batch)
        heats = []
        for head, label in zip(logits, labels, strict=True):
            (slopes,) = torch.autograd.grad(head[0, label], maps, retain_graph=True)
            weights = slopes.mean((2, 3), keepdim=True)  # equation 1
            heat = functional.relu((weights * maps).sum(1, keepdim=True))  # equation 2
            heats.append(heat.detach())
    return PerHead(*(_enlarged(heat, ink.shape[1:]) for heat in heats))


def _maps_and_logits(network: GraphemeNetwork, batch: Tensor) -> tuple[Tensor, PerHead[Tensor]]:
    """(1, K, h, w) feature maps of a stage, and the heads' logits that follow from them."""
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: tuple[Tensor, ...], maps: Tensor) -> None:
        kept.append(maps)

    handles = [stage.register_forward_hook(keep) for stage in _stages(network.trunk)]
    try:
        heads = network(batch).heads
    finally:
        for handle in handles:
            handle.remove()
    if not kept or any(maps.ndim != 4 for maps in kept):
        raise NetworkError(_NO_MAPS)
    fine = [maps for maps in kept if min(maps.shape[2:]) >= FINEST]
    return (fine or kept[:1])[-1], heads


_NO_MAPS = (
    "this trunk has no feature maps to look at, as transformers have none; expected a convolutional"
    " one"
)


def _stages(trunk: Trunk) -> list[nn.Module]:
    """The trunk's stages, each giving feature maps (B, K, h, w)."""
    if isinstance(trunk, TimmTrunk):
        stages = getattr(trunk.model, "feature_info", None) or []
        return [trunk.model.get_submodule(stage["module"]) for stage in stages]
    if isinstance(trunk, ArticleNet):
        return [trunk.block2, trunk.block3, trunk.block4, trunk.block5]
    assert isinstance(trunk, ResNet), "our own trunks are these"
    return [list(stage.children())[-1] for stage in trunk.stages]  # forward goes block by block


def _enlarged(heat: Tensor, size: torch.Size) -> Heat:
    """(1, 1, h, w) -> (H, W), its greatest value 1."""
    large = functional.interpolate(heat, size=tuple(size), mode="bilinear", align_corners=False)
    top = float(large.max())
    return np.asarray((large / top if top > 0 else large)[0, 0].cpu(), np.float32)
