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
from graphemes.network.devices import Engine
from graphemes.network.model import GraphemeNetwork
from graphemes.network.pooling import GlobalPool
from graphemes.network.timm_library import timm_library
from graphemes.network.timm_trunks import TimmTrunk
from graphemes.network.trunks import Trunk

Heat = npt.NDArray[np.float32]  # (H, W), 0 .. 1, 1 where it mattered most


def grad_cam(
    network: GraphemeNetwork, ink: Tensor, labels: PerHead[int], engine: Engine
) -> PerHead[Heat]:
    """How much each part of a picture spoke for each head's label.

    ink: (1, H, W). In float32, whatever the engine's precision: gradients of half-precision
    numbers vanish. Raises NetworkError for a trunk without feature maps, as a transformer's.
    """
    batch = ink[None].to(engine.device)
    with torch.enable_grad():
        maps, logits = _maps_and_logits(network, batch)
        # Some of timm's have the channels last.
        last = maps.shape[1] != network.trunk.width == maps.shape[3]
        sides, channels = ((1, 2), 3) if last else ((2, 3), 1)
        heats = []
        for head, label in zip(logits, labels, strict=True):
            (slopes,) = torch.autograd.grad(head[0, label], maps, retain_graph=True)
            weights = slopes.mean(sides, keepdim=True)  # equation 1
            heat = functional.relu((weights * maps).sum(channels))  # equation 2
            heats.append(heat.detach()[:, None])
    return PerHead(*(_spread(heat, ink.shape[1:]) for heat in heats))


def _maps_and_logits(network: GraphemeNetwork, batch: Tensor) -> tuple[Tensor, PerHead[Tensor]]:
    """(1, K, h, w) the trunk's last feature maps, and the heads' logits that follow from them."""
    kept: list[Tensor] = []

    def keep(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        # A leaf of its own: all below it needs no gradient.
        kept.append(inputs[0].detach().requires_grad_())
        return (kept[0], *inputs[1:])

    handle = _pooling(network.trunk).register_forward_pre_hook(keep)
    try:
        heads = network(batch).heads
    finally:
        handle.remove()
    maps = kept[0]
    return maps, heads


def _pooling(trunk: Trunk) -> nn.Module:
    """The trunk's global pooling, which is given the last feature maps."""
    assert isinstance(trunk, nn.Module)
    kinds: tuple[type[nn.Module], ...] = (GlobalPool,)
    if isinstance(trunk, TimmTrunk):
        kinds = (GlobalPool, timm_library().layers.SelectAdaptivePool2d)
    found = [part for part in trunk.modules() if isinstance(part, kinds)]
    if not found:
        raise NetworkError(
            "this trunk has no feature maps to look at, as transformers have none; expected a"
            " convolutional one"
        )
    return found[-1]


def _spread(heat: Tensor, size: torch.Size) -> Heat:
    """(1, 1, h, w) -> (H, W), its greatest value 1."""
    large = functional.interpolate(heat, size=tuple(size), mode="bilinear", align_corners=False)
    top = float(large.max())
    return np.asarray((large / top if top > 0 else large)[0, 0].cpu(), np.float32)
